package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/openapi/client"
)

// Validate is the command slipway validate.
type Validate struct {
	Remote
	Model   string `arg:"" help:"The registered model."`
	Version string `arg:"" help:"The version to validate."`
	Watch   bool   `help:"Follow it until it ends. Fails where the version does not pass."`
}

// Help tells more.
func (*Validate) Help() string {
	return `Runs the steps of the model's pipeline on the version. One that is under way
already, as after a registration, is joined rather than started again.`
}

// Run validates.
func (v *Validate) Run(ctx context.Context, s *Streams) error {
	api, err := v.api()
	if err != nil {
		return err
	}
	validation, err := v.underWay(ctx, api)
	if err != nil && !errors.Is(err, errNone) {
		return err
	}
	if err != nil {
		validation, err = answer[client.Validation](api.CreateValidation(ctx, v.Model, v.Version, &client.CreateValidationParams{IdempotencyKey: once()}))
		if err != nil {
			return err
		}
	}
	if !v.Watch {
		s.printf("validation %d of %s %s: %s; follow it by: slipway watch %s %s", validation.Id, v.Model, v.Version, validation.State, v.Model, v.Version)
		return nil
	}
	return followValidation(ctx, s, api, validation)
}

// underWay finds the validation to join. Right after a registration the server
// may be about to start one by itself, so it gets a moment.
func (v *Validate) underWay(ctx context.Context, api *client.Client) (client.Validation, error) {
	for range 10 {
		validation, err := latestValidation(ctx, api, v.Model, v.Version)
		if err == nil && ended(validation) {
			return validation, errNone
		}
		if !errors.Is(err, errNone) || !startsByItself(ctx, api, v.Model) {
			return validation, err
		}
		select {
		case <-ctx.Done():
			return validation, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
	return client.Validation{}, errNone
}

func startsByItself(ctx context.Context, api *client.Client, model string) bool {
	var document struct {
		On string `yaml:"on"`
	}
	found, err := answer[client.Pipeline](api.GetPipeline(ctx, model, &client.GetPipelineParams{}))
	return err == nil && yaml.Unmarshal([]byte(found.Document), &document) == nil && (document.On == "" || document.On == "registered")
}

var errNone = errors.New("there is none yet")

func latestValidation(ctx context.Context, api *client.Client, model, version string) (client.Validation, error) {
	list, err := answer[client.ValidationList](api.ListValidations(ctx, model, version, &client.ListValidationsParams{MaxResults: set(1)}))
	if err != nil {
		return client.Validation{}, err
	}
	if len(list.Items) == 0 {
		return client.Validation{}, fmt.Errorf("%s %s has no validation: %w", model, version, errNone)
	}
	return list.Items[0], nil
}

func ended(v client.Validation) bool {
	return v.State != client.ValidationStatePending && v.State != client.ValidationStateRunning
}

// followValidation tells what a validation does until it ends; nil when it passed.
func followValidation(ctx context.Context, s *Streams, api *client.Client, v client.Validation) error {
	s.notef("validation %d: %s %s", v.Id, v.Model, v.Version)
	bar := newProgress(s.Err)
	told := map[int64]bool{}
	err := follow(ctx, func() (*http.Response, error) { return api.GetValidationEvents(ctx, v.Id) }, func(event string, data []byte) error {
		if event == "log" {
			return nil
		}
		v = client.Validation{}
		if err := json.Unmarshal(data, &v); err != nil {
			return err
		}
		for _, step := range v.Steps {
			switch {
			case step.State == client.StepStateRunning && step.Progress.Total > 0:
				bar.show(step.Name, step.Progress.Done, step.Progress.Total, step.Progress.Unit)
			case step.State != client.StepStatePending && step.State != client.StepStateRunning && !told[step.Index]:
				told[step.Index] = true
				bar.clear()
				tellStep(s, step)
			}
		}
		return nil
	})
	bar.clear()
	if err != nil {
		return err
	}
	if v.State != client.ValidationStatePassed {
		return fmt.Errorf("%s %s did not pass its validation (%s): %s", v.Model, v.Version, v.State, or(v.Reason, "no reason was given"))
	}
	s.printf("%s %s passed its validation", v.Model, v.Version)
	return nil
}

func tellStep(s *Streams, step client.ValidationStep) {
	s.notef("  %-9s %s  %s", step.State, step.Name, strings.Join(figures(step.Measurements), ", "))
	if step.Reason != "" && step.State != client.StepStatePassed {
		s.notef("            %s", oneLine(step.Reason))
	}
	for _, f := range step.Findings {
		if f.Severity == client.FindingSeverityInfo || strings.Contains(step.Reason, f.Message) {
			continue
		}
		what := f.Message
		if f.Subject != "" && !strings.HasPrefix(what, f.Subject) {
			what = f.Subject + ": " + what
		}
		if f.Remedy != "" {
			what += "; " + f.Remedy
		}
		s.notef("            %s: %s", f.Severity, oneLine(what))
	}
}

// fewFigures is how many of a step's figures are told where none was asked for.
const fewFigures = 4

// figures tells what was asked for, or else the first few.
func figures(measured []client.Measurement) []string {
	var asked, rest []string
	for _, m := range measured {
		switch {
		case m.Value == nil:
		case m.Threshold != "":
			asked = append(asked, m.Name+" "+figure(*m.Value)+" ("+m.Threshold+")")
		case len(rest) < fewFigures:
			rest = append(rest, m.Name+" "+figure(*m.Value))
		}
	}
	if len(asked) > 0 {
		return asked
	}
	return rest
}

func figure(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}
