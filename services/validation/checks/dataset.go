package checks

import (
	"context"
	"fmt"
	"math"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/pipeline"
	"github.com/slipway-ml/slipway/services/validation"
)

// Dataset judges the evaluation set itself: what is in it twice, what the
// training has seen, what is odd about its labels, and whether there is enough
// of it to tell what is asked.
type Dataset struct{}

// datasetSettings are the fields of a step.
type datasetSettings struct {
	Training datasetName `json:"training,omitempty"`
	Distance int         `json:"distance,omitempty" jsonschema:"minimum=0,maximum=40,default=10" jsonschema_description:"How many of 128 bits of their hashes near-duplicates may differ in."`
	Share    float64     `json:"share,omitempty" jsonschema:"minimum=0,maximum=1,default=0.9" jsonschema_description:"The share that is to be told from such a data set, such as the accuracy asked for."`
	Margin   float64     `json:"margin,omitempty" jsonschema:"exclusiveMinimum=0,maximum=1,default=0.05" jsonschema_description:"How far the truth may lie from it, at 95 %, before there are said to be too few samples."`
}

var datasetDefaults = datasetSettings{Distance: 10, Share: 0.9, Margin: 0.05}

// Declare implements validation.Check.
func (Dataset) Declare() pipeline.Check {
	return pipeline.Check{
		Name: "dataset", Version: 1, About: "duplicates, leaks, labels and size of the evaluation set itself.", Dataset: pipeline.Required, Settings: datasetDefaults,
		Measures: []pipeline.Measure{
			{Name: "samples", About: "images or rows"},
			{Name: "labels", About: "boxes, or samples with a class"},
			{Name: "classes", About: "classes with a label"},
			{Name: "smallest_class", About: "labels of the class that has fewest"},
			{Name: "labels[CLASS]", About: "labels of a class"},
			{Name: "duplicates", Lower: true, About: "samples that are, or nearly are, another one's"},
			{Name: "leaked", Lower: true, About: "samples that are, or nearly are, in the training set"},
			{Name: "leaked_share", Share: true, Lower: true, About: "their share of all"},
			{Name: "oddities", Lower: true, About: "odd labels and files that were seen when it came in"},
			{Name: "interval", Share: true, Lower: true, About: "how far the truth may lie from a share told from all samples, at 95 %"},
			{Name: "interval[CLASS]", Share: true, Lower: true, About: "the same of the labels of a class"},
		},
	}
}

// Run implements validation.Check.
func (Dataset) Run(ctx context.Context, s *validation.Subject) (models.Report, error) {
	var report models.Report
	settings := datasetDefaults
	if err := s.Step.Read(&settings); err != nil {
		return report, err
	}
	set, err := s.Datasets.Committed(ctx, *s.Step.Dataset)
	if err != nil {
		return report, err
	}
	report.Facts = map[string]string{"dataset": s.Step.Dataset.String(), "dataset_digest": "sha256:" + set.Digest}
	var training *models.DatasetVersion
	trainingDigest := ""
	if settings.Training != "" {
		ref, err := models.ParseDatasetRef(string(settings.Training))
		if err != nil {
			return report, err
		}
		found, err := s.Datasets.Committed(ctx, ref)
		if err != nil {
			return report, err
		}
		if a, b := set.Format.Task() == models.TaskTable, found.Format.Task() == models.TaskTable; a != b {
			return report, models.Errorf(models.KindInvalid, "training: %s is of format %s and %s of %s: a table is compared with a table, pictures with pictures", ref, found.Format, s.Step.Dataset, set.Format)
		}
		training, trainingDigest = &found, found.Digest
		report.Facts["training"], report.Facts["training_digest"] = ref.String(), "sha256:"+found.Digest
	}
	report.Key = keyOf("dataset 1", set.Digest, trainingDigest, string(s.Step.Settings))
	countLabels(settings, set, &report)
	return report, copies(ctx, s, settings, set, training, &report)
}

// countLabels tells how many labels there are, and whether they are enough.
func countLabels(settings datasetSettings, set models.DatasetVersion, report *models.Report) {
	samples := set.Images
	if set.Format.Task() == models.TaskTable {
		samples = set.Summary.Rows
	}
	add := func(name string, value float64) {
		report.Measurements = append(report.Measurements, models.Measurement{Name: name, Value: value})
	}
	labels, smallest, seen := int64(0), int64(-1), 0
	chart := models.Chart{Title: "Labels", Kind: models.ChartBars, X: "class", Y: "labels", Series: []models.Series{{Name: "labels"}}}
	for _, c := range set.Summary.Classes {
		n := c.Images
		if set.Format.Task() == models.TaskDetection {
			n = c.Boxes
		}
		labels += n
		if smallest < 0 || n < smallest {
			smallest = n
		}
		chart.Labels, chart.Series[0].Y = append(chart.Labels, c.Name), append(chart.Series[0].Y, float64(n))
		add("labels["+c.Name+"]", float64(n))
		if n == 0 {
			report.Findings = append(report.Findings, warning(c.Name, "there is no label of the class %q", c.Name))
			continue
		}
		seen++
		half := interval(settings.Share, n)
		add("interval["+c.Name+"]", half)
		if half > settings.Margin {
			report.Findings = append(report.Findings, few(c.Name, fmt.Sprintf("%d labels of the class %q", n, c.Name), settings, half))
		}
	}
	add("samples", float64(samples))
	if smallest >= 0 {
		add("labels", float64(labels))
		add("classes", float64(seen))
		add("smallest_class", float64(smallest))
		report.Figures.Charts = []models.Chart{chart}
	}
	half := interval(settings.Share, samples)
	add("interval", half)
	if half > settings.Margin {
		report.Findings = append(report.Findings, few("samples", fmt.Sprintf("%d samples", samples), settings, half))
	}
	oddities := int64(0)
	for _, f := range set.Summary.Findings {
		if f.Severity == models.SeverityInfo {
			continue
		}
		oddities += f.Count
		where := f.Rule
		if len(f.Examples) > 0 {
			where = f.Examples[0].Field
		}
		report.Findings = append(report.Findings, models.Finding{Severity: models.SeverityWarning, Where: where, Message: f.Message, Remedy: f.Remedy})
	}
	add("oddities", float64(oddities))
}

func few(where, what string, settings datasetSettings, half float64) models.Finding {
	f := warning(where, "%s tell a share of %g to ±%.3f at 95 %%, and ±%g is asked for", what, settings.Share, half, settings.Margin)
	f.Remedy = "label more, or ask for a threshold that noise does not decide"
	return f
}

// interval is half the width of Wilson's score interval for a share of n at
// 95 % (Wilson, Probable Inference, the Law of Succession, and Statistical
// Inference, 1927).
func interval(share float64, n int64) float64 {
	const z = 1.959963984540054
	if n == 0 {
		return 1
	}
	of := float64(n)
	return z / (1 + z*z/of) * math.Sqrt(share*(1-share)/of+z*z/(4*of*of))
}
