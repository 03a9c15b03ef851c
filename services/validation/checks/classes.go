package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/detection"
	"github.com/slipway-ml/slipway/services/validation"
)

// match finds the data set's class of each class of the model, by name; -1
// where it has none. A model without names is taken by ids where the count
// agrees. It gives no classes where the findings say why.
func match(names []string, served *validation.Served, seen sight) ([]int, []models.Finding, error) {
	meta, err := detection.ParseMeta(served.Facts.Model.Metadata)
	if err != nil {
		return nil, nil, err
	}
	if meta.Names == nil {
		return byID(names, seen)
	}
	var findings []models.Finding
	classes := make([]int, len(meta.Names))
	for id, name := range meta.Names {
		classes[id] = slices.Index(names, name)
		switch {
		case classes[id] < 0:
			findings = append(findings, warning(name, "the model's class %q is none of the data set's: what it finds of it is left out", name))
		case classes[id] != id:
			findings = append(findings, info(name, "the class %q is %d in the model and %d in the data set: matched by name", name, id, classes[id]))
		}
	}
	var missing []string
	for _, name := range names {
		if !slices.Contains(meta.Names, name) {
			missing = append(missing, fmt.Sprintf("%q", name))
		}
	}
	if missing != nil {
		f := problem("classes", "the model lacks the data set's class %s; its classes are %s", strings.Join(missing, ", "), strings.Join(meta.Names, ", "))
		f.Remedy = "train it on the classes of the data set, or validate on another data set"
		return nil, append(findings, f), nil
	}
	return classes, findings, nil
}

// byID takes a model without names by the data set's ids.
func byID(names []string, seen sight) ([]int, []models.Finding, error) {
	highest := -1
	for _, image := range seen.images {
		for _, box := range image.Boxes {
			highest = max(highest, box.ClassID)
		}
	}
	if highest >= len(names) {
		return nil, nil, models.Errorf(models.KindInvalid,
			"the ONNX file names no classes, and the model finds class %d where the data set has %d: export it with names in its metadata", highest, len(names))
	}
	classes := make([]int, len(names))
	for id := range classes {
		classes[id] = id
	}
	f := warning("classes", "the ONNX file names no classes: taken by id, as in the data set")
	f.Remedy = `export it with names in its metadata, such as {0: "bolt", 1: "nut"}`
	return classes, []models.Finding{f}, nil
}
