package checks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/mask"
	"github.com/slipway-ml/slipway/services/pipeline"
	"github.com/slipway-ml/slipway/services/validation"
)

// Command does a run: step: the user's own command in a folder of its own, with
// what it needs to know in its environment and nothing else.
type Command struct{}

// Declare implements validation.Check.
func (Command) Declare() pipeline.Check { return pipeline.Check{Name: validation.Command} }

// The limits of a command.
const (
	maxMemory    = 8 << 30
	maxFile      = 8 << 30
	maxProcesses = 512

	// commandGrace is how long a command that is cancelled may take to end by
	// itself: all of it is gone within five seconds.
	commandGrace = 2 * time.Second
)

// Run implements validation.Check.
func (c Command) Run(ctx context.Context, s *validation.Subject) (models.Report, error) {
	var report models.Report
	runner, err := s.StepRunner()
	if err != nil {
		return report, err
	}
	place, err := newPlace(ctx, s)
	if err != nil {
		return report, err
	}
	defer place.close()
	if err := place.packages(ctx, s, &report); err != nil {
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
		place.reaches("SLIPWAY_SERVE_URL", served.URL)
	}
	door, err := s.Door(ctx)
	if err != nil {
		return report, err
	}
	var secret *mask.Mask // nobody can do much with it, and not for long; all the same
	if door != nil {
		defer door.Close()
		place.reaches("MLFLOW_TRACKING_URI", door.URL)
		place.set("MLFLOW_TRACKING_TOKEN", door.Token)
		secret = mask.New(door.Token)
	}
	for _, name := range keys(s.Step.Env) { // its author's word is the last
		place.set(name, s.Step.Env[name])
	}
	_, _ = fmt.Fprintf(s.Log, "$ %s\n", s.Step.Run)
	log := secret.Writer(s.Log)
	result, err := runner.Run(ctx, deploy.RunSpec{
		ID: s.ID, Server: s.Settings.Server, Command: []string{"sh", "-c", s.Step.Run}, Dir: place.work, Env: place.env,
		Image: s.Step.Image, Read: place.read, Write: place.write, Reach: place.reach, Open: s.Step.Network == models.NetworkOpen,
		Timeout: s.Step.Timeout, Grace: commandGrace, MemoryBytes: memoryOf(s.Settings), FileBytes: maxFile, DiskBytes: diskOf(s.Dir), Processes: maxProcesses,
		Output: log,
	})
	_ = log.Close() // what it held back
	if err != nil {
		return report, fmt.Errorf("start the command: %w", err)
	}
	if ctx.Err() != nil && result.Ending == deploy.EndedCancel {
		return report, ctx.Err()
	}
	tellLacks(s, runner, &report)
	report.Measurements = []models.Measurement{{Name: "duration_s", Value: result.Duration.Seconds()}}
	if result.PeakRSS > 0 {
		report.Measurements = append(report.Measurements, models.Measurement{Name: "peak_memory_mb", Value: float64(result.PeakRSS) / 1e6})
	}
	if err := place.keep(ctx, s, &report); err != nil {
		return report, err
	}
	// How the command ended comes first: one that was killed leaves half a report.
	tests, unread := place.collect(&report)
	for i := range report.Findings {
		report.Findings[i].Message = secret.Text(report.Findings[i].Message)
	}
	return report, errors.Join(conclude(s.Step.Run, result, tests, &report), unread)
}

// memoryOf is what a command may hold: what a model may, and no more than
// maxMemory.
func memoryOf(s validation.Settings) int64 {
	if s.ServeMemory > 0 {
		return min(maxMemory, s.ServeMemory)
	}
	return maxMemory
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
