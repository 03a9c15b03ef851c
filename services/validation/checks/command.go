package checks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/pipeline"
	"github.com/slipway-ml/slipway/services/validation"
)

// Command does a run: step: the user's own command, on a copy of the version's
// files, with what it needs to know in its environment and nothing else.
type Command struct{}

// Declare implements validation.Check.
func (Command) Declare() pipeline.Check { return pipeline.Check{Name: validation.Command} }

// The limits of a command.
const (
	maxMemory    = 8 << 30
	maxFile      = 8 << 30
	maxProcesses = 512
)

// The exit codes of sh for a command that cannot be run.
const (
	exitNotExecutable = 126
	exitNotFound      = 127
)

// Run implements validation.Check.
func (c Command) Run(ctx context.Context, s *validation.Subject) (models.Report, error) {
	var report models.Report
	runner, err := s.StepRunner()
	if err != nil {
		return report, err
	}
	place, err := c.prepare(ctx, s)
	if err != nil {
		return report, err
	}
	served, err := c.serve(ctx, s)
	if broken := (*validation.BrokenError)(nil); errors.As(err, &broken) {
		report.Findings = append(report.Findings, problem("model", "%s", broken.Error()))
		return report, nil
	}
	if err != nil {
		return report, err
	}
	if served != nil {
		defer served.Stop()
		place.env = append(place.env, "SLIPWAY_SERVE_URL="+served.URL)
	}
	_, _ = fmt.Fprintf(s.Log, "$ %s\n", s.Step.Run)
	result, err := runner.Run(ctx, deploy.RunSpec{
		ID: s.ID, Server: s.Settings.Server, Command: []string{"sh", "-c", s.Step.Run}, Dir: place.model, Env: place.env,
		Timeout: s.Step.Timeout, MemoryBytes: maxMemory, FileBytes: maxFile, Processes: maxProcesses, Output: s.Log,
	})
	if err != nil {
		return report, fmt.Errorf("start the command: %w", err)
	}
	if ctx.Err() != nil && result.Ending == deploy.EndedCancel {
		return report, ctx.Err()
	}
	report.Measurements = []models.Measurement{{Name: "duration_s", Value: result.Duration.Seconds()}}
	if result.PeakRSS > 0 {
		report.Measurements = append(report.Measurements, models.Measurement{Name: "peak_memory_mb", Value: float64(result.PeakRSS) / 1e6})
	}
	if err := place.collect(&report); err != nil {
		return report, err
	}
	return report, conclude(s.Step.Run, result, &report)
}

// place is where a command runs.
type place struct {
	model, output string
	env           []string
}

func (Command) prepare(ctx context.Context, s *validation.Subject) (place, error) {
	p := place{model: filepath.Join(s.Dir, "run"), output: filepath.Join(s.Dir, "output")}
	home := filepath.Join(s.Dir, "home")
	for _, dir := range []string{p.output, home, filepath.Join(home, "tmp")} {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return p, fmt.Errorf("make the command's folders: %w", err)
		}
	}
	if err := s.Write(ctx, p.model); err != nil {
		return p, err
	}
	p.env = []string{
		"PATH=" + searchPath(s.Settings.Python), "HOME=" + home, "TMPDIR=" + filepath.Join(home, "tmp"),
		"LANG=C.UTF-8", "PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1",
		"SLIPWAY_MODEL_DIR=" + p.model, "SLIPWAY_OUTPUT_DIR=" + p.output,
		fmt.Sprintf("SLIPWAY_MODEL_URI=models:/%s", s.Version.Ref()),
		"SLIPWAY_MODEL=" + s.Version.Model, "SLIPWAY_VERSION=" + strconv.FormatInt(s.Version.Number, 10),
	}
	if s.Settings.URL != "" {
		p.env = append(p.env, "MLFLOW_TRACKING_URI="+s.Settings.URL)
	}
	if s.Step.Dataset != nil {
		dir := filepath.Join(s.Dir, "dataset")
		if err := s.Datasets.Materialize(ctx, *s.Step.Dataset, dir); err != nil {
			return p, err
		}
		p.env = append(p.env, "SLIPWAY_DATASET_DIR="+dir)
	}
	for _, name := range keys(s.Step.Env) {
		p.env = append(p.env, name+"="+s.Step.Env[name])
	}
	return p, nil
}

// searchPath puts the folder of the configured Python first.
func searchPath(python string) string {
	const usual = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	found, err := exec.LookPath(python)
	if err != nil || !filepath.IsAbs(found) {
		return usual
	}
	return filepath.Dir(found) + ":" + usual
}

// serve runs the version beside the command where it is an ONNX model; nil
// where it is none.
func (Command) serve(ctx context.Context, s *validation.Subject) (*validation.Served, error) {
	if file, err := onnxFile(ctx, s); err == nil && file != "" {
		return s.Serve(ctx)
	}
	_, _ = fmt.Fprintf(s.Log, "SLIPWAY_SERVE_URL is not set: the version is no ONNX model\n")
	return nil, nil
}

// conclude tells how the command ended: what kept it from judging is an error,
// what it judged is a finding.
func conclude(command string, result deploy.RunResult, report *models.Report) error {
	failures := len(report.Findings) > 0 && report.Findings[0].Severity == models.SeverityError
	switch result.Ending {
	case deploy.EndedTimeout:
		return models.Errorf(models.KindInvalid, "the command was still running at its timeout, and was ended: %s", result.Detail)
	case deploy.EndedMemory, deploy.EndedProcesses:
		return models.Errorf(models.KindInvalid, "the command was ended: it %s", result.Detail)
	case deploy.EndedSignal:
		return models.Errorf(models.KindInvalid, "the command crashed: %s", result.Detail)
	case deploy.EndedCancel:
		return models.Errorf(models.KindInvalid, "the command was ended: %s", result.Detail)
	case deploy.EndedExit:
	}
	switch code := result.ExitCode; {
	case code == exitNotFound || code == exitNotExecutable:
		return models.Errorf(models.KindInvalid, "the command cannot be run (exit code %d): see the log; PATH begins with --python's folder", code)
	case code > 128 && code < 128+65: // how sh tells of a signal
		return models.Errorf(models.KindInvalid, "the command crashed: signal %d", code-128)
	case code > 1 && code <= 5 && strings.Contains(command, "pytest") && !failures:
		return models.Errorf(models.KindInvalid, "pytest could not judge (exit code %d): %s", code, pytestWords[code])
	case code != 0 && !failures:
		report.Findings = append(report.Findings, problem("command", "it ended with exit code %d", code))
	}
	return nil
}

// pytestWords are the meanings of pytest's exit codes but 0 and 1.
var pytestWords = map[int]string{
	2: "it was interrupted, or could not import the tests", 3: "an internal error", 4: "it was called wrongly", 5: "there were no tests",
}
