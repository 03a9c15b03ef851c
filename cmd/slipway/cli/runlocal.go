package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/openapi/client"
	"github.com/slipway-ml/slipway/services/pipeline"
	"github.com/slipway-ml/slipway/services/validation/checks"
)

// RunLocal is the command slipway run-local.
type RunLocal struct {
	File  string   `short:"f" default:"slipway.yaml" help:"The pipeline; - for standard input."`
	Model string   `required:"" type:"existingdir" placeholder:"DIR" help:"A folder that holds an MLflow model, which is judged as its next version would be."`
	Step  []string `placeholder:"NAME" help:"Run this step, and those that it needs. Can be repeated."`

	Dataset       map[string]string `placeholder:"NAME=DIR" help:"The folder of a data set that the steps name: NAME, or NAME@VERSION. Can be repeated."`
	Var           map[string]string `placeholder:"NAME=VALUE" help:"A variable, for vars.NAME. Can be repeated."`
	SecretFromEnv []string          `placeholder:"NAME" help:"A secret, for secrets.NAME, whose value the environment's variable of that name holds. Can be repeated."`

	Report string `short:"o" type:"path" placeholder:"FILE" help:"Where to write the report."`
	Format string `enum:",html,junit,sarif,json" default:"" help:"html, junit, sarif or json (default: by the file's name, else html)."`

	Python     string   `default:"python3" env:"SLIPWAY_PYTHON" help:"Python whose folder comes first on the PATH of run: steps."`
	AllowSteps []string `default:"process" env:"SLIPWAY_ALLOW_STEPS" help:"Where run: steps may run: process, docker or both."`
	StepImage  string   `env:"SLIPWAY_STEP_IMAGE" help:"Image of run: steps on docker that name none."`
	DockerHost string   `env:"SLIPWAY_DOCKER_HOST,DOCKER_HOST" help:"Address of the Docker Engine (default: unix:///var/run/docker.sock)."`
	RuntimeDir string   `env:"SLIPWAY_RUNTIME_DIR" type:"path" help:"Folder of slipway-serve and libonnxruntime.so (default: beside slipway)."`

	URL   string `env:"SLIPWAY_URL" help:"A server that holds the data sets for which no folder is named."`
	Token string `env:"SLIPWAY_TOKEN" help:"Token to sign in there with."`
}

// Help tells more.
func (*RunLocal) Help() string {
	return `Runs a pipeline's validation on this machine, before anything is pushed: the same
steps, the same checks, the same report. A server in a folder of its own does it,
which goes with the command.

  slipway run-local --model ./model --dataset shapes-val=./data/val --report report.html

Exits with 0 where the model passed, with 1 where it failed, and with 2 where it
could not be judged. What is compared with (production, an alias) is not here, so
nothing is blocked by it.`
}

// exitUnjudged is the exit code where a model could not be judged.
const exitUnjudged = 2

// Run does it.
func (r *RunLocal) Run(ctx context.Context, s *Streams) (err error) {
	text, spec, err := r.pipeline(s)
	if err != nil {
		return &exitError{exitUnjudged, err}
	}
	local, err := startLocal(ctx, s, r.settings())
	if err != nil {
		return &exitError{exitUnjudged, err}
	}
	defer func() { err = errors.Join(err, local.close()) }()
	v, err := r.validate(ctx, s, local.remote, text, spec)
	if err != nil {
		return &exitError{exitUnjudged, err}
	}
	if r.Report != "" {
		report := ValidationReport{Remote: local.remote, ID: v.Id, Format: r.format(), Output: r.Report}
		if err := report.Run(ctx, &Streams{Out: s.Err, Err: s.Err}); err != nil {
			return &exitError{exitUnjudged, err}
		}
	}
	switch v.State {
	case client.ValidationStatePassed:
		s.printf("%s passed", r.Model)
		return nil
	case client.ValidationStateFailed:
		return fmt.Errorf("%s failed: %s", r.Model, v.Reason)
	default:
		return &exitError{exitUnjudged, fmt.Errorf("%s could not be judged (%s): %s", r.Model, v.State, or(v.Reason, "no reason was given"))}
	}
}

