package validation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/mask"
	"github.com/slipway-ml/slipway/storage"
)

// step does one step and keeps its report.
func (s *Service) step(ctx context.Context, v models.Validation, p plan, index int) (models.StepResult, error) {
	result := v.Steps[index]
	switch idle, err := s.idle(ctx, v, p, index); {
	case err != nil:
		return result, err
	case idle != nil:
		result.Report, result.Reason = models.Report{Verdict: idle.verdict}, clean(idle.why)
		result.Excused = result.Excused || idle.excused
		return result, s.DB.InTx(ctx, func(tx storage.Tx) error { return tx.Validations().EndStep(result) })
	}
	result.LogKey = logKey(v.ID, index)
	if err := s.DB.InTx(ctx, func(tx storage.Tx) error { return tx.Validations().StartStep(v.ID, index, result.LogKey) }); err != nil {
		return result, err
	}
	log, err := openLog(s.logPath(v.ID, index))
	if err != nil {
		return result, err
	}
	result = s.attempts(ctx, v, p, result, log)
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), errCancelled) {
		return result, errors.Join(ctx.Err(), log.close()) // given back, and begun anew
	}
	if errors.Is(context.Cause(ctx), errCancelled) {
		result.Report, result.Reason = errored(result.Report, errCancelled.Error())
		result.Verdict, result.InputsKey = models.VerdictSkipped, ""
	}
	conclude(log, result.Report, result.Reason)
	ctx = context.WithoutCancel(ctx)
	if err := log.keep(ctx, s, result.LogKey); err != nil {
		if result.Verdict != models.VerdictErrored {
			return result, fmt.Errorf("keep the log: %w", err)
		}
		result.LogKey = "" // what kept it from looking keeps the log away: it stays on this machine
	}
	if err := s.DB.InTx(ctx, func(tx storage.Tx) error { return tx.Validations().EndStep(result) }); err != nil {
		return result, err
	}
	if result.LogKey != "" {
		_ = os.Remove(s.logPath(v.ID, index)) // it is in the artifact store now
	}
	return result, nil
}

// attempts has a step look until it passes, as often as its retry allows. The
// last attempt's report counts.
func (s *Service) attempts(ctx context.Context, v models.Validation, p plan, first models.StepResult, log *stepLog) models.StepResult {
	most := p.graph.steps[first.Index].Retry + 1
	earlier := ""
	for attempt := 1; ; attempt++ {
		result := first
		s.look(ctx, v, p, &result, log)
		if result.Verdict == models.VerdictPassed && attempt > 1 {
			result.Findings = append(result.Findings, models.Finding{
				Severity: models.SeverityWarning, Rule: ruleFlaky, Where: result.Name,
				Message: fmt.Sprintf("it is flaky: it passed in attempt %d of %d; before, %s", attempt, most, earlier),
			})
		}
		if most > 1 {
			result.Facts = with(result.Facts, "attempts", fmt.Sprintf("%d of %d", attempt, most))
		}
		if result.Verdict == models.VerdictPassed || attempt == most || ctx.Err() != nil {
			return result
		}
		earlier = string(result.Verdict) + ": " + result.Reason
		conclude(log, result.Report, result.Reason)
		_, _ = fmt.Fprintf(log, "\n--- attempt %d of %d ---\n", attempt+1, most)
		v.Fresh = true // the same result again would be no attempt
	}
}

// ruleFlaky names the finding of a step that did not pass at once.
const ruleFlaky = "flaky"

