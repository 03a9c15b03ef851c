package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

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
	validation, err := latestValidation(ctx, api, v.Model, v.Version)
	if err != nil && !errors.Is(err, errNone) {
		return err
	}
	if err != nil || ended(validation) {
		validation, err = answer[client.Validation](api.CreateValidation(ctx, v.Model, v.Version, &client.CreateValidationParams{IdempotencyKey: once()}))
		if err != nil {
			return err
		}
	}
	if !v.Watch {
		s.printf("validation %d of %s %s is %s; follow it by: slipway watch %s %s", validation.Id, v.Model, v.Version, validation.State, v.Model, v.Version)
		return nil
	}
	return followValidation(ctx, s, api, validation)
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
		return fmt.Errorf("%s %s did not pass, the validation is %s: %s", v.Model, v.Version, v.State, or(v.Reason, "no reason was given"))
	}
	s.printf("%s %s passed its validation", v.Model, v.Version)
	return nil
}

func tellStep(s *Streams, step client.ValidationStep) {
	var figures []string
	for _, m := range step.Measurements {
		if m.Value == nil {
			continue
		}
		figure := m.Name + " " + strconv.FormatFloat(*m.Value, 'g', 5, 64)
		if m.Threshold != "" {
			figure += " (" + m.Threshold + ")"
		}
		figures = append(figures, figure)
	}
	s.notef("  %-9s %s  %s", step.State, step.Name, strings.Join(figures, ", "))
	if step.Reason != "" && step.State != client.StepStatePassed {
		s.notef("            %s", oneLine(step.Reason))
	}
	for _, f := range step.Findings {
		if f.Severity == client.FindingSeverityInfo {
			continue
		}
		s.notef("            %s: %s", f.Severity, oneLine(strings.TrimSpace(f.Subject+" "+f.Message+" "+f.Remedy)))
	}
}