// pipeline reads the document and its faults.
func (r *RunLocal) pipeline(s *Streams) ([]byte, models.Pipeline, error) {
	text, err := document(r.File, s.In)
	if err != nil {
		return nil, models.Pipeline{}, err
	}
	if err := lint(s, r.File, text, nil); err != nil {
		return nil, models.Pipeline{}, err
	}
	if len(r.Step) > 0 {
		if text, err = onlySteps(text, r.Step); err != nil {
			return nil, models.Pipeline{}, err
		}
	}
	grammar, err := pipeline.NewGrammar(checks.Declared())
	if err != nil {
		return nil, models.Pipeline{}, err
	}
	spec, problems := grammar.Parse(text, pipeline.YAML, nil)
	if len(problems) > 0 {
		return nil, spec, fmt.Errorf("%s with --step %s: %s", r.File, strings.Join(r.Step, ", "), problems[0])
	}
	if len(spec.Validation.Steps) == 0 {
		return nil, spec, fmt.Errorf("%s has no validation: add validation.steps", r.File)
	}
	return text, spec, nil
}

// validate brings all that the steps need to the server, and follows them.
func (r *RunLocal) validate(ctx context.Context, s *Streams, at Remote, text []byte, spec models.Pipeline) (client.Validation, error) {
	none := client.Validation{}
	api, err := at.api()
	if err != nil {
		return none, err
	}
	if err := r.values(ctx, api); err != nil {
		return none, err
	}
	if err := r.datasets(ctx, s, at, spec); err != nil {
		return none, err
	}
	var number bytes.Buffer
	register := Register{Remote: at, Model: spec.Model, Source: r.Model, Experiment: "Default"}
	if err := register.Run(ctx, &Streams{Out: &number, Err: s.Err}); err != nil {
		return none, err
	}
	// The version is there before the pipeline: nothing begins by itself.
	if _, err := read(api.PutPipelineWithBody(ctx, spec.Model, pipeline.YAML, bytes.NewReader(text))); err != nil {
		return none, explain(s, err)
	}
	for _, step := range spec.Validation.Steps {
		if step.Compare != nil {
			s.notef("  %s: there is no %s here to compare with; it does not block", step.Name, step.Compare.Against)
		}
	}
	v, err := answer[client.Validation](api.CreateValidation(ctx, spec.Model, strings.TrimSpace(number.String()),
		&client.CreateValidationParams{IdempotencyKey: once()}, client.ValidationRequest{}))
	if err != nil {
		return none, err
	}
	// What it comes to is told by its state.
	ending := followValidation(ctx, &Streams{Out: s.Err, Err: s.Err}, api, v)
	if ctx.Err() != nil {
		return none, ctx.Err()
	}
	if v, err = answer[client.Validation](api.GetValidation(ctx, v.Id, &client.GetValidationParams{})); err != nil {
		return none, errors.Join(ending, err)
	}
	if !ended(v) {
		return none, ending
	}
	return v, nil
}

// values sets variables and secrets.
func (r *RunLocal) values(ctx context.Context, api *client.Client) error {
	for name, value := range r.Var {
		if _, err := read(api.PutVariable(ctx, name, client.VariableRequest{Value: value})); err != nil {
			return fmt.Errorf("--var %s: %w", name, err)
		}
	}
	for _, name := range r.SecretFromEnv {
		value, ok := config.Environment(name)
		if !ok {
			return fmt.Errorf("--secret-from-env %s: the environment has no such variable", name)
		}
		if _, err := read(api.PutSecret(ctx, name, client.SecretRequest{Value: value})); err != nil {
			return fmt.Errorf("--secret-from-env %s: %w", name, err)
		}
	}
	return nil
}

func (r *RunLocal) format() string {
	byName := map[string]string{".xml": "junit", ".sarif": "sarif", ".json": "json"}
	return cmp.Or(r.Format, byName[strings.ToLower(filepath.Ext(r.Report))], "html")
}

// exitError is an error with an exit code of its own.
type exitError struct {
	code int
	err  error
}

// Error implements error.
func (e *exitError) Error() string { return e.err.Error() }

// Unwrap gives the error without its code.
func (e *exitError) Unwrap() error { return e.err }
