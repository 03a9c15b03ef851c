package detection

import (
	"cmp"
	"math"
	"slices"

	"github.com/slipway-ml/slipway/models"
)

// Options are the thresholds that make an output boxes.
type Options struct {
	Confidence float64 // a box scores more than this
	IoU        float64 // of two boxes of one class that overlap more, the better stays
	MaxDet     int     // best boxes kept of a picture
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
	return nil
}

// candidate is a box in pixels of the model's input.
type candidate struct {
	x0, y0, x1, y1, score float32
	class                 int
}

// Boxes reads one picture's output: best class of each anchor, suppression
// class by class, best boxes first, in pixels of the picture. data has the
// shape that the layout was told from.
func Boxes(layout Layout, data []float32, shape []int64, m Meta, fit Fit, o Options) []Box {
	rows, columns := int(shape[1]), int(shape[2])
	var kept []candidate
	switch layout {
	case YOLOv8:
		kept = suppress(yolov8(data, rows-4, columns, float32(o.Confidence)), float32(o.IoU))
	case YOLOv5:
		kept = suppress(yolov5(data, rows, columns, float32(o.Confidence)), float32(o.IoU))
	case EndToEnd:
		kept = endToEnd(data, rows, float32(o.Confidence))
		slices.SortStableFunc(kept, better)
	}
	kept = kept[:min(len(kept), o.MaxDet)]
	boxes := make([]Box, len(kept))
	for i, c := range kept {
		boxes[i] = Box{
			ClassID: c.class, Class: m.ClassName(c.class), Score: float64(c.score),
			Box: fit.Back(Rect{float64(c.x0), float64(c.y0), float64(c.x1), float64(c.y1)}),
		}
	}
	return boxes
}

// yolov8 goes over the planes class by class, as they lie in memory.
func yolov8(data []float32, classes, anchors int, confidence float32) []candidate {
	scores := data[4*anchors:]
	best, class := slices.Clone(scores[:anchors]), make([]int, anchors)
	for k := 1; k < classes; k++ {
		for i, s := range scores[k*anchors : (k+1)*anchors] {
			if s > best[i] {
				best[i], class[i] = s, k
			}
		}
	}
	var out []candidate
	for i, s := range best {
		if s > confidence {
			out = addCentred(out, data[i], data[anchors+i], data[2*anchors+i], data[3*anchors+i], s, class[i])
		}
	}
	return out
}

func yolov5(data []float32, anchors, columns int, confidence float32) []candidate {
	var out []candidate
	for i := range anchors {
		row := data[i*columns : (i+1)*columns]
		class := 0
		for k, s := range row[5:] {
			if s > row[5+class] {
				class = k
			}
		}
		if s := row[4] * row[5+class]; s > confidence {
			out = addCentred(out, row[0], row[1], row[2], row[3], s, class)
		}
	}
	return out
}

func endToEnd(data []float32, rows int, confidence float32) []candidate {
	var out []candidate
	for i := range rows {
		if r := data[6*i : 6*i+6]; r[4] > confidence && r[5] >= 0 && r[5] < math.MaxInt32 {
			out = add(out, candidate{r[0], r[1], r[2], r[3], r[4], int(r[5])})
		}
	}
	return out
}

func addCentred(out []candidate, cx, cy, w, h, score float32, class int) []candidate {
	return add(out, candidate{cx - w/2, cy - h/2, cx + w/2, cy + h/2, score, class})
}

// add leaves a box out that has no place: a coordinate that is no number.
func add(out []candidate, c candidate) []candidate {
	if sum := float64(c.x0 + c.y0 + c.x1 + c.y1); math.IsNaN(sum) || math.IsInf(sum, 0) {
		return out
	}
	return append(out, c)
}

func better(a, b candidate) int { return cmp.Compare(b.score, a.score) }

// suppress keeps of overlapping boxes of a class the best one, best first;
// equal scores stand by class, then in the order of anchors.
func suppress(all []candidate, iou float32) []candidate {
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Or(cmp.Compare(a.class, b.class), better(a, b)) })
	var kept []candidate
	for first := 0; first < len(all); {
		last := first
		for last < len(all) && all[last].class == all[first].class {
			last++
		}
		kept = append(kept, suppressClass(all[first:last], iou)...)
		first = last
	}
	slices.SortStableFunc(kept, better)
	return kept
}

func suppressClass(all []candidate, iou float32) []candidate {
	kept := all[:0:0]
next:
	for _, c := range all {
		for i := range kept {
			if overlap(&kept[i], &c) > iou {
				continue next
			}
		}
		kept = append(kept, c)
	}
	return kept
}

func overlap(a, b *candidate) float32 {
	w := min(a.x1, b.x1) - max(a.x0, b.x0)
	h := min(a.y1, b.y1) - max(a.y0, b.y0)
	if w <= 0 || h <= 0 {
		return 0
	}
	shared := w * h
	return shared / ((a.x1-a.x0)*(a.y1-a.y0) + (b.x1-b.x0)*(b.y1-b.y0) - shared + 1e-9)
}
