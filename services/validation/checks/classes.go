package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/detection"
)

// match finds the data set's class of each class of the model, by name; -1
// where it has none; nil classes for a model that names none. missing tells
// that the model lacks a class, which the findings name.
func match(names []string, meta detection.Meta) (classes []int, missing bool, findings []models.Finding) {
	if meta.Names == nil {
		return nil, false, nil
	}
	classes = make([]int, len(meta.Names))
	for id, name := range meta.Names {
		classes[id] = slices.Index(names, name)
		switch {
		case classes[id] < 0:
			findings = append(findings, warning(name, "the model's class %q is none of the data set's: what it finds of it is left out", name))
		case classes[id] != id:
			findings = append(findings, info(name, "the class %q is %d in the model and %d in the data set: matched by name", name, id, classes[id]))
		}
	}
	var lacks []string
	for _, name := range names {
		if !slices.Contains(meta.Names, name) {
			lacks = append(lacks, fmt.Sprintf("%q", name))
		}
	}
	if lacks == nil {
		return classes, false, findings
	}
	f := problem("classes", "the model lacks the data set's class %s; its classes are %s", strings.Join(lacks, ", "), strings.Join(meta.Names, ", "))
	f.Remedy = "train it on the classes of the data set, or validate on another data set"
	return nil, true, append(findings, f)
}

// byID holds a model without names against the data set's ids: it is taken so
// where the numbers of classes agree.
func byID(names []string, seen sight) ([]models.Finding, error) {
	has := seen.first.Classes
	if has == 0 && seen.beyond >= len(names) { // its output does not tell
		return nil, models.Errorf(models.KindInvalid,
			"the ONNX file names no classes, and the model finds class %d where the data set has %d: export it with names in its metadata", seen.beyond, len(names))
	}
	if has != 0 && has != len(names) {
		return nil, models.Errorf(models.KindInvalid,
			"the ONNX file names no classes, and the model has %d where the data set has %d: export it with names in its metadata", has, len(names))
	}
	f := warning("classes", "the ONNX file names no classes: taken by id, as in the data set")
	f.Remedy = `export it with names in its metadata, such as {0: "bolt", 1: "nut"}`
	return []models.Finding{f}, nil
}

// exported holds what the file says of its input against the input itself.
func exported(meta detection.Meta, first detection.Answer) []models.Finding {
	var findings []models.Finding
	if meta.Height > 0 && (meta.Height != first.InputHeight || meta.Width != first.InputWidth) {
		findings = append(findings, warning("imgsz", "the metadata says imgsz %dx%d, and the model's input is %dx%d, which is what it is measured at",
			meta.Width, meta.Height, first.InputWidth, first.InputHeight))
	}
	if s := meta.Stride; s > 0 && (first.InputWidth%s != 0 || first.InputHeight%s != 0) {
		findings = append(findings, warning("stride", "the model's input of %dx%d is no multiple of its stride, %d", first.InputWidth, first.InputHeight, s))
	}
	return findings
}
