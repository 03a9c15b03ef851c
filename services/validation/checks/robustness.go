package checks

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/pipeline"
	"github.com/slipway-ml/slipway/services/validation"
)

// Robustness changes the pictures of a data set and measures how far a detector
// or a classifier falls, and asks pictures that no data set holds.
type Robustness struct{}

// robustnessSettings are the fields of a step.
type robustnessSettings struct {
	Changes  []change      `json:"changes,omitempty" jsonschema:"uniqueItems=true" jsonschema_description:"What robustness does to pictures; all but flip_vertical by default, and no flips where a class is named for a side."`
	Strength float64       `json:"strength,omitempty" jsonschema:"exclusiveMinimum=0,maximum=4" jsonschema_description:"How strong the changes of robustness are; 1 is the usual."`
	Classes  []string      `json:"classes,omitempty" jsonschema:"minItems=2" jsonschema_description:"The classes in the order of the model's output; by default those of its metadata, else the data set's in their order."`
	Output   string        `json:"output,omitempty" jsonschema_description:"The output that is judged, where the model has several."`
	Picture  pictureFitted `json:"picture,omitempty"`
	Sample   int           `json:"sample,omitempty" jsonschema:"minimum=1,maximum=1000000" jsonschema_description:"Images that robustness changes, evenly picked (200)."`
}

// change names a transform.
type change string

// JSONSchema lists the transforms.
func (change) JSONSchema() *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string", Description: "A change of robustness, such as blur."}
	for _, t := range transforms {
		s.Enum = append(s.Enum, t.name)
	}
	return s
}

// Declare implements validation.Check.
func (Robustness) Declare() pipeline.Check {
	return pipeline.Check{
		Name: "robustness", Version: 1, About: "how far a detector or classifier falls on changed pictures, and whether it answers odd ones.",
		Dataset: pipeline.Required, Settings: robustnessSettings{Strength: 1, Sample: 200},
		Measures: []pipeline.Measure{
			{Name: "map50", Share: true, About: "mAP50 on the images as they are"},
			{Name: "map50_95", Share: true, About: "mAP50-95 on them"},
			{Name: "map50[CLASS]", Share: true, About: "mAP50 after a change, such as map50[blur]"},
			{Name: "map50_95[CLASS]", Share: true, About: "mAP50-95 after it"},
			{Name: "map50_drop[CLASS]", Lower: true, About: "how far mAP50 falls by it"},
			{Name: "map50_95_drop[CLASS]", Lower: true, About: "how far mAP50-95 falls by it"},
			{Name: "worst_map50_drop", Lower: true, About: "the largest fall of mAP50"},
			{Name: "accuracy", Share: true, About: "of a classifier, on the images as they are"},
			{Name: "accuracy[CLASS]", Share: true, About: "after a change"},
			{Name: "accuracy_drop[CLASS]", Lower: true, About: "how far it falls by it"},
			{Name: "worst_accuracy_drop", Lower: true, About: "its largest fall"},
			{Name: "unanswered", Lower: true, About: "pictures, changed and odd ones, that the model does not answer in numbers"},
			{Name: "images", About: "images that were changed"},
		},
	}
}

// Run implements validation.Check.
func (r Robustness) Run(ctx context.Context, s *validation.Subject) (models.Report, error) {
	var report models.Report
	var settings robustnessSettings
	if err := s.Step.Read(&settings); err != nil {
		return report, err
	}
	set, images, err := s.Datasets.Open(ctx, *s.Step.Dataset)
	if err != nil {
		return report, err
	}
	if len(images) == 0 {
		return report, models.Errorf(models.KindInvalid, "%s holds no images", s.Step.Dataset)
	}
	served, err := s.Serve(ctx)
	if err != nil {
		return report, err
	}
	defer served.Stop()
	chosen, why := settings.chosen(set.Classes)
	report.Findings = append(report.Findings, why...)
	report.Facts = map[string]string{
		"dataset": s.Step.Dataset.String(), "dataset_digest": "sha256:" + set.Digest, "runtime": served.Facts.Runtime,
		"changes": strings.Join(changeNames(chosen), ", "), "strength": fmt.Sprint(settings.Strength),
	}
	if set.Format.Task() == models.TaskClassification {
		return report, (&shaken{
			classified: &classified{s: s, served: served, set: set, settings: classificationSettings{Classes: settings.Classes, Output: settings.Output, Picture: settings.Picture}},
			images:     spread(images, settings.Sample), strength: settings.Strength, changes: chosen,
		}).run(ctx, &report)
	}
	odd, err := probe(ctx, s, served, len(set.Classes))
	if err != nil {
		return report, err
	}
	report.Findings = append(report.Findings, odd.findings...)
	if odd.noDetector {
		return report, nil
	}
	t := &trial{s: s, served: served, set: set, images: spread(images, settings.Sample), strength: settings.Strength, changes: chosen}
	if err := t.run(ctx); err != nil {
		return report, err
	}
	return report, t.report(&report, odd)
}

// sided are words of classes that a mirror makes another.
var sided = []string{"left", "right", "arrow", "turn", "letter", "digit", "text", "plate"}

// chosen gives the changes to make and says which were left out.
func (r robustnessSettings) chosen(classes []string) ([]transform, []models.Finding) {
	if len(r.Changes) > 0 {
		return slices.DeleteFunc(slices.Clone(transforms), func(t transform) bool { return !slices.Contains(r.Changes, change(t.name)) }), nil
	}
	var findings []models.Finding
	out := []string{"flip_vertical"}
	for _, class := range classes {
		if slices.ContainsFunc(sided, func(word string) bool { return strings.Contains(strings.ToLower(class), word) }) {
			out = append(out, "flip_horizontal")
			findings = append(findings, info("flip_horizontal", "the class %q may be another in a mirror: pictures are not flipped unless changes: names it", class))
			break
		}
	}
	return slices.DeleteFunc(slices.Clone(transforms), func(t transform) bool { return slices.Contains(out, t.name) }), findings
}

func changeNames(all []transform) []string {
	names := make([]string, len(all))
	for i, t := range all {
		names[i] = t.name
	}
	return names
}

// spread picks at most n images, evenly.
func spread(images []models.LabeledImage, n int) []models.LabeledImage {
	if len(images) <= n {
		return images
	}
	picked := make([]models.LabeledImage, n)
	for i := range picked {
		picked[i] = images[i*len(images)/n]
	}
	return picked
}