func with(facts map[string]string, name, value string) map[string]string {
	if facts == nil {
		facts = map[string]string{}
	}
	facts[name] = value
	return facts
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

// look has the step's check look, or takes what was seen before, and has the
// report judged.
func (s *Service) look(ctx context.Context, v models.Validation, p plan, result *models.StepResult, log *stepLog) {
	spec := p.graph.steps[result.Index]
	kind := spec.Check
	if spec.Run != "" {
		kind = Command
	}
	at := slices.IndexFunc(s.Checks, func(c Check) bool { return c.Declare().Name == kind })
	if at < 0 {
		result.Report, result.Reason = errored(models.Report{}, fmt.Sprintf("this server knows no check %q", kind))
		return
	}
	defer func() { _ = os.RemoveAll(s.stepDir(v.ID, result.Index)) }()
	var report models.Report
	var hidden *mask.Mask
	err := s.patiently(ctx, log, func() (err error) {
		defer func() {
			if err != nil { // while it waits, others need the room
				_ = os.RemoveAll(s.stepDir(v.ID, result.Index))
			}
		}()
		given, err := s.given(ctx, v, p, result.Index)
		if err != nil {
			return err
		}
		hidden = given.mask
		log.hide(hidden)
		if spec, err = evaluated(p.graph.steps[result.Index], given.values); err != nil {
			return err
		}
		subject, err := s.subject(ctx, v, p, spec, result.Index, log, hidden)
		if err != nil {
			return err
		}
		if result.Inputs, err = s.inputs(ctx, subject, s.Checks[at].Declare()); err != nil {
			return err
		}
		if report, err = s.reused(ctx, v, subject, s.Checks[at].Declare(), result); err != nil || result.ReusedFrom != 0 {
			return err
		}
		stepCtx, cancel := context.WithTimeout(ctx, spec.Timeout)
		defer cancel()
		if report, err = safely(stepCtx, s.Checks[at], subject); err == nil {
			err = keepFigures(stepCtx, subject, &report)
		}
		defer func() { maps.Copy(result.Inputs, subject.used) }()
		// What it is compared with may have moved on while it looked.
		if now, moved := s.inputs(ctx, subject, s.Checks[at].Declare()); moved != nil || !maps.Equal(now, result.Inputs) {
			result.InputsKey = ""
		}
		if errors.Is(stepCtx.Err(), context.DeadlineExceeded) && ctx.Err() == nil && err != nil {
			return models.Errorf(models.KindInvalid, "still running after %s, its timeout", spec.Timeout).Because(err)
		}
		return err
	})
	report, result.Inputs = hide(hidden, report), hideAll(hidden, result.Inputs)
	var broken *BrokenError
	switch {
	case err == nil:
		result.Report, result.Reason = judge(spec, report)
	case errors.As(err, &broken):
		_, _ = fmt.Fprintf(log, "could not look: %v\n", err)
		result.InputsKey = "" // it may have been the machine
		report.Findings = append(report.Findings, models.Finding{
			Severity: models.SeverityError, Where: "model", Message: hidden.Text(broken.Error()),
			Remedy: broken.Remedy,
		})
		result.Report, result.Reason = judge(spec, report)
	default:
		_, _ = fmt.Fprintf(log, "could not look: %v\n", err)
		result.Report, result.Reason = errored(report, hidden.Text(words(err)))
	}
	if result.Verdict == models.VerdictErrored {
		result.InputsKey = ""
	}
}

// waits are between attempts at a step where trying again can help.
var waits = []time.Duration{time.Second, 3 * time.Second, 10 * time.Second}

// patiently tries again what a store, a database or a disk kept from being
// done.
func (s *Service) patiently(ctx context.Context, log *stepLog, try func() error) error {
	for _, wait := range waits {
		err := try()
		if err == nil || !passing(err) {
			return err
		}
		_, _ = fmt.Fprintf(log, "could not look: %v; trying again in %s\n", err, wait)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
	err := try()
	if err != nil && passing(err) {
		return models.Errorf(models.KindOf(err), "%s (tried %d times)", words(err), len(waits)+1).Because(err)
	}
	return err
}

// full are the errors of a disk without room.
var full = []error{syscall.ENOSPC, syscall.EDQUOT}

// passing tells whether trying again can help.
func passing(err error) bool {
	kind := models.KindOf(err)
	return kind == models.KindUnavailable || kind == models.KindFull || isFull(err)
}

func isFull(err error) bool {
	return slices.ContainsFunc(full, func(f error) bool { return errors.Is(err, f) })
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
	switch {
	case errors.As(err, &known):
		return known.Message
	case isFull(err):
		return "the disk of the server's work folder is full: make room, then validate again"
	}
	return err.Error()
}
