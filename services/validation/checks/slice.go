package checks

import (
	"fmt"
	"path"
	"regexp"
	"slices"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/detection"
	"github.com/slipway-ml/slipway/services/validation"
)

// slice is a part of a data set whose figures are measured too.
type slice struct {
	Name  string     `json:"name" jsonschema:"pattern=^[A-Za-z0-9][A-Za-z0-9._-]*$" jsonschema_description:"Stands behind the name of a figure: map50{night}."`
	Where sliceWhere `json:"where"`
}

// sliceWhere says which images or rows belong to a slice: those to which all of
// it applies.
type sliceWhere struct {
	Tag   string `json:"tag,omitempty" jsonschema_description:"A tag of the image, such as night or weather=rain."`
	Image string `json:"image,omitempty" jsonschema_description:"A path in the data set, or a pattern of paths such as val/images/night-*."`

	Column string `json:"column,omitempty" jsonschema_description:"A column of a table."`
	Value  string `json:"value,omitempty" jsonschema_description:"What stands in that column, such as DE."`
}

var sliceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

func lintSlices(list []slice, at func(field, format string, args ...any)) {
	for i, s := range list {
		field := fmt.Sprintf("slices[%d]", i)
		if !sliceName.MatchString(s.Name) {
			at(field+".name", "%q cannot name a slice: letters, digits, '.', '_' and '-', a letter or a digit first", s.Name)
		}
		if slices.ContainsFunc(list[:i], func(other slice) bool { return other.Name == s.Name }) {
			at(field+".name", "the slice %q is there twice", s.Name)
		}
		if s.Where == (sliceWhere{}) {
			at(field, "where is empty: every image would belong to it")
		}
		if (s.Where.Column == "") != (s.Where.Value == "") {
			at(field+".where", "column and value go together")
		}
		if _, err := path.Match(s.Where.Image, ""); err != nil {
			at(field+".where.image", "the pattern %q does not parse", s.Where.Image)
		}
	}
}

func sliceNames(list []slice) []string {
	names := make([]string, len(list))
	for i, s := range list {
		names[i] = s.Name
	}
	return names
}

// has tells whether an image belongs to the slice.
func (w sliceWhere) has(image models.LabeledImage) bool {
	if w.Column != "" {
		return false
	}
	if w.Tag != "" && !slices.Contains(image.Tags, w.Tag) {
		return false
	}
	if w.Image != "" && w.Image != image.File.Path {
		if ok, _ := path.Match(w.Image, image.File.Path); !ok {
			return false
		}
	}
	return true
}

// hasRow tells whether a row of a table belongs to the slice.
func (w sliceWhere) hasRow(columns []models.Column, row []any) bool {
	i := slices.IndexFunc(columns, func(c models.Column) bool { return c.Name == w.Column })
	if i < 0 || w.Tag+w.Image != "" {
		return false
	}
	text, ok := word(row[i])
	return ok && text == w.Value
}

// fewLabels is the number of labels below which a slice's figures are said to
// tell little: an average precision then has an interval of about ±0.1.
const fewLabels = 100

// measureSlices adds the figures of each slice.
func measureSlices(s *validation.Subject, list []slice, images []models.LabeledImage, ranked *detection.Ranked, report *models.Report) error {
	for _, part := range list {
		weights, n := make([]int32, len(images)), 0
		for i, image := range images {
			if part.Where.has(image) {
				weights[i] = 1
				n++
			}
		}
		if n == 0 {
			return models.Errorf(models.KindInvalid, "the slice %q has no image of %s: mend its where", part.Name, s.Step.Dataset)
		}
		scores := ranked.Weighted(weights, detection.AllParts)
		suffix := "{" + part.Name + "}"
		for _, f := range append(scores.Figures(), counts(scores)...) {
			report.Measurements = append(report.Measurements, models.Measurement{Name: f.Name + suffix, Value: f.Value})
		}
		if scores.Labels < fewLabels {
			report.Findings = append(report.Findings, warning(suffix, "the slice %q has %d images with %d boxes: its figures tell little", part.Name, n, scores.Labels))
		}
	}
	return nil
}
