package dataset

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/slipway-ml/slipway/models"
)

// annotations gives the images their boxes, relative to their size.
func (j *cocoJoin) annotations() {
	for _, a := range j.instances.annotations {
		at := j.at(a.line)
		i, known := j.images[a.ImageID]
		class, named := j.classes[a.CategoryID]
		switch {
		case !named:
			j.faults.add(at, "annotation %s: no category has the id %s", a.ID, cmp.Or(string(a.CategoryID), "that it should name"))
		case !known && !j.absent[a.ImageID]:
			j.faults.add(at, "annotation %s: no image has the id %s", a.ID, cmp.Or(string(a.ImageID), "that it should name"))
		case !known || j.frames[i].Width == 0: // told already
		default:
			j.box(at, a, class, i)
		}
	}
}

func (j *cocoJoin) box(at string, a cocoAnnotation, class, i int) {
	x, y, w, h := a.BBox[0], a.BBox[1], a.BBox[2], a.BBox[3]
	if fault := misplaced(a.BBox, j.frames[i]); fault != "" {
		j.faults.add(at, "annotation %s of %s: %s", a.ID, j.contents.images[i].File.Path, fault)
		return
	}
	width, height := float64(j.frames[i].Width), float64(j.frames[i].Height)
	box := models.LabelBox{Class: class, CX: (x + w/2) / width, CY: (y + h/2) / height, Width: w / width, Height: h / height}
	image := &j.contents.images[i]
	if a.IsCrowd {
		image.Crowds = append(image.Crowds, box)
		j.found.add(crowd, at, "annotation %s of %s", a.ID, image.File.Path)
		return
	}
	if a.polygon {
		j.found.add(polygon, at, "annotation %s of %s", a.ID, image.File.Path)
	}
	if j.whole {
		if slices.Contains(image.Boxes, box) {
			j.found.add(twiceKept, at, "annotation %s of %s", a.ID, image.File.Path)
		}
		j.found.judge(at, box, j.frames[i])
	}
	image.Boxes = append(image.Boxes, box)
}

// misplaced says what keeps a box from being one of its picture; "" for
// nothing.
func misplaced(box []float64, frame models.ImageFacts) string {
	for _, v := range box {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return "a coordinate is no number"
		}
	}
	cx, cy := box[0]+box[2]/2, box[1]+box[3]/2
	switch {
	case box[2] <= 0 || box[3] <= 0:
		return fmt.Sprintf("a box of %g x %g pixels has no area", box[2], box[3])
	case cx < 0 || cy < 0 || cx > float64(frame.Width) || cy > float64(frame.Height):
		return fmt.Sprintf("the centre of the box, %g, %g, is outside of the picture of %dx%d", cx, cy, frame.Width, frame.Height)
	}
	return ""
}

// judge adds findings for images without a box.
func (j *cocoJoin) judge() {
	for _, image := range j.contents.images {
		if len(image.Boxes) == 0 {
			j.found.add(withoutBoxes, image.File.Path, "")
		}
	}
}
