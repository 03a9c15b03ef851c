package checks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/detection"
	"github.com/slipway-ml/slipway/services/pipeline"
	"github.com/slipway-ml/slipway/services/validation"
)

// Detection measures a detector on a labelled data set. Average precision
// follows COCO (101 recall points, IoU .50:.05:.95).
type Detection struct{}

// The settings of every measurement, as COCO's and ultralytics' evaluations
// have them.
const (
	confidence = 0.001
	suppress   = 0.7
)

// detectionSettings are the fields of a step.
type detectionSettings struct {
	Exclude []string `json:"exclude,omitempty" jsonschema_description:"Images of the data set to leave out, by path, such as one that does not decode."`
	MaxDet  int      `json:"max_det,omitempty" jsonschema:"minimum=1,maximum=10000,default=300" jsonschema_description:"Boxes kept of each image."`
}

// Declare implements validation.Check.
func (Detection) Declare() pipeline.Check {
	return pipeline.Check{
		Name: "detection", About: "average precision on a labelled data set.",
		Dataset: pipeline.Required, Compare: []string{"map50", "map50_95"}, Settings: detectionSettings{MaxDet: 300},
		Measures: []pipeline.Measure{
			{Name: "map50", Share: true, About: "mean average precision at an IoU of 0.50"},
			{Name: "map50_95", Share: true, About: "mean average precision over the IoUs 0.50 to 0.95"},
			{Name: "map75", Share: true, About: "mean average precision at an IoU of 0.75"},
			{Name: "ap50[CLASS]", Share: true, About: "average precision of a class at an IoU of 0.50"},
			{Name: "ap50_95[CLASS]", Share: true, About: "average precision of a class over the IoUs 0.50 to 0.95"},
			{Name: "images", About: "images used"},
			{Name: "backgrounds", About: "images without a label"},
			{Name: "boxes", About: "labels"},
			{Name: "detections", About: "boxes that the model gave"},
		},
	}
}

// Run implements validation.Check.
func (d Detection) Run(ctx context.Context, s *validation.Subject) (models.Report, error) {
	var settings detectionSettings
	if err := s.Step.Read(&settings); err != nil {
		return models.Report{}, err
	}
	set, images, err := d.dataset(ctx, s, settings)
	if err != nil {
		return models.Report{}, err
	}
	report, err := d.measure(ctx, s, settings, set, images)
	if err != nil || s.Step.Compare == nil {
		return report, err
	}
	return report, d.compare(ctx, s, settings, set, images, &report)
}

// dataset opens the step's data set without the images it excludes.
func (Detection) dataset(ctx context.Context, s *validation.Subject, settings detectionSettings) (models.DatasetVersion, []models.LabeledImage, error) {
	set, images, err := s.Datasets.Open(ctx, *s.Step.Dataset)
	if err != nil {
		return set, nil, err
	}
	for _, name := range settings.Exclude {
		i := slices.IndexFunc(images, func(image models.LabeledImage) bool { return image.File.Path == name })
		if i < 0 {
			return set, nil, models.Errorf(models.KindInvalid, "exclude: %s has no image %q", s.Step.Dataset, name)
		}
		images = slices.Delete(images, i, i+1)
	}
	if len(images) == 0 {
		return set, nil, models.Errorf(models.KindInvalid, "exclude leaves no image of %s", s.Step.Dataset)
	}
	return set, images, nil
}

// measure runs the version over the images.
func (d Detection) measure(ctx context.Context, s *validation.Subject, settings detectionSettings, set models.DatasetVersion, images []models.LabeledImage) (models.Report, error) {
	var report models.Report
	served, err := s.Serve(ctx)
	if broken := (*validation.BrokenError)(nil); errors.As(err, &broken) {
		report.Findings = append(report.Findings, problem("model", "%s", broken.Error()))
		return report, nil
	}
	if err != nil {
		return report, err
	}
	defer served.Stop()
	report.Key = d.key(settings, set, served)
	seen, err := detect(ctx, s, served, images, settings.MaxDet)
	if err != nil {
		return report, err
	}
	report.Facts = map[string]string{
		"dataset": s.Step.Dataset.String(), "dataset_digest": "sha256:" + set.Digest, "layout": seen.layout,
		"convention": "COCO, 101 recall points", "runtime": served.Facts.Runtime,
		"settings": fmt.Sprintf("square letterbox to the model's input, padding 114; conf %g, iou %g per class, max_det %d", confidence, suppress, settings.MaxDet),
	}
	if found := seen.faults(); len(found) > 0 {
		report.Findings = found
		if seen.unreadable > 0 {
			return report, models.Errorf(models.KindInvalid,
				"%d of %d images do not decode, %s first: mend the data set, or name them under exclude", seen.unreadable, len(images), seen.firstUnreadable)
		}
		return report, nil
	}
	classes, found, err := match(set.Classes, served, seen)
	report.Findings = append(report.Findings, found...)
	if err != nil || classes == nil {
		return report, err
	}
	score(settings, set, images, seen, classes, &report)
	return report, nil
}

