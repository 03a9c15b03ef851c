package detection

import (
	"fmt"

	"github.com/slipway-ml/slipway/models"
)

// Layout is how a detector writes its boxes.
type Layout string

// The layouts we read. N is the number of anchors, M that of final boxes.
const (
	YOLOv8   Layout = "yolov8"     // (1, 4+classes, N): cx cy w h, a score for each class
	YOLOv5   Layout = "yolov5"     // (1, N, 5+classes): cx cy w h, objectness, a score for each class
	EndToEnd Layout = "end-to-end" // (1, M, 6): x0 y0 x1 y1, score, class; suppressed already
)

// Layouts lists them, for messages and flags.
var Layouts = []Layout{YOLOv8, YOLOv5, EndToEnd}

// LayoutOf tells the layout of an output by its shape and what the file says.
// inputHeight and inputWidth settle (1, N, 6), which is end-to-end boxes or a
// YOLOv5 head of one class. A shape that is no detector's is an error of kind
// invalid that names it.
func LayoutOf(shape []int64, m Meta, inputHeight, inputWidth int) (Layout, error) {
	if len(shape) != 3 || shape[0] != 1 {
		return "", notDetector(shape, m)
	}
	rows, columns, classes := shape[1], shape[2], int64(len(m.Names))
	switch {
	case columns == 6 && (m.EndToEnd || classes != 1 && rows != 4+classes):
		return EndToEnd, nil
	case columns == 6 && classes == 1 && rows != 5:
		if rows == yolov5Anchors(inputHeight, inputWidth) {
			return YOLOv5, nil
		}
		return EndToEnd, nil
	case classes > 0 && rows == 4+classes:
		return YOLOv8, nil
	case classes > 0 && columns == 5+classes:
		return YOLOv5, nil
	case classes > 0:
		return "", notDetector(shape, m)
	case rows >= 5 && rows < columns:
		return YOLOv8, nil
	case columns >= 6 && columns < rows:
		return YOLOv5, nil
	}
	return "", notDetector(shape, m)
}

// Check refuses a layout that a caller chose but the shape does not allow.
func (l Layout) Check(shape []int64) error {
	ok := len(shape) == 3 && shape[0] == 1
	switch l {
	case YOLOv8:
		ok = ok && shape[1] >= 5
	case YOLOv5:
		ok = ok && shape[2] >= 6
	case EndToEnd:
		ok = ok && shape[2] == 6
	default:
		return models.Errorf(models.KindInvalid, "layout %q is none of %v", l, Layouts)
	}
	if !ok {
		return models.Errorf(models.KindInvalid, "an output of shape %v is not in layout %s", shape, l)
	}
	return nil
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

func notDetector(shape []int64, m Meta) error {
	want := "(1, 4+classes, N), (1, N, 5+classes) or (1, M, 6)"
	if n := len(m.Names); n > 0 {
		want = fmt.Sprintf("(1, %d, N), (1, N, %d) or (1, M, 6) with the %d classes it names", 4+n, 5+n, n)
	}
	return models.Errorf(models.KindInvalid, "the model is no detector: its output has the shape %v, a detector's is %s", shape, want)
}
