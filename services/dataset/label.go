package dataset

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// slack is how far rounding may carry a coordinate out of the picture; it is
// clipped.
const slack = 1e-6

// edge is how far a box may reach out of a picture whose size is not known
// before that is told: labels are often rounded to three digits.
const edge = 2e-3

// labelReader reads one label file of YOLO's: a line each of class, centre and
// size, relative to the picture, or of class and the corners of a polygon.
// Every line at fault is named.
type labelReader struct {
	classes int
	picture models.ImageFacts
	faults  list
	found   findings
}

func (l *labelReader) read(where string, text []byte) []models.LabelBox {
	var boxes []models.LabelBox
	rows := 0
	for line := range strings.Lines(string(text)) {
		rows++
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		at := where + ":" + strconv.Itoa(rows)
		box, ok := l.row(at, fields)
		switch {
		case !ok:
		case slices.Contains(boxes, box):
			l.found.add(twiceCounted, at, "the same class and box as an earlier line")
		default:
			l.found.judge(at, box, l.picture)
			boxes = append(boxes, box)
		}
	}
	if len(boxes) == 0 && l.faults.count == 0 {
		l.found.add(emptyLabels, where, "no label")
	}
	return boxes
}

func (l *labelReader) row(at string, fields []string) (box models.LabelBox, ok bool) {
	switch n := len(fields); {
	case n == 6:
		l.faults.add(at, "a row of 6 numbers: labels have 5 (class cx cy w h); these look like predictions saved with their confidence (save_conf)")
		return box, false
	case n != 5 && (n < 7 || n%2 == 0):
		l.faults.add(at, "a row of %d numbers; labels have 5: class cx cy w h, or are polygons: class x1 y1 x2 y2 x3 y3 …", n)
		return box, false
	}
	class, err := strconv.ParseFloat(fields[0], 64)
	switch {
	case err != nil || class != math.Trunc(class):
		l.faults.add(at, "the class %q is no whole number", fields[0])
		return box, false
	case class < 0 || class >= float64(l.classes):
		l.faults.add(at, "class %s is beyond the names: %d of them, so ids are 0 to %d", fields[0], l.classes, l.classes-1)
		return box, false
	}
	numbers := make([]float64, len(fields)-1)
	for i, field := range fields[1:] {
		if numbers[i], ok = l.coordinate(at, nameOf(i, len(numbers)), field); !ok {
			return box, false
		}
	}
	box = models.LabelBox{Class: int(class), CX: numbers[0], CY: numbers[1], Width: numbers[2], Height: numbers[3]}
	if len(numbers) > 4 {
		box = around(numbers)
		box.Class = int(class)
		l.found.add(polygon, at, "%d corners", len(numbers)/2)
	}
	if box.Width == 0 || box.Height == 0 {
		name := "w"
		if box.Width > 0 {
			name = "h"
		}
		l.faults.add(at, "%s is 0: a box without area", name)
		return box, false
	}
	return box, true
}

func nameOf(i, n int) string {
	if n == 4 {
		return [...]string{"cx", "cy", "w", "h"}[i]
	}
	return string("xy"[i%2]) + strconv.Itoa(i/2+1)
}

func (l *labelReader) coordinate(at, name, text string) (float64, bool) {
	v, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || math.IsNaN(v) || math.IsInf(v, 0):
		l.faults.add(at, "%s is %q, which is no number", name, text)
		return v, false
	case v < 0 || v > 1+slack:
		l.faults.add(at, "%s is %s: coordinates are relative to the picture, 0 to 1 (pixels have to be divided by its size)", name, text)
		return v, false
	}
	return min(v, 1), true
}

// around is the bounding box of corners x1 y1 x2 y2 ….
func around(corners []float64) models.LabelBox {
	left, top, right, bottom := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for i := 0; i+1 < len(corners); i += 2 {
		left, right = min(left, corners[i]), max(right, corners[i])
		top, bottom = min(top, corners[i+1]), max(bottom, corners[i+1])
	}
	return models.LabelBox{CX: (left + right) / 2, CY: (top + bottom) / 2, Width: right - left, Height: bottom - top}
}

// judge adds what is odd about a box in its picture: it reaches out by more
// than a pixel, or is smaller than one.
func (f findings) judge(at string, box models.LabelBox, picture models.ImageFacts) {
	slackX, slackY := edge, edge
	if w, h := float64(picture.Width), float64(picture.Height); w > 0 {
		slackX, slackY = 1/w, 1/h
		if box.Width*w < 1-slack || box.Height*h < 1-slack {
			f.add(tiny, at, "%.3g x %.3g pixels", box.Width*w, box.Height*h)
		}
	}
	left, right := box.CX-box.Width/2, box.CX+box.Width/2
	top, bottom := box.CY-box.Height/2, box.CY+box.Height/2
	if left < -slackX || right > 1+slackX || top < -slackY || bottom > 1+slackY {
		f.add(outside, at, "from %.4g, %.4g to %.4g, %.4g", left, top, right, bottom)
	}
}
