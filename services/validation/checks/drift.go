package checks

import (
	"context"
	"fmt"
	"math"

	"github.com/invopop/jsonschema"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/drift"
	"github.com/slipway-ml/slipway/services/pipeline"
	"github.com/slipway-ml/slipway/services/validation"
)

// Drift measures how far a data set lies from a reference, such as that of the
// training, feature by feature.
type Drift struct{}

// driftSettings are the fields of a step.
type driftSettings struct {
	Reference datasetName `json:"reference"`
	Columns   []string    `json:"columns,omitempty" jsonschema:"minItems=1" jsonschema_description:"The columns of a table that are compared; by default all that both have."`
	PSI       float64     `json:"psi,omitempty" jsonschema:"exclusiveMinimum=0,default=0.25" jsonschema_description:"The stability index above which a feature counts as drifted."`
}

// datasetName is a version of a data set, as NAME@VERSION.
type datasetName string

// JSONSchema states its form.
func (datasetName) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{
		Type: "string", Pattern: `^[A-Za-z0-9][A-Za-z0-9._-]*@[1-9][0-9]*$`, Description: "The version of a data set that is compared with, such as shapes-train@1.",
	}
}

// Declare implements validation.Check.
func (Drift) Declare() pipeline.Check {
	return pipeline.Check{
		Name: "drift", Version: 1, About: "how far the inputs of a data set lie from those of a reference.",
		Dataset: pipeline.Required, Settings: driftSettings{PSI: drift.Major},
		Measures: []pipeline.Measure{
			{Name: "drifted", Lower: true, About: "features that have drifted"},
			{Name: "drifted_share", Share: true, Lower: true, About: "their share of all features"},
			{Name: "psi_max", Lower: true, About: "the largest population stability index"},
			{Name: "js_max", Share: true, Lower: true, About: "the largest Jensen-Shannon distance"},
			{Name: "ks_max", Share: true, Lower: true, About: "the largest Kolmogorov-Smirnov statistic"},
			{Name: "psi[CLASS]", Lower: true, About: "population stability index of a feature"},
			{Name: "js[CLASS]", Share: true, Lower: true, About: "Jensen-Shannon distance of a feature"},
			{Name: "ks[CLASS]", Share: true, Lower: true, About: "Kolmogorov-Smirnov statistic of a feature of numbers"},
			{Name: "samples", About: "rows or images looked at"},
			{Name: "reference_samples", About: "of the reference"},
		},
	}
}

// Run implements validation.Check.
func (Drift) Run(ctx context.Context, s *validation.Subject) (models.Report, error) {
	var report models.Report
	settings := driftSettings{PSI: drift.Major}
	if err := s.Step.Read(&settings); err != nil {
		return report, err
	}
	ref, err := models.ParseDatasetRef(string(settings.Reference))
	if err != nil {
		return report, err
	}
	now, err := s.Datasets.Committed(ctx, *s.Step.Dataset)
	if err != nil {
		return report, err
	}
	then, err := s.Datasets.Committed(ctx, ref)
	if err != nil {
		return report, err
	}
	if a, b := now.Format.Task() == models.TaskTable, then.Format.Task() == models.TaskTable; a != b {
		return report, models.Errorf(models.KindInvalid, "reference: %s is of format %s and %s of %s: a table is compared with a table, pictures with pictures", ref, then.Format, s.Step.Dataset, now.Format)
	}
	report.Key = keyOf("drift 1", now.Digest, then.Digest, string(s.Step.Settings))
	report.Facts = map[string]string{
		"dataset": s.Step.Dataset.String(), "dataset_digest": "sha256:" + now.Digest,
		"reference": ref.String(), "reference_digest": "sha256:" + then.Digest,
	}
	seen := make([]features, 2)
	for i, set := range []models.DatasetVersion{then, now} {
		if seen[i], err = featuresOf(ctx, s, set, settings.Columns, i); err != nil {
			return report, err
		}
	}
	return report, compareFeatures(settings, seen[0], seen[1], &report)
}

// features are those of a data set, by name.
type features struct {
	by     map[string]*drift.Feature
	number map[string]bool // features of numbers
	total  int64           // samples there are
	looked int64           // samples looked at
}

// compareFeatures measures the distance of each.
func compareFeatures(settings driftSettings, then, now features, report *models.Report) error {
	var top struct{ psi, js, ks float64 }
	var names []string
	for _, name := range keys(then.by) {
		switch {
		case now.by[name] == nil:
			report.Findings = append(report.Findings, problem(name, "%q is in the reference and not in the data set", name))
		case then.number[name] != now.number[name]:
			report.Findings = append(report.Findings, problem(name, "%q holds numbers in one of the two and words in the other", name))
		default:
			names = append(names, name)
		}
	}
	for _, name := range keys(now.by) {
		if then.by[name] == nil {
			report.Findings = append(report.Findings, warning(name, "%q is not in the reference", name))
		}
	}
	if len(names) == 0 {
		return models.Errorf(models.KindInvalid, "the data set and its reference have no column in common")
	}
	add := func(name string, value float64) {
		if !math.IsNaN(value) {
			report.Measurements = append(report.Measurements, models.Measurement{Name: name, Value: value})
		}
	}
	drifted := 0
	chart := models.Chart{
		Title: "Stability", About: fmt.Sprintf("Below %g nothing has changed that matters, above %g much has.", drift.Moderate, drift.Major),
		Kind: models.ChartBars, X: "feature", Y: "population stability index", Labels: names, Series: []models.Series{{Name: "index"}},
	}
	for _, name := range names {
		d := drift.Between(*then.by[name], *now.by[name])
		add("psi["+name+"]", d.PSI)
		add("js["+name+"]", d.JS)
		add("ks["+name+"]", d.KS)
		chart.Series[0].Y = append(chart.Series[0].Y, d.PSI)
		top.psi, top.js = max(top.psi, d.PSI), max(top.js, d.JS)
		if !math.IsNaN(d.KS) {
			top.ks = max(top.ks, d.KS)
		}
		report.Findings = append(report.Findings, drifting(settings, name, d)...)
		if d.PSI > settings.PSI {
			drifted++
		}
	}
	add("drifted", float64(drifted))
	add("drifted_share", float64(drifted)/float64(len(names)))
	add("psi_max", top.psi)
	add("js_max", top.js)
	add("ks_max", top.ks)
	add("samples", float64(now.looked))
	add("reference_samples", float64(then.looked))
	for _, f := range []features{then, now} {
		if f.looked < f.total {
			report.Findings = append(report.Findings, info("samples", "%d of %d samples were looked at, evenly spread", f.looked, f.total))
		}
	}
	report.Figures.Charts = []models.Chart{chart}
	return nil
}

// drifting says what a person should know of a feature.
func drifting(settings driftSettings, name string, d drift.Distance) []models.Finding {
	var findings []models.Finding
	switch {
	case d.PSI > settings.PSI:
		f := warning(name, "%q has drifted: its stability index is %.3f", name, d.PSI)
		f.Remedy = "see whether the reference still is what the model meets; a threshold on psi_max or drifted makes it a gate"
		findings = append(findings, f)
	case d.PSI > drift.Moderate:
		findings = append(findings, info(name, "%q has moved: its stability index is %.3f", name, d.PSI))
	}
	if n := len(d.New); n > 0 {
		findings = append(findings, info(name, "%q has %d values that the reference has not, such as %q", name, n, d.New[:min(n, 3)]))
	}
	return findings
}
