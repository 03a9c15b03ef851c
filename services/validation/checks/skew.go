package checks

import (
	"context"
	"errors"
	"fmt"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/pipeline"
	"github.com/slipway-ml/slipway/services/validation"
)

// Skew asks the flavour that the data scientist saved, by mlflow, and
// slipway-serve, which will serve the version, the same, and compares.
type Skew struct{}

// skewSettings are the fields of a step.
type skewSettings struct {
	RTol        float64  `json:"rtol,omitempty" jsonschema:"minimum=0" jsonschema_description:"By which part of a number mlflow and slipway-serve may differ under skew (0.001)."`
	ATol        float64  `json:"atol,omitempty" jsonschema:"minimum=0" jsonschema_description:"By how much they may differ besides (0.00001)."`
	Rows        int      `json:"rows,omitempty" jsonschema:"minimum=1,maximum=10000" jsonschema_description:"Rows of a table that skew asks for, evenly over all of it (100)."`
	Images      int      `json:"images,omitempty" jsonschema:"minimum=1,maximum=100" jsonschema_description:"Pictures that skew asks for, evenly over all of them (8)."`
	Features    []string `json:"features,omitempty" jsonschema:"minItems=1" jsonschema_description:"The columns that the model is given; by default those of its signature, else all but the target."`
	Output      string   `json:"output,omitempty" jsonschema_description:"The output that is judged, where the model has several."`
	Environment string   `json:"environment,omitempty" jsonschema:"enum=locked,enum=server" jsonschema_description:"Whose Python runs mlflow under skew: an environment made of the version's requirements (locked, the default), or the server's (server)."`
}

// The values of skewSettings.Environment.
const (
	environmentLocked = "locked"
	environmentServer = "server"
)

// Declare implements validation.Check.
func (Skew) Declare() pipeline.Check {
	return pipeline.Check{
		Name: "skew", About: "the saved flavour, run by mlflow, answers as slipway-serve does.", Dataset: pipeline.Optional,
		Settings: skewSettings{RTol: 1e-3, ATol: 1e-5, Rows: 100, Images: 8, Environment: environmentLocked},
		Measures: []pipeline.Measure{
			{Name: "rows", About: "rows compared, those of the input example among them"},
			{Name: "values", About: "values compared"},
			{Name: "differing", Lower: true, About: "rows in which a value differs by more than the tolerance"},
			{Name: "differing_share", Lower: true, About: "their share"},
			{Name: "max_abs_difference", Lower: true, About: "the largest difference of two numbers"},
			{Name: "max_relative_difference", Lower: true, About: "the largest as a part of the larger number, among those that differ by more than `atol`"},
		},
	}
}

// Run implements validation.Check.
func (Skew) Run(ctx context.Context, s *validation.Subject) (models.Report, error) {
	report := models.Report{Facts: map[string]string{}}
	var settings skewSettings
	if err := s.Step.Read(&settings); err != nil {
		return report, err
	}
	m, err := readMLmodel(ctx, s)
	if err != nil {
		report.Findings, err = blame("MLmodel", err)
		return report, err
	}
	if _, ok := m.Flavors["onnx"]; !ok {
		return report, models.Errorf(models.KindUnsupported, "the version is no ONNX model, and slipway-serve runs no other: leave out check: skew")
	}
	if _, ok := m.Flavors["python_function"]; !ok {
		return report, models.Errorf(models.KindUnsupported, "MLmodel has no flavour python_function, by which mlflow would answer: log the model with mlflow.onnx.log_model, or leave out check: skew")
	}
	served, err := s.Serve(ctx)
	if err != nil {
		return report, err
	}
	defer served.Stop()
	asks, err := newAsks(ctx, s, served, settings)
	if err != nil {
		return report, err
	}
	ours := make([]said, len(asks))
	for i, a := range asks {
		if ours[i], err = a.served(ctx, served); err != nil {
			return report, err
		}
		s.Progress(int64(i+1), 2*int64(len(asks)), "requests")
	}
	theirs, err := byMLflow(ctx, s, settings, asks, &report)
	if err != nil {
		return report, err
	}
	report.Facts["runtime"] = served.Facts.Runtime
	c := comparing{settings: settings, report: &report}
	for i, a := range asks {
		if err := c.add(a, theirs[i], ours[i]); err != nil {
			return report, err
		}
	}
	return report, c.conclude()
}

// said is an answer to one request.
type said struct {
	predictions any
	refused     string // why there is none
}

func (a skewAsk) served(ctx context.Context, served *validation.Served) (said, error) {
	answer, err := a.ask(ctx, served)
	var no *refusedError
	if errors.As(err, &no) {
		return said{refused: no.message}, nil
	}
	if err != nil {
		return said{}, fmt.Errorf("ask slipway-serve for %s: %w", a.what, err)
	}
	return said{predictions: answer.predictions}, nil
}