// key names the measurement with all that it depends on but the version.
func (Detection) key(settings detectionSettings, set models.DatasetVersion, served *validation.Served) string {
	all := fmt.Sprintf("detection\n%s\n%q\n%d\n%s\n%s", set.Digest, settings.Exclude, settings.MaxDet, served.Facts.Version, served.Facts.Runtime)
	sum := sha256.Sum256([]byte(all))
	return hex.EncodeToString(sum[:])
}

// score computes the figures.
func score(settings detectionSettings, set models.DatasetVersion, images []models.LabeledImage, seen sight, classes []int, report *models.Report) {
	boxes, labels := make([][]detection.Box, len(images)), make([][]detection.Label, len(images))
	for i, image := range images {
		for _, box := range seen.images[i].Boxes {
			if box.ClassID >= 0 && box.ClassID < len(classes) && classes[box.ClassID] >= 0 {
				box.ClassID = classes[box.ClassID]
				boxes[i] = append(boxes[i], box)
			}
		}
		w, h := float64(seen.images[i].Width), float64(seen.images[i].Height)
		for _, l := range image.Boxes {
			labels[i] = append(labels[i], detection.Label{ClassID: l.Class, Box: detection.Rect{
				(l.CX - l.Width/2) * w, (l.CY - l.Height/2) * h, (l.CX + l.Width/2) * w, (l.CY + l.Height/2) * h,
			}})
		}
	}
	scores := detection.Score(boxes, labels, set.Classes, settings.MaxDet)
	add := func(name string, value float64) {
		if value >= 0 { // -1: no label to measure it on
			report.Measurements = append(report.Measurements, models.Measurement{Name: name, Value: value})
		}
	}
	add("map50", scores.MAP50)
	add("map50_95", scores.MAP5095)
	add("map75", scores.MAP75)
	backgrounds := 0
	for _, c := range scores.Classes {
		add("ap50["+c.Class+"]", c.AP50)
		add("ap50_95["+c.Class+"]", c.AP5095)
		if c.Labels == 0 {
			report.Findings = append(report.Findings, warning(c.Class, "the data set has no label of the class %q, so nothing is measured of it", c.Class))
		}
	}
	for i := range images {
		if len(images[i].Boxes) == 0 {
			backgrounds++
		}
	}
	add("images", float64(scores.Images))
	add("backgrounds", float64(backgrounds))
	add("boxes", float64(scores.Labels))
	add("detections", float64(scores.Detections))
	if seen.capped > 0 {
		report.Findings = append(report.Findings, warning("max_det", "%d images have as many boxes as max_det (%d) allows: some may be cut off", seen.capped, settings.MaxDet))
	}
	if scores.MAP50 == 0 && scores.Detections > scores.Labels {
		report.Findings = append(report.Findings, warning("classes", "%d detections and not one of them right: check class ids and the export's output", scores.Detections))
	}
}

// compare adds what the champion measures on the same images.
func (d Detection) compare(ctx context.Context, s *validation.Subject, settings detectionSettings, set models.DatasetVersion, images []models.LabeledImage, report *models.Report) error {
	if len(report.Measurements) == 0 {
		return nil // already failed
	}
	against := s.Step.Compare.Against
	champion, err := s.Champion(ctx, against)
	if err != nil {
		return err
	}
	if champion == nil {
		report.Findings = append(report.Findings, info(against, "%s runs no version yet: nothing to compare with, which does not block", against))
		return nil
	}
	if champion.Version.ID == s.Version.ID {
		report.Findings = append(report.Findings, info(against, "%s runs this very version", against))
		return nil
	}
	measured, err := champion.Measured(ctx, report.Key)
	how := "measured earlier on the same data"
	if err == nil && measured == nil {
		how = "measured now on the same data"
		_, _ = fmt.Fprintf(s.Log, "measuring %s, which %s runs\n", champion.Version.Ref(), against)
		var other models.Report
		other, err = d.measure(ctx, champion, settings, set, images)
		measured = other.Measurements
	}
	if err != nil {
		return fmt.Errorf("measure %s, which %s runs: %w", champion.Version.Ref(), against, err)
	}
	report.Facts["champion"] = fmt.Sprintf("%s, %s", champion.Version.Ref(), how)
	if len(measured) == 0 {
		report.Findings = append(report.Findings, warning(against, "%s, which %s runs, cannot be measured on %s: nothing to compare with", champion.Version.Ref(), against, s.Step.Dataset))
		return nil
	}
	for i, m := range report.Measurements {
		at := slices.IndexFunc(measured, func(c models.Measurement) bool { return c.Name == m.Name })
		if at >= 0 && strings.Contains(m.Name, "ap") {
			report.Measurements[i].Champion = &measured[at].Value
		}
	}
	return nil
}
