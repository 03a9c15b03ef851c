package checks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/detection"
	"github.com/slipway-ml/slipway/services/pipeline"
	"github.com/slipway-ml/slipway/services/validation"
)

// Detection measures a detector on a labelled data set, as pycocotools or as
// ultralytics does.
type Detection struct{}

// The settings of every measurement, as COCO's and ultralytics' evaluations
// have them.
const (
	lowest   = 0.001 // confidence of the boxes that are looked at
	suppress = 0.7   // overlap
)

// detectionSettings are the fields of a step.
type detectionSettings struct {
	Exclude    []string `json:"exclude,omitempty" jsonschema_description:"Images of the data set to leave out, by path, such as one that does not decode."`
	MaxDet     int      `json:"max_det,omitempty" jsonschema:"minimum=1,maximum=10000,default=300" jsonschema_description:"Boxes kept of each image."`
	Layout     layout   `json:"layout,omitempty"`
	Convention string   `json:"convention,omitempty" jsonschema:"enum=coco,enum=ultralytics,default=coco" jsonschema_description:"The tool whose figures these agree with: pycocotools (coco) or ultralytics val."`
	Confidence float64  `json:"confidence,omitempty" jsonschema:"minimum=0.001,maximum=1,default=0.25" jsonschema_description:"The confidence of precision_at, recall_at, f1_at and the confusion matrix: that at which the detector is used."`
	Slices     []slice  `json:"slices,omitempty" jsonschema_description:"Parts of the data set whose figures are measured too, such as map50{night}."`
	CompareBy  string   `json:"compare_by,omitempty" jsonschema:"enum=bound,enum=estimate,default=bound" jsonschema_description:"What no_worse_than is held against: the bound (95 %) of the difference, or the difference itself."`
}

var detectionDefaults = detectionSettings{MaxDet: 300, Convention: string(detection.COCO), Confidence: detection.DefaultOptions.Confidence, CompareBy: byBound}

// layout is how a model writes its boxes.
type layout detection.Layout

// JSONSchema lists the layouts.
func (layout) JSONSchema() *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string", Description: "How the model writes its boxes; told from its outputs by default."}
	for _, l := range detection.Layouts {
		s.Enum = append(s.Enum, string(l))
	}
	return s
}

// Lint implements pipeline.Linter.
func (d detectionSettings) Lint(at func(field, format string, args ...any)) { lintSlices(d.Slices, at) }

// Parts implements pipeline.Parted.
func (d detectionSettings) Parts() []string { return sliceNames(d.Slices) }

// aboutFigures says what the figures are.
var aboutFigures = map[string]string{
	"map50": "mean average precision at an IoU of 0.50", "map50_95": "mean average precision over the IoUs 0.50 to 0.95",
	"map75":     "mean average precision at an IoU of 0.75",
	"map_small": "map50_95 of labels below 32x32 pixels", "map_medium": "map50_95 of labels from 32x32 to 96x96 pixels",
	"map_large": "map50_95 of labels above 96x96 pixels", "ar": "mean recall of all that is found over the IoUs 0.50 to 0.95",
	"precision": "mean precision of the classes at best_confidence", "recall": "mean recall of the classes at best_confidence",
	"f1": "mean F1 of the classes at best_confidence", "best_confidence": "the confidence at which the mean F1 is best",
	"precision_at": "mean precision of the classes at the step's confidence", "recall_at": "mean recall of the classes at the step's confidence",
	"f1_at": "mean F1 of the classes at the step's confidence",
	"ap50":  "average precision at an IoU of 0.50", "ap50_95": "average precision over the IoUs 0.50 to 0.95",
}

// Declare implements validation.Check.
func (Detection) Declare() pipeline.Check {
	c := pipeline.Check{
		Name: "detection", Version: 2, About: "average precision, recall and confusion on a labelled data set.",
		Dataset: pipeline.Required, Compare: []string{"map50", "map50_95"},
		Settings: detectionDefaults,
	}
	for _, name := range detection.FigureNames {
		c.Measures = append(c.Measures, pipeline.Measure{Name: name, Share: true, About: aboutFigures[name]})
	}
	for _, name := range detection.ClassFigureNames {
		c.Measures = append(c.Measures, pipeline.Measure{Name: name + "[CLASS]", Share: true, About: "of a class: " + aboutFigures[name]})
	}
	c.Measures = append(
		c.Measures,
		pipeline.Measure{Name: "images", About: "images used"},
		pipeline.Measure{Name: "backgrounds", About: "images without a label"},
		pipeline.Measure{Name: "boxes", About: "labels"},
		pipeline.Measure{Name: "detections", About: "boxes that the model gave"},
	)
	return c
}

// Run implements validation.Check.
func (d Detection) Run(ctx context.Context, s *validation.Subject) (models.Report, error) {
	settings := detectionDefaults // of what an older pipeline left out
	if err := s.Step.Read(&settings); err != nil {
		return models.Report{}, err
	}
	set, images, err := d.dataset(ctx, s, settings)
	if err != nil {
		return models.Report{}, err
	}
	report, evidence, err := d.measure(ctx, s, settings, set, images)
	if err != nil || evidence == nil {
		return report, err
	}
	if err := d.keep(ctx, s, evidence, images, &report); err != nil || s.Step.Compare == nil {
		return report, err
	}
	return report, d.compare(ctx, s, settings, set, images, evidence, &report)
}

