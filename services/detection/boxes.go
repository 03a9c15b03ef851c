package detection

import (
	"math"
	"slices"

	"github.com/slipway-ml/slipway/models"
)

// Options are the thresholds that make an output boxes.
type Options struct {
	Confidence float64 // a box scores more than this
	IoU        float64 // of two boxes of one class that overlap more, the better stays
	MaxDet     int     // best boxes kept of a picture
	Convention Convention
}

// DefaultOptions serve people: few, sure boxes. EvalOptions measure: all boxes
// that could move a precision-recall curve.
var (
	DefaultOptions = Options{Confidence: 0.25, IoU: 0.7, MaxDet: 300}
	EvalOptions    = Options{Confidence: 0.001, IoU: 0.7, MaxDet: 300}
)

// Validate names the option that is out of range.
func (o Options) Validate() error {
	switch {
	case !(o.Confidence >= 0 && o.Confidence <= 1):
		return models.Errorf(models.KindInvalid, "conf is %v: 0 to 1", o.Confidence)
	case !(o.IoU >= 0 && o.IoU <= 1):
		return models.Errorf(models.KindInvalid, "iou is %v: 0 to 1", o.IoU)
	case o.MaxDet < 1:
		return models.Errorf(models.KindInvalid, "max_det is %d: 1 or more", o.MaxDet)
	}
	return o.Convention.Validate()
}

// candidate is a box in pixels of the model's input.
type candidate struct {
	x0, y0, x1, y1, score float32
	class                 int
}

// Boxes reads one picture's outputs: the classes of each anchor, suppression
// class by class where the model has not done it, best boxes first, in pixels
// of the picture. An anchor gives its best class, or with Ultralytics each
// class above the confidence.
func (h Head) Boxes(outputs []Output, in Input, fit Fit, o Options) []Box {
	conf, out := float32(o.Confidence), outputs[h.boxes]
	several := o.Convention == Ultralytics
	var kept []candidate
	switch h.Layout {
	case YOLOv8:
		rows, anchors := matrix(out.Shape)
		kept = suppress(yolov8(out.Data, int(rows)-4, int(anchors), conf, several), float32(o.IoU))
	case YOLOv5:
		anchors, columns := matrix(out.Shape)
		kept = suppress(yolov5(out.Data, int(anchors), int(columns), conf, several), float32(o.IoU))
	case EndToEnd:
		kept = endToEnd(out.Data, conf)
	case Batched:
		kept = batched(out.Data, conf)
	case RTDETR:
		_, columns := matrix(out.Shape)
		kept = shares(out.Data, int(columns), in, conf)
	case DETR:
		kept = detr(out.Data, outputs[h.scores], in, conf)
	case Final:
		kept = final(out.Data, outputs[h.scores].Data, outputs[h.classes].Data, conf)
	case FinalDets:
		kept = finalDets(out.Data, outputs[h.classes].Data, conf)
	}
	slices.SortStableFunc(kept, better)
	kept = kept[:min(len(kept), o.MaxDet)]
	boxes := make([]Box, len(kept))
	for i, c := range kept {
		boxes[i] = Box{
			ClassID: c.class, Class: in.Meta.ClassName(c.class), Score: float64(c.score),
			Box: fit.Back(Rect{float64(c.x0), float64(c.y0), float64(c.x1), float64(c.y1)}),
		}
	}
	return boxes
}

// yolov8 goes over the planes class by class, as they lie in memory.
func yolov8(data []float32, classes, anchors int, confidence float32, several bool) []candidate {
	var out []candidate
	box := func(i, class int, score float32) {
		out = addCentred(out, data[i], data[anchors+i], data[2*anchors+i], data[3*anchors+i], score, class)
	}
	scores := data[4*anchors:]
	if several {
		for k := range classes {
			for i, s := range scores[k*anchors : (k+1)*anchors] {
				if s > confidence {
					box(i, k, s)
				}
			}
		}
		return out
	}
	best, class := slices.Clone(scores[:anchors]), make([]int32, anchors)
	for k := 1; k < classes; k++ {
		for i, s := range scores[k*anchors : (k+1)*anchors] {
			if s > best[i] {
				best[i], class[i] = s, int32(k)
			}
		}
	}
	for i, s := range best {
		if s > confidence {
			box(i, int(class[i]), s)
		}
	}
	return out
}

func yolov5(data []float32, anchors, columns int, confidence float32, several bool) []candidate {
	var out []candidate
	for i := range anchors {
		row := data[i*columns : (i+1)*columns]
		if row[4] <= confidence {
			continue
		}
		class := 0
		for k, s := range row[5:] {
			if s > row[5+class] {
				class = k
			}
			if several && s*row[4] > confidence {
				out = addCentred(out, row[0], row[1], row[2], row[3], s*row[4], k)
			}
		}
		if s := row[4] * row[5+class]; !several && s > confidence {
			out = addCentred(out, row[0], row[1], row[2], row[3], s, class)
		}
	}
	return out
}

func endToEnd(data []float32, confidence float32) []candidate {
	var out []candidate
	for ; len(data) >= 6; data = data[6:] {
		out = addFinal(out, data, data[4], data[5], confidence)
	}
	return out
}

// batched is what YOLOv7's export with suppression gives.
func batched(data []float32, confidence float32) []candidate {
	var out []candidate
	for ; len(data) >= 7; data = data[7:] {
		out = addFinal(out, data[1:], data[6], data[5], confidence)
	}
	return out
}

func final(boxes, scores, classes []float32, confidence float32) []candidate {
	var out []candidate
	for i, s := range scores {
		out = addFinal(out, boxes[4*i:], s, classes[i], confidence)
	}
	return out
}

func finalDets(boxes, classes []float32, confidence float32) []candidate {
	var out []candidate
	for i, class := range classes {
		out = addFinal(out, boxes[5*i:], boxes[5*i+4], class, confidence)
	}
	return out
}

// addFinal leaves out what fills a fixed number of rows: a class below 0.
func addFinal(out []candidate, box []float32, score, class, confidence float32) []candidate {
	if !(score > confidence && class >= 0 && class < math.MaxInt32) {
		return out
	}
	return add(out, candidate{box[0], box[1], box[2], box[3], score, int(class)})
}

func addCentred(out []candidate, cx, cy, w, h, score float32, class int) []candidate {
	return add(out, candidate{cx - w/2, cy - h/2, cx + w/2, cy + h/2, score, class})
}

// add leaves a box out that has no place: a coordinate that is no number.
func add(out []candidate, c candidate) []candidate {
	if sum := c.x0 + c.y0 + c.x1 + c.y1; sum-sum != 0 {
		return out
	}
	return append(out, c)
}
