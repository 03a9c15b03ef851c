package validation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// plan is what a validation works on.
type plan struct {
	version  models.Version
	revision models.PipelineRevision
}

func (s *Service) plan(ctx context.Context, v models.Validation) (p plan, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) (err error) {
		if p.version, err = tx.Versions().Get(v.VersionID); err != nil {
			return err
		}
		p.revision, err = tx.Pipelines().Revision(v.RevisionID)
		return err
	})
	return p, err
}

// run does the steps that have no verdict yet. An error means that it is to be
// tried again, or that the server stops.
func (s *Service) run(ctx context.Context, v models.Validation, p plan) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if v.Cancelling {
		return s.finish(ctx, v, models.ValidationCancelled, "cancelled before it began")
	}
	go s.follow(ctx, v.ID, cancel)
	for i := range v.Steps {
		if v.Steps[i].Verdict == "" {
			result, err := s.step(ctx, v, p, i)
			if errors.Is(context.Cause(ctx), errCancelled) {
				return s.finish(ctx, v, models.ValidationCancelled, fmt.Sprintf("cancelled during step %q", v.Steps[i].Name))
			}
			if err != nil {
				return err
			}
			v.Steps[i] = result
		}
		switch step := v.Steps[i]; step.Verdict {
		case models.VerdictFailed:
			return s.finish(ctx, v, models.ValidationFailed, step.Name+": "+step.Reason)
		case models.VerdictErrored:
			return s.finish(ctx, v, models.ValidationErrored, step.Name+": "+step.Reason)
		default:
		}
	}
	return s.finish(ctx, v, models.ValidationPassed, "")
}

// finish ends a validation, also when ctx has ended.
func (s *Service) finish(ctx context.Context, v models.Validation, state models.ValidationState, why string) error {
	return s.DB.InTx(context.WithoutCancel(ctx), func(tx storage.Tx) error { return s.end(tx, v, state, why) })
}

// step does one step and keeps its report.
func (s *Service) step(ctx context.Context, v models.Validation, p plan, index int) (models.StepResult, error) {
	result := v.Steps[index]
	result.LogKey = logKey(v.ID, index)
	if err := s.DB.InTx(ctx, func(tx storage.Tx) error {
		return errors.Join(
			tx.Validations().SetState(v.ID, models.ValidationRunning, ""),
			tx.Validations().StartStep(v.ID, index, result.LogKey),
		)
	}); err != nil {
		return result, err
	}
	log, err := openLog(s.logPath(v.ID, index))
	if err != nil {
		return result, err
	}
	report, why := s.look(ctx, v, p, index, log)
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), errCancelled) {
		return result, errors.Join(ctx.Err(), log.file.Close()) // given back, and begun anew
	}
	if errors.Is(context.Cause(ctx), errCancelled) {
		report, why = errored(report, errCancelled.Error())
		report.Verdict = models.VerdictSkipped
	}
	conclude(log, report, why)
	ctx = context.WithoutCancel(ctx)
	if err := log.keep(ctx, s, result.LogKey); err != nil {
		return result, fmt.Errorf("keep the log: %w", err)
	}
	result.Report, result.Reason = report, why
	if err := s.DB.InTx(ctx, func(tx storage.Tx) error { return tx.Validations().EndStep(result) }); err != nil {
		return result, err
	}
	_ = os.Remove(s.logPath(v.ID, index)) // it is in the artifact store now
	return result, nil
}

// conclude writes the report's essence under the log.
func conclude(log *stepLog, report models.Report, why string) {
	for _, m := range report.Measurements {
		_, _ = fmt.Fprintf(log, "%s = %s", m.Name, number(m.Value))
		if m.Threshold != "" {
			_, _ = fmt.Fprintf(log, " (%s)", m.Threshold)
		}
		_, _ = fmt.Fprintln(log)
	}
	for _, f := range report.Findings {
		if f.Severity != models.SeverityInfo {
			_, _ = fmt.Fprintf(log, "%s: %s: %s\n", f.Severity, f.Where, f.Message)
		}
	}
	_, _ = fmt.Fprintf(log, "%s %s\n", report.Verdict, why)
}

// look runs the step's check and has its report judged.
func (s *Service) look(ctx context.Context, v models.Validation, p plan, index int, log *stepLog) (models.Report, string) {
	spec := p.revision.Pipeline.Validation.Steps[index]
	subject, err := s.subject(ctx, v, p, spec, index, log)
	defer func() { _ = os.RemoveAll(s.stepDir(v.ID, index)) }()
	if err != nil {
		return errored(models.Report{}, words(err))
	}
	kind := spec.Check
	if spec.Run != "" {
		kind = Command
	}
	at := slices.IndexFunc(s.Checks, func(c Check) bool { return c.Declare().Name == kind })
	if at < 0 {
		return errored(models.Report{}, fmt.Sprintf("this server knows no check %q", kind))
	}
	stepCtx, cancel := context.WithTimeout(ctx, spec.Timeout)
	defer cancel()
	report, err := safely(stepCtx, s.Checks[at], subject)
	if err == nil {
		err = keepFigures(stepCtx, subject, &report)
	}
	switch {
	case err == nil:
		return judge(spec, report)
	case errors.Is(stepCtx.Err(), context.DeadlineExceeded) && ctx.Err() == nil:
		return errored(report, fmt.Sprintf("still running after %s, its timeout", spec.Timeout))
	}
	_, _ = fmt.Fprintf(log, "could not look: %v\n", err)
	if broken := (*BrokenError)(nil); errors.As(err, &broken) {
		report.Findings = append(report.Findings, models.Finding{
			Severity: models.SeverityError, Where: "model", Message: broken.Error(),
			Remedy: broken.Remedy,
		})
		return judge(spec, report)
	}
	return errored(report, words(err))
}