// dataset opens the step's data set without the images it excludes.
func (Detection) dataset(ctx context.Context, s *validation.Subject, settings detectionSettings) (models.DatasetVersion, []models.LabeledImage, error) {
	set, images, err := s.Datasets.Open(ctx, *s.Step.Dataset)
	if err != nil {
		return set, nil, err
	}
	if images, err = without(images, settings.Exclude, s.Step.Dataset); err != nil {
		return set, nil, err
	}
	if !slices.ContainsFunc(images, func(image models.LabeledImage) bool { return len(image.Boxes) > 0 }) {
		return set, nil, models.Errorf(models.KindInvalid, "%s has no box to find: detection needs a data set with boxes", s.Step.Dataset)
	}
	return set, images, nil
}

// measure runs the version over the images. It gives no evidence where the
// findings say why.
func (d Detection) measure(
	ctx context.Context, s *validation.Subject, settings detectionSettings, set models.DatasetVersion, images []models.LabeledImage,
) (report models.Report, evidence *detection.Evidence, err error) {
	served, err := s.Serve(ctx)
	if broken := (*validation.BrokenError)(nil); errors.As(err, &broken) {
		report.Findings = append(report.Findings, problem("model", "%s", broken.Error()))
		return report, nil, nil
	}
	if err != nil {
		return report, nil, err
	}
	defer served.Stop()
	report.Key = d.key(settings, set, served)
	report.Facts = map[string]string{
		"dataset": s.Step.Dataset.String(), "dataset_digest": "sha256:" + set.Digest,
		"convention": settings.Convention, "runtime": served.Facts.Runtime,
	}
	meta, err := detection.ParseMeta(served.Facts.Model.Metadata)
	if err != nil {
		return report, nil, err
	}
	classes, missing, found := match(set.Classes, meta)
	if report.Findings = found; missing {
		return report, nil, nil
	}
	seen, err := newSeer(s, served, settings, set, classes).look(ctx, images)
	if err != nil {
		return report, nil, err
	}
	if len(seen.faults) > 0 {
		report.Findings = append(report.Findings, seen.faults...)
		if seen.unreadable > 0 {
			err = models.Errorf(models.KindInvalid,
				"%d of %d images do not decode, %s first: mend the data set, or name them under exclude", seen.unreadable, len(images), seen.firstUnreadable)
		}
		return report, nil, err
	}
	if meta.Names == nil {
		if found, err = byID(set.Classes, seen); err != nil {
			return report, nil, err
		}
		report.Findings = append(report.Findings, found...)
	}
	report.Findings = append(report.Findings, exported(meta, seen.first)...)
	d.facts(settings, seen, &report)
	return report, seen.evidence, score(s, settings, images, seen, &report)
}

func (Detection) facts(settings detectionSettings, seen sight, report *models.Report) {
	first := seen.first
	fitted := "square letterbox to the model's input, padding 114"
	if first.Layout.Stretched() {
		fitted = "stretched to the model's input"
	}
	resized := "resized as Pillow does"
	if settings.Convention == string(detection.Ultralytics) {
		resized = "resized as OpenCV does"
	}
	report.Facts["layout"] = string(first.Layout)
	report.Facts["input"] = fmt.Sprintf("%dx%d", first.InputWidth, first.InputHeight)
	report.Facts["settings"] = fmt.Sprintf("%s, %s; conf %g, iou %g per class, max_det %d; figures at confidence %g",
		fitted, resized, lowest, suppress, settings.MaxDet, settings.Confidence)
}

// key names the measurement with all that it depends on but the version.
func (Detection) key(settings detectionSettings, set models.DatasetVersion, served *validation.Served) string {
	settings.CompareBy = ""
	return keyOf("detection 2", set.Digest, fmt.Sprintf("%+v", settings), served.Facts.Version, served.Facts.Runtime)
}

// keyOf names a measurement by all that it depends on.
func keyOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return hex.EncodeToString(sum[:])
}

// countNames are the figures that count what was looked at.
var countNames = []string{"images", "boxes", "detections"}

func counts(s detection.Scores) []detection.Figure {
	return []detection.Figure{
		{Name: countNames[0], Value: float64(s.Images)},
		{Name: countNames[1], Value: float64(s.Labels)},
		{Name: countNames[2], Value: float64(s.Detections)},
	}
}

// score computes the figures.
func score(s *validation.Subject, settings detectionSettings, images []models.LabeledImage, seen sight, report *models.Report) error {
	ranked := seen.evidence.Rank()
	scores := ranked.Scores()
	for _, f := range append(scores.Figures(), counts(scores)...) {
		report.Measurements = append(report.Measurements, models.Measurement{Name: f.Name, Value: f.Value})
	}
	backgrounds := 0
	for _, image := range images {
		if len(image.Boxes)+len(image.Crowds) == 0 {
			backgrounds++
		}
	}
	report.Measurements = append(report.Measurements, models.Measurement{Name: "backgrounds", Value: float64(backgrounds)})
	for _, c := range scores.Classes {
		if c.Labels == 0 {
			report.Findings = append(report.Findings, warning(c.Class, "the data set has no label of the class %q, so nothing is measured of it", c.Class))
		}
	}
	if seen.capped > 0 {
		report.Findings = append(report.Findings, warning("max_det", "%d images have as many boxes as max_det (%d) allows: some may be cut off", seen.capped, settings.MaxDet))
	}
	if scores.MAP50 == 0 && scores.Detections > scores.Labels {
		report.Findings = append(report.Findings, warning("classes", "%d detections and not one of them right: check class ids and the export's output", scores.Detections))
	}
	report.Figures.Charts = charts(seen.evidence, ranked, scores)
	return measureSlices(s, settings.Slices, images, ranked, report)
}
