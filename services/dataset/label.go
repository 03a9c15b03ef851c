package dataset

import (
	"math"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// slack is how far rounding may carry a coordinate out of the picture; it is
// clipped.
const slack = 1e-6

// readLabels reads a label file of YOLO's: a line each of class, centre and
// size, relative to the picture. Every line at fault is named.
func readLabels(where string, text []byte, classes []string, faults *list) []models.LabelBox {
	var boxes []models.LabelBox
	for n, line := range strings.Split(string(text), "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		at := where + ":" + strconv.Itoa(n+1)
		if box, ok := readRow(at, fields, classes, faults); ok {
			boxes = append(boxes, box)
		}
	}
	return boxes
}

func readRow(at string, fields []string, classes []string, faults *list) (models.LabelBox, bool) {
	var box models.LabelBox
	switch n := len(fields); {
	case n == 6:
		faults.add(at, "a row of 6 numbers: labels have 5 (class cx cy w h); these look like predictions saved with their confidence (save_conf)")
		return box, false
	case n > 6 && n%2 == 1:
		faults.add(at, "a row of %d numbers is a polygon; labels have 5 (class cx cy w h): convert the segments to boxes", n)
		return box, false
	case n != 5:
		faults.add(at, "a row of %d numbers; labels have 5: class cx cy w h", n)
		return box, false
	}
	class, err := strconv.ParseFloat(fields[0], 64)
	switch {
	case err != nil || class != math.Trunc(class):
		faults.add(at, "the class %q is no whole number", fields[0])
		return box, false
	case class < 0 || class >= float64(len(classes)):
		faults.add(at, "class %s is beyond the names: %d of them, so ids are 0 to %d", fields[0], len(classes), len(classes)-1)
		return box, false
	}
	box.Class = int(class)
	for i, target := range []*float64{&box.CX, &box.CY, &box.Width, &box.Height} {
		name := [...]string{"cx", "cy", "w", "h"}[i]
		v, err := strconv.ParseFloat(fields[i+1], 64)
		switch {
		case err != nil || math.IsNaN(v) || math.IsInf(v, 0):
			faults.add(at, "%s is %q, which is no number", name, fields[i+1])
			return box, false
		case v < 0 || v > 1+slack:
			faults.add(at, "%s is %s: coordinates are relative to the picture, 0 to 1 (pixels have to be divided by its size)", name, fields[i+1])
			return box, false
		case v == 0 && i > 1:
			faults.add(at, "%s is 0: a box without area", name)
			return box, false
		}
		*target = min(v, 1)
	}
	return box, true
}
