package validation

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// maxWaiver bounds how long a waiver may hold.
const maxWaiver = 366 * 24 * time.Hour

// Waive lets a failed step count as passed until a time: expires, or after a
// while from now. Where the validation counts as a pass with it, delivery goes
// on as after one.
func (s *Service) Waive(ctx context.Context, id int64, step, reason string, expires time.Time, after time.Duration) (v models.Validation, err error) {
	if strings.TrimSpace(reason) == "" {
		return v, models.Errorf(models.KindInvalid, "reason: say why this may pass; it stands in the report and in the audit log")
	}
	err = s.DB.InTx(ctx, func(tx storage.Tx) (err error) {
		if v, err = tx.Validations().Get(id); err != nil {
			return err
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		until := expires
		if until.IsZero() {
			until = now.Add(after)
		}
		if !until.After(now) || until.Sub(now) > maxWaiver {
			return models.Errorf(models.KindInvalid, "a waiver ends in the future, and within a year: give expires_at, such as %s, or expires_in, such as 168h",
				now.Add(7*24*time.Hour).Format(time.RFC3339))
		}
		result, err := StepOf(v, step)
		if err == nil {
			err = s.waivable(v, result)
		}
		if err != nil {
			return err
		}
		before := v.Accepted(now)
		w := models.Waiver{Reason: reason, By: models.PrincipalOf(ctx).Name, At: now, ExpiresAt: until.UTC()}
		if err := tx.Validations().Waive(id, result.Index, w); err != nil {
			return err
		}
		if err := tx.Audit(models.AuditRecord{
			Action: "validation.waived", Model: v.Model, Version: v.Version, Reason: reason,
			Details: map[string]any{"validation": id, "step": result.Name, "failed": result.Reason, "expires_at": w.ExpiresAt},
		}); err != nil {
			return err
		}
		if v, err = tx.Validations().Get(id); err != nil || before || !v.Accepted(now) {
			return err
		}
		return tx.Enqueue(models.JobValidated, args{ValidationID: id})
	})
	return v, err
}

// waivable refuses to waive what a person cannot answer for: what nobody has
// looked at.
func (s *Service) waivable(v models.Validation, step models.StepResult) error {
	switch {
	case !v.State.Final():
		return models.Errorf(models.KindConflict, "validation %d is still under way: waive what failed when it has ended", v.ID)
	case step.Verdict == models.VerdictErrored:
		return models.Errorf(models.KindConflict, "step %q could not look, so nobody knows what would be waived: mend that, and validate again (%s)", step.Name, step.Reason)
	case step.Verdict != models.VerdictFailed:
		return models.Errorf(models.KindConflict, "step %q did not fail (it is %s): there is nothing to waive", step.Name, step.Verdict)
	case step.Excused:
		return models.Errorf(models.KindConflict, "step %q has continue_on_error: there is nothing to waive", step.Name)
	case slices.ContainsFunc(v.Steps, func(o models.StepResult) bool { return o.Verdict == models.VerdictSkipped && !o.Excused }):
		return models.Errorf(models.KindConflict,
			"steps were not run because %q failed, so a waiver would let pass what nobody looked at: mend it, or let the pipeline allow what it found, and validate again", step.Name)
	}
	return nil
}

// StepOf finds a step by its number, from 1, or its name.
func StepOf(v models.Validation, step string) (models.StepResult, error) {
	if n, err := strconv.Atoi(step); err == nil && n >= 1 && n <= len(v.Steps) {
		return v.Steps[n-1], nil
	}
	names := make([]string, len(v.Steps))
	for i, s := range v.Steps {
		if s.Name == step {
			return s, nil
		}
		names[i] = fmt.Sprintf("%d %s", i+1, s.Name)
	}
	return models.StepResult{}, models.Errorf(models.KindNotFound, "validation %d has no step %q; it has %s", v.ID, step, strings.Join(names, ", "))
}
