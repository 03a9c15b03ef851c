package checks

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/accuracy"
	"github.com/slipway-ml/slipway/services/pipeline"
	"github.com/slipway-ml/slipway/services/validation"
)

// Regression measures how far predicted numbers are from the true ones, on the
// rows of a table.
type Regression struct{}

// regressionSettings are the fields of a step.
type regressionSettings struct {
	Target   string   `json:"target" jsonschema_description:"The column of a table that holds the truth."`
	Features []string `json:"features,omitempty" jsonschema:"minItems=1" jsonschema_description:"The columns that the model is given; by default those of its signature, else all but the target."`
	Output   string   `json:"output,omitempty" jsonschema_description:"The output that is judged, where the model has several."`
	Slices   []slice  `json:"slices,omitempty" jsonschema_description:"Parts of the data set whose figures are measured too, such as map50{night}."`

	CompareBy string `json:"compare_by,omitempty" jsonschema:"enum=bound,enum=estimate,default=bound" jsonschema_description:"What no_worse_than is held against: the bound (95 %) of the difference, or the difference itself."`
}

// Lint implements pipeline.Linter.
func (r regressionSettings) Lint(at func(field, format string, args ...any)) {
	lintSlices(r.Slices, at)
}

// Parts implements pipeline.Parted.
func (r regressionSettings) Parts() []string { return sliceNames(r.Slices) }

// Declare implements validation.Check.
func (Regression) Declare() pipeline.Check {
	return pipeline.Check{
		Name: "regression", Version: 1, About: "errors of predicted numbers on a table.", Dataset: pipeline.Required,
		Compare: []string{"mae", "rmse"}, Settings: regressionSettings{CompareBy: byBound},
		Measures: []pipeline.Measure{
			{Name: "mae", Lower: true, About: "mean absolute error, in the target's unit"},
			{Name: "rmse", Lower: true, About: "root of the mean squared error, in the target's unit"},
			{Name: "r2", About: "the part of the target's variance that is predicted: 1 is all, 0 what its mean would"},
			{Name: "bias", About: "mean of predicted minus true, in the target's unit"},
			{Name: "max_error", Lower: true, About: "the largest absolute error"},
			{Name: "rows", About: "rows used"},
		},
	}
}

// Run implements validation.Check.
func (c Regression) Run(ctx context.Context, s *validation.Subject) (models.Report, error) {
	var report models.Report
	settings := regressionSettings{CompareBy: byBound}
	if err := s.Step.Read(&settings); err != nil {
		return report, err
	}
	set, err := s.Datasets.Committed(ctx, *s.Step.Dataset)
	if err != nil {
		return report, err
	}
	own, err := c.measure(ctx, s, set, settings, &report)
	if err != nil {
		return report, broken(err, &report)
	}
	if err := own.conclude(&report); err != nil || s.Step.Compare == nil {
		return report, err
	}
	decide, err := newComparison(s.Step, settings.CompareBy, set, c.Declare())
	if err != nil {
		return report, err
	}
	return report, compareWithOther(ctx, s, decide, settings.Slices, own.answers, func(other *validation.Subject) (answers[*accuracy.Numbers], error) {
		its, err := c.measure(ctx, other, set, settings, &models.Report{})
		if err != nil {
			return answers[*accuracy.Numbers]{}, err
		}
		return its.answers, nil
	}, &report)
}

// measure runs a version over the table.
func (Regression) measure(
	ctx context.Context, s *validation.Subject, set models.DatasetVersion, settings regressionSettings, report *models.Report,
) (*regressed, error) {
	_, table, err := s.Datasets.Table(ctx, *s.Step.Dataset)
	if err != nil {
		return nil, err
	}
	defer func() { _ = table.Close() }()
	served, err := s.Serve(ctx)
	if err != nil {
		return nil, err
	}
	defer served.Stop()
	measured(s, set, served, "regression 1", report)
	run, err := newTableRun(ctx, s, served, table, settings.Target, settings.Features)
	if err != nil {
		return nil, err
	}
	run.total = set.Summary.Rows
	r := &regressed{settings: settings, columns: table.Columns(), answers: answers[*accuracy.Numbers]{given: &accuracy.Numbers{}}}
	if err := run.each(ctx, r.add); err != nil {
		return nil, err
	}
	return r, nil
}

