package detection

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// Layout is how a detector writes its boxes.
type Layout string

// The layouts we read. N is the number of anchors or queries, M that of final
// boxes, C that of classes.
const (
	YOLOv8    Layout = "yolov8"     // (1, 4+C, N): cx cy w h, a score for each class
	YOLOv5    Layout = "yolov5"     // (1, N, 5+C): cx cy w h, objectness, a score for each class
	EndToEnd  Layout = "end-to-end" // (1, M, 6): x0 y0 x1 y1, score, class; suppressed already
	Batched   Layout = "batched"    // (M, 7): picture, x0 y0 x1 y1, class, score; suppressed already
	RTDETR    Layout = "rt-detr"    // (1, N, 4+C): cx cy w h as shares of the picture, a score for each class
	DETR      Layout = "detr"       // logits (1, N, C or C+1) and boxes (1, N, 4) as RTDETR's
	Final     Layout = "final"      // boxes (M, 4), scores (M) and classes (M), suppressed already
	FinalDets Layout = "final-dets" // boxes with scores (1, M, 5) and classes (1, M), suppressed already
)

// Layouts lists them, for messages and flags.
var Layouts = []Layout{YOLOv8, YOLOv5, EndToEnd, Batched, RTDETR, DETR, Final, FinalDets}

// Stretched tells whether the layout's models see pictures stretched to their
// input, not letterboxed.
func (l Layout) Stretched() bool { return l == RTDETR || l == DETR }

// Output is one output of a model's run on one picture.
type Output struct {
	Name    string
	Shape   []int64
	Data    []float32
	Integer bool // the model gives whole numbers
}

// Head is where in a model's outputs the boxes are, and how they are written.
type Head struct {
	Layout                 Layout
	Classes                int // that the outputs have room for; 0 where they do not tell
	boxes, scores, classes int // places in the outputs
}

// Input describes a model's input and what is known of its classes.
type Input struct {
	Meta          Meta
	Classes       int // of the data set, where the file names none; 0: unknown
	Height, Width int
}

func (in Input) classes() int {
	if n := len(in.Meta.Names); n > 0 {
		return n
	}
	return in.Classes
}

