package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/slipway-ml/slipway/openapi/client"
)

// Waive is the command slipway waive.
type Waive struct {
	Remote
	Model      string        `arg:"" help:"The registered model."`
	Version    string        `arg:"" help:"The version whose validation failed."`
	Step       string        `arg:"" help:"The step that failed: its name or its number."`
	Reason     string        `required:"" help:"Why it may pass; it stands in every report and in the audit log."`
	For        time.Duration `placeholder:"168h" help:"How long from now."`
	Until      time.Time     `placeholder:"2027-01-31T12:00:00Z" help:"Until when."`
	Validation int64         `placeholder:"ID" help:"The validation (default: the version's newest)."`
}

// Help tells more.
func (*Waive) Help() string {
	return `Lets a failed step count as passed for a while. Afterwards the gate refuses the
version again. A step that could not look (errored) cannot be waived.`
}

// Run waives.
func (w *Waive) Run(ctx context.Context, s *Streams) error {
	if (w.For == 0) == w.Until.IsZero() {
		return errors.New("say until when: --for 168h, or --until 2027-01-31T12:00:00Z, one of them")
	}
	api, err := w.api()
	if err != nil {
		return err
	}
	if w.Validation == 0 {
		last, err := latestValidation(ctx, api, w.Model, w.Version)
		if err != nil {
			return err
		}
		w.Validation = last.Id
	}
	ask := client.WaiverRequest{Reason: w.Reason, ExpiresAt: w.Until}
	if w.For != 0 {
		ask.ExpiresIn = w.For.String()
	}
	v, err := answer[client.Validation](api.WaiveValidationStep(ctx, w.Validation, w.Step, &client.WaiveValidationStepParams{IdempotencyKey: once()}, ask))
	if err != nil {
		return err
	}
	for _, step := range v.Steps {
		if step.Name == w.Step || fmt.Sprint(step.Index) == w.Step {
			s.printf("step %s of validation %d is waived until %s", step.Name, v.Id, moment(step.Waiver.ExpiresAt))
		}
	}
	if !v.Accepted {
		s.notef("validation %d is no pass yet: %s", v.Id, oneLine(v.Reason))
	}
	return nil
}
