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

	Fresh    bool   `help:"Measure everything anew; without, a step whose model, data, check and settings were seen before reuses what was measured."`
	Repeat   int64  `placeholder:"ID" help:"Do this validation of the version again, by its pipeline revision, and tell what differs."`
	Priority string `enum:"high,normal,low" default:"normal" help:"Of the validations that wait, those of a higher priority come first: high, normal or low."`
}

// Help tells more.
func (*Validate) Help() string {
	return `Runs the steps of the model's pipeline on the version. One that is under way
already, as after a registration, is joined rather than started again, unless
--fresh, --repeat or --priority ask for another.`
}

// Run validates.
func (v *Validate) Run(ctx context.Context, s *Streams) error {
	api, err := v.api()
	if err != nil {
		return err
	}
	validation, err := client.Validation{}, errNone
	if !v.Fresh && v.Repeat == 0 && v.Priority == "normal" {
		validation, err = v.underWay(ctx, api)
	}
	if err != nil && !errors.Is(err, errNone) {
		return err
	}
	if err != nil {
		validation, err = answer[client.Validation](api.CreateValidation(ctx, v.Model, v.Version, &client.CreateValidationParams{IdempotencyKey: once()},
			client.ValidationRequest{Fresh: v.Fresh, Repeat: v.Repeat, Priority: client.ValidationPriority(v.Priority)}))
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
	told, begun := map[int64]bool{}, map[int64]bool{}
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
			case step.State == client.StepStateRunning && !begun[step.Index]:
				begun[step.Index] = true
				bar.begin(running(v.Steps, step))
			case step.State == client.StepStateRunning && step.Progress.Total > 0:
				bar.left = time.Duration(step.RemainingSeconds * float64(time.Second))
				bar.show(running(v.Steps, step), step.Progress.Done, step.Progress.Total, step.Progress.Unit)
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
	tellRepeat(s, v.Repeat)
	if v.State != client.ValidationStatePassed {
		return fmt.Errorf("%s %s did not pass its validation (%s): %s", v.Model, v.Version, v.State, or(v.Reason, "no reason was given"))
	}
	s.printf("%s %s passed its validation", v.Model, v.Version)
	return nil
}

// running names a step, and how many run beside it.
func running(steps []client.ValidationStep, step client.ValidationStep) string {
	text := fmt.Sprintf("%d/%d %s", step.Index, len(steps), step.Name)
	others := -1
	for _, s := range steps {
		if s.State == client.StepStateRunning {
			others++
		}
	}
	if others > 0 {
		text += fmt.Sprintf(" (and %d beside it)", others)
	}
	return text
}

// tellRepeat tells how a validation compares with the one that it repeats.
func tellRepeat(s *Streams, r client.ValidationRepeat) {
	switch {
	case r.Of == 0:
	case len(r.Differences) == 0:
		s.printf("the same as validation %d: %d figures, verdicts, inputs and machine", r.Of, r.Compared)
	default:
		for _, d := range r.Differences {
			s.printf("differs from validation %d: %s", r.Of, oneLine(d))
		}
	}
}

func tellStep(s *Streams, step client.ValidationStep) {
	line := fmt.Sprintf("  %-9s %s  %s", step.State, step.Name, strings.Join(figures(step.Measurements), ", "))
	if step.Excused && (step.State == client.StepStateFailed || step.State == client.StepStateErrored) {
		line += "  (counts for nothing: continue_on_error)"
	}
	if step.ReusedFrom != 0 {
		line += fmt.Sprintf("  (reused from validation %d)", step.ReusedFrom)
	}
	s.notef("%s", line)
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