// HeadOf finds the boxes in a model's outputs by shapes, names, metadata and,
// where those leave two readings, by the values. want restricts it to one
// layout; "" takes any. Outputs that are no detector's are an error of kind
// invalid that says what they are.
func HeadOf(outputs []Output, in Input, want Layout) (Head, error) {
	if want != "" && !slices.Contains(Layouts, want) {
		return Head{}, models.Errorf(models.KindInvalid, "layout %q is none of %v", want, Layouts)
	}
	for _, h := range severalHeads(outputs, in) {
		if want == "" || h.Layout == want {
			return h, nil
		}
	}
	var first error
	for i, o := range outputs {
		l, err := layoutOf(o, in, want)
		if err == nil {
			h := Head{Layout: l, boxes: i}
			if classes, ok := map[Layout]int64{YOLOv8: o.rows() - 4, YOLOv5: o.columns() - 5, RTDETR: o.columns() - 4}[l]; ok {
				h.Classes = int(classes)
			}
			return h, nil
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		first = models.Errorf(models.KindInvalid, "the model has no outputs")
	}
	return Head{}, first
}

// severalHeads finds layouts that use more than one output.
func severalHeads(outputs []Output, in Input) []Head {
	var heads []Head
	for b, box := range outputs {
		if box.Integer {
			continue
		}
		rows, columns := matrix(box.Shape)
		for s, score := range outputs {
			if s == b {
				continue
			}
			r, c := matrix(score.Shape)
			switch {
			case columns == 4 && !score.Integer && len(score.Shape) == 3 && r == rows && c > 1 && logits(c, in):
				heads = append(heads, Head{Layout: DETR, Classes: cmp.Or(in.classes(), int(c)), boxes: b, scores: s})
			case columns == 5 && score.Integer && vector(score.Shape) == rows:
				heads = append(heads, Head{Layout: FinalDets, boxes: b, classes: s})
			case columns == 4 && !score.Integer && vector(score.Shape) == rows:
				for k, class := range outputs {
					named := strings.Contains(strings.ToLower(class.Name), "label") || strings.Contains(strings.ToLower(class.Name), "class")
					if k != b && k != s && vector(class.Shape) == rows && (class.Integer || named) {
						heads = append(heads, Head{Layout: Final, boxes: b, scores: s, classes: k})
					}
				}
			}
		}
	}
	return heads
}

func logits(columns int64, in Input) bool {
	n := int64(in.classes())
	return n == 0 || columns == n || columns == n+1
}

func (o Output) rows() int64 { r, _ := matrix(o.Shape); return r }

func (o Output) columns() int64 { _, c := matrix(o.Shape); return c }

// matrix is the rows and columns of (rows, columns) or (1, rows, columns);
// -1 where it is neither.
func matrix(shape []int64) (rows, columns int64) {
	switch {
	case len(shape) == 3 && shape[0] == 1:
		return shape[1], shape[2]
	case len(shape) == 2:
		return shape[0], shape[1]
	}
	return -1, -1
}

// vector is the length of (n) or (1, n); -2 where it is neither.
func vector(shape []int64) int64 {
	switch {
	case len(shape) == 1:
		return shape[0]
	case len(shape) == 2 && shape[0] == 1:
		return shape[1]
	}
	return -2
}

// layoutOf tells the layout of a single output.
func layoutOf(o Output, in Input, want Layout) (Layout, error) {
	readings := readingsOf(o, in)
	if len(readings) == 0 && len(in.Meta.Names) == 0 && in.Classes > 0 { // of another number of classes, perhaps
		in.Classes = 0
		readings = readingsOf(o, in)
	}
	switch {
	case want != "" && slices.Contains(readings, want):
		return want, nil
	case want != "":
		return "", models.Errorf(models.KindInvalid, "an output of shape %v%s is not in layout %s", o.Shape, named(in), want)
	case len(readings) == 0:
		return "", notDetector(o.Shape, in)
	}
	for _, l := range readings {
		if l == RTDETR && (!o.shares() || len(readings) > 1 && (in.Meta.EndToEnd || o.whole(6, 5))) {
			continue
		}
		return l, nil
	}
	return readings[len(readings)-1], nil
}

// readingsOf lists what an output's shape allows, the likeliest first.
func readingsOf(o Output, in Input) []Layout {
	if o.Integer {
		return nil
	}
	var all []Layout
	add := func(l Layout, ok bool) {
		if ok {
			all = append(all, l)
		}
	}
	n := int64(in.classes())
	if len(o.Shape) == 2 {
		add(Batched, o.Shape[1] == 7 && o.whole(7, 0) && o.whole(7, 5)) // a classifier's row is not
		add(EndToEnd, o.Shape[1] == 6 && o.whole(6, 5))
		return all
	}
	if len(o.Shape) != 3 || o.Shape[0] != 1 {
		return nil
	}
	rows, columns := o.Shape[1], o.Shape[2]
	five := columns == 6 && n == 1 && rows == yolov5Anchors(in.Height, in.Width)
	add(YOLOv5, five)
	add(RTDETR, n > 0 && columns == 4+n && rows != 4+n)
	add(EndToEnd, columns == 6 && !five && (n == 0 || rows != 4+n || in.Meta.EndToEnd))
	add(YOLOv8, n > 0 && rows == 4+n)
	add(YOLOv5, n > 0 && columns == 5+n && !five && columns != 6)
	if n == 0 {
		add(YOLOv8, rows >= 5 && rows < columns)
		add(RTDETR, columns > 6 && columns < rows && rows <= 1000)
		add(YOLOv5, columns > 6 && columns < rows)
	}
	return all
}

// shares tells whether the boxes of a (1, N, 4+C) output are shares of the
// picture, as no YOLO's are.
func (o Output) shares() bool {
	columns := int(o.Shape[2])
	for i := 0; i+columns <= len(o.Data); i += columns {
		for _, v := range o.Data[i : i+4] {
			if v < -1 || v > 2 {
				return false
			}
		}
	}
	return true
}

// whole tells whether a column holds whole numbers, as of classes.
func (o Output) whole(columns, at int) bool {
	for i := at; i < len(o.Data); i += columns {
		if o.Data[i] != float32(int32(o.Data[i])) {
			return false
		}
	}
	return true
}

// yolov5Anchors counts the boxes of a YOLOv5 head: three for each cell of its
// three grids.
func yolov5Anchors(height, width int) int64 {
	n := 0
	for _, stride := range []int{8, 16, 32} {
		n += 3 * (height / stride) * (width / stride)
	}
	return int64(n)
}

func named(in Input) string {
	if n := len(in.Meta.Names); n > 0 {
		return fmt.Sprintf(" of a model that names %d classes", n)
	}
	return ""
}

func notDetector(shape []int64, in Input) error {
	want := "(1, 4+classes, N), (1, N, 5+classes), (1, N, 4+classes), (1, M, 6) or (M, 7)"
	if n := in.classes(); n > 0 {
		whose := "it names"
		if len(in.Meta.Names) == 0 {
			whose = "of the data set"
		}
		want = fmt.Sprintf("(1, %d, N), (1, N, %d), (1, N, %d), (1, M, 6) or (M, 7) with the %d classes %s", 4+n, 5+n, 4+n, n, whose)
	}
	task := ""
	if t := in.Meta.Task; t != "" && t != "detect" {
		task = fmt.Sprintf(" and its task is %q", t)
	}
	return models.Errorf(models.KindInvalid, "the model is no detector: its output has the shape %v%s, a detector's is %s", shape, task, want)
}
