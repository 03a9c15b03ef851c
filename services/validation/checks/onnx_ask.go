package checks

import (
	"context"
	"errors"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/validation"
)

// inquiry asks a model that has been loaded.
type inquiry struct {
	s        *validation.Subject
	served   *validation.Served
	settings onnxSettings
	model    onnxModel
	report   *models.Report

	asked   []string           // what was answered
	refused []string           // what was not understood
	inputs  []input            // as the model declares them
	shapes  map[string][]int64 // of the example
	guess   int64              // for open dimensions, that was understood
}

// run asks the input example, uniform noise and, where the batch is open, rows
// of noise together and alone.
func (q *inquiry) run(ctx context.Context) error {
	if err := q.example(ctx); err != nil {
		return err
	}
	var err error
	if q.inputs, err = modelInputs(ctx, q.s, q.served); err != nil {
		return err
	}
	understood := false
	if q.settings.Noise {
		if understood, err = q.noise(ctx); err != nil {
			return err
		}
	}
	if len(q.asked) == 0 && !failedIn(q.report.Findings) {
		return models.Errorf(models.KindUnsupported,
			"the model could not be asked (%s): log it with an input_example, so that its open dimensions are known", strings.Join(q.refused, "; "))
	}
	if understood && !failedIn(q.report.Findings) {
		err = q.rows(ctx)
	}
	q.report.Facts["asked"] = strings.Join(q.asked, "; ")
	return err
}

// example asks the input example where there is one.
func (q *inquiry) example(ctx context.Context) error {
	e, err := readExample(ctx, q.s)
	var asked question
	if err == nil {
		asked, err = e.question(0)
	}
	switch {
	case models.IsKind(err, models.KindNotFound):
		q.refused = append(q.refused, "it was logged without an input example")
		return nil
	case models.IsKind(err, models.KindInvalid):
		q.add(warning("input example", "%s", err))
		return nil
	case err != nil:
		return err
	}
	q.shapes = e.shapes()
	understood, err := q.twice(ctx, asked)
	if err == nil && !understood {
		q.add(warning(e.path, "the model does not take its own input example: %s", q.refused[len(q.refused)-1]))
	}
	return err
}

// noise asks uniform noise, of the first size that is understood, and tells
// whether one was.
func (q *inquiry) noise(ctx context.Context) (bool, error) {
	all := noises(q.inputs, q.shapes, q.served.Facts.Model.Metadata, 1)
	for _, n := range all {
		understood, err := q.twice(ctx, n.question(q.s.Version.Model))
		if err != nil || understood {
			q.guess = n.guess
			return understood, err
		}
	}
	if len(q.asked) > 0 {
		q.add(info("model", "uniform noise could not be asked: %s", strings.Join(q.refused, "; ")))
	}
	return false, nil
}

// twice asks and asks again, and tells whether the question was understood: a
// model that fails on what is of its form for certain understood it.
func (q *inquiry) twice(ctx context.Context, asked question) (bool, error) {
	since := stopwatch()
	first, err := asked.ask(ctx, q.served)
	took := since()
	var no *refusedError
	switch {
	case errors.As(err, &no) && (!no.fault || !asked.sure):
		q.refused = append(q.refused, asked.what+": "+no.message)
		return false, nil
	case errors.As(err, &no):
		q.add(problem("model", "it fails on %s: %s", asked.what, no.message))
		return true, nil
	case err != nil:
		return false, err
	}
	if len(q.asked) == 0 {
		q.report.Measurements = append(q.report.Measurements, models.Measurement{Name: "answer_ms", Value: milliseconds(took)})
	}
	q.asked = append(q.asked, asked.what)
	second, err := asked.ask(ctx, q.served)
	if errors.As(err, &no) {
		q.add(problem("model", "it answers %s once, and the second time: %s", asked.what, no.message))
		return true, nil
	}
	if err != nil {
		return false, err
	}
	q.add(first.compare(second, asked.what)...)
	return true, nil
}

func (q *inquiry) add(found ...models.Finding) {
	q.report.Findings = append(q.report.Findings, found...)
}

// failedIn tells whether one of the findings fails the step.
func failedIn(findings []models.Finding) bool {
	for _, f := range findings {
		if f.Severity == models.SeverityError {
			return true
		}
	}
	return false
}