// measured says what a figure depends on: the report's key and facts.
func measured(s *validation.Subject, set models.DatasetVersion, served *validation.Served, name string, report *models.Report) {
	report.Key = keyOf(name, set.Digest, string(s.Step.Settings), served.Facts.Version, served.Facts.Runtime)
	report.Facts = map[string]string{
		"dataset": s.Step.Dataset.String(), "dataset_digest": "sha256:" + set.Digest, "runtime": served.Facts.Runtime,
	}
}

// regressed is the work of one run.
type regressed struct {
	settings regressionSettings
	columns  []models.Column
	answers  answers[*accuracy.Numbers]
	rows     int // looked at
	missing  int // rows without a true number
	nan      int // predictions that are none
}

func (r *regressed) add(rows [][]any, said predicted) error {
	output := r.settings.Output
	if output == "" {
		names := keys(said.numbers)
		if len(names) != 1 {
			return models.Errorf(models.KindInvalid, "output: the model gives %q: name the one that is judged", names)
		}
		output = names[0]
	}
	if said.numbers[output] == nil || said.width(output) != 1 {
		return models.Errorf(models.KindInvalid, "output: %q is no output with one number a row; the model gives %q", output, keys(said.numbers))
	}
	target := slices.IndexFunc(r.columns, func(c models.Column) bool { return c.Name == r.settings.Target })
	for i, row := range rows {
		r.rows++
		truth := math.NaN()
		switch v := row[target].(type) {
		case int64:
			truth = float64(v)
		case float64:
			truth = v
		case nil:
		default:
			return models.Errorf(models.KindInvalid, "target: the column %q is of type %s: regression needs numbers", r.settings.Target, r.columns[target].Type)
		}
		guess := said.numbers[output][i]
		switch {
		case math.IsNaN(truth) || math.IsInf(truth, 0):
			r.missing++
		case math.IsNaN(guess) || math.IsInf(guess, 0):
			r.nan++
		default:
			r.answers.given.Add(truth, guess)
			r.answers.kept(r.rows, r.settings.Slices, func(where sliceWhere) bool { return where.hasRow(r.columns, row) })
		}
	}
	return nil
}

func (r *regressed) conclude(report *models.Report) error {
	if r.missing > 0 {
		report.Findings = append(report.Findings, warning(r.settings.Target, "%d rows have no true number and are left out", r.missing))
	}
	if r.nan > 0 {
		report.Findings = append(report.Findings, problem("model", "%d predictions are NaN or infinite", r.nan))
	}
	if r.answers.given.Len() == 0 {
		return models.Errorf(models.KindInvalid, "no row has a true number in %q", r.settings.Target)
	}
	addNumbers(r.answers.given, "", report)
	for j, part := range r.settings.Slices {
		some := r.answers.part(j)
		if some.Len() == 0 {
			return models.Errorf(models.KindInvalid, "the slice %q has no row: mend its where", part.Name)
		}
		addNumbers(some, "{"+part.Name+"}", report)
	}
	edges, counts := r.answers.given.Errors(40)
	if edges != nil {
		report.Figures.Charts = []models.Chart{{
			Title: "Errors", About: "How far predictions are off: right of 0 they are too high.", Kind: models.ChartBars,
			X: fmt.Sprintf("predicted - %s", r.settings.Target), Y: "rows", Series: []models.Series{{Name: "rows", X: edges, Y: counts}},
		}}
	}
	return nil
}

func addNumbers(n *accuracy.Numbers, suffix string, report *models.Report) {
	for _, f := range append(n.Figures(), accuracy.Figure{Name: "rows", Value: float64(n.Len())}) {
		if math.IsNaN(f.Value) {
			report.Findings = append(report.Findings, warning(f.Name+suffix, "%s cannot be told: the true numbers are all the same", f.Name+suffix))
			continue
		}
		report.Measurements = append(report.Measurements, models.Measurement{Name: f.Name + suffix, Value: f.Value})
	}
}