// safely makes a check's panic an error: a foreign file may have set it off.
func safely(ctx context.Context, c Check, subject *Subject) (report models.Report, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the check broke down: %v", r)
			_, _ = fmt.Fprintf(subject.Log, "%v\n%s\n", r, debug.Stack())
		}
	}()
	return c.Run(ctx, subject)
}

// words is what a report says of an error.
func words(err error) string {
	var known *models.Error
	if errors.As(err, &known) {
		return known.Message
	}
	return err.Error()
}

func (s *Service) stepDir(id int64, index int) string {
	return filepath.Join(s.Settings.Work, "validations", fmt.Sprintf("%d-%d", id, index+1))
}

// subject prepares what a step works on, in a new folder of its own.
func (s *Service) subject(ctx context.Context, v models.Validation, p plan, spec models.StepSpec, index int, log *stepLog) (*Subject, error) {
	dir := s.stepDir(v.ID, index)
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("clear the step's folder: %w", err)
	}
	manifest, err := s.Files.Manifest(ctx, v.VersionID)
	if err != nil {
		return nil, err
	}
	subject := &Subject{
		ID: fmt.Sprintf("validation-%d-%d", v.ID, index+1), Version: p.version, Manifest: manifest, Step: spec,
		Settings: s.Settings, Datasets: s.Datasets, Runner: s.Runner, Log: log, Dir: dir, Progress: s.progress(ctx, v.ID, index),
		files: s.Files,
	}
	subject.attach = s.attach(v.ID, index, dir)
	subject.reuse, subject.run = s.measured(p.version.ID), s.trainingRun
	subject.champions = func(ctx context.Context, environment string) (*Subject, error) {
		champion, err := s.champion(ctx, subject, environment)
		if champion != nil {
			champion.Progress = s.progress(ctx, v.ID, index) // it is counted anew
		}
		return champion, err
	}
	return subject, os.MkdirAll(dir, 0o750)
}

// champion gives what an environment runs, as a subject of the same step.
func (s *Service) champion(ctx context.Context, of *Subject, environment string) (*Subject, error) {
	champion := *of
	champion.Dir = filepath.Join(of.Dir, "champion")
	found := false
	err := s.DB.View(ctx, func(tx storage.Tx) error {
		env, err := tx.Environments().Find(of.Version.ModelID, environment)
		if err != nil || env.Stable == 0 {
			return unlessGone(err)
		}
		release, err := tx.Releases().Get(env.Stable)
		if err != nil {
			return err
		}
		champion.Version, err = tx.Versions().Get(release.VersionID)
		found = err == nil
		return err
	})
	if err != nil || !found {
		return nil, err
	}
	champion.reuse = s.measured(champion.Version.ID)
	if champion.Manifest, err = s.Files.Manifest(ctx, champion.Version.ID); err != nil {
		return nil, err
	}
	return &champion, os.MkdirAll(champion.Dir, 0o750)
}

// trainingRun reads a run with its metrics.
func (s *Service) trainingRun(ctx context.Context, id string) (run models.Run, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) (err error) {
		run, err = tx.Runs().Load(id)
		return err
	})
	return run, err
}

func (s *Service) measured(versionID int64) func(context.Context, string) ([]models.Measurement, error) {
	return func(ctx context.Context, key string) (found []models.Measurement, err error) {
		err = s.DB.View(ctx, func(tx storage.Tx) (err error) {
			found, err = tx.Validations().Measured(versionID, key)
			return unlessGone(err)
		})
		return found, err
	}
}

// progressEvery bounds how often a step's progress is written.
const progressEvery = 500 * time.Millisecond

// progress writes how far a step is, now and then; it may be called by many.
func (s *Service) progress(ctx context.Context, id int64, index int) func(done, total int64, unit string) {
	var mu sync.Mutex
	var last time.Time
	var most int64
	return func(done, total int64, unit string) {
		// Only the last one waits for another's write: none overtakes it.
		if done == total {
			mu.Lock()
		} else if !mu.TryLock() {
			return
		}
		defer mu.Unlock()
		now := time.Now() //nolint:forbidigo // a pace, not a rule
		if done < most || now.Sub(last) < progressEvery && done != total {
			return
		}
		last, most = now, done
		_ = s.DB.InTx(ctx, func(tx storage.Tx) error {
			return tx.Validations().Progress(id, index, models.Progress{Done: done, Total: total, Unit: unit})
		})
	}
}
