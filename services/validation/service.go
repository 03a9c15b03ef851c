package validation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/blob"
)

// Service validates model versions.
type Service struct {
	DB       storage.DB
	Blobs    blob.Store // of logs
	Files    Files
	Datasets Datasets
	Runner   deploy.Runner            // of the checks' own inference
	Steps    map[string]deploy.Runner // where run: steps may run, by StepSpec.On
	Scope    Scope                    // of variables and secrets; nil: there are none
	Checks   []Check
	Sources  Sources // of run: steps
	Settings Settings
	Doors    Doors // where run: steps speak with this server; nil: nowhere

	programs digests // of what runs models
}

// args are the arguments of this package's jobs.
type args struct {
	VersionID    int64 `json:"version_id,omitempty"`
	ValidationID int64 `json:"validation_id,omitempty"`
}

// Ask is how a validation is asked for.
type Ask struct {
	Priority models.Priority // 0: normal
	Fresh    bool            // reuse no earlier result
	RepeatOf int64           // do this validation again, by the same revision, measuring anew; 0: by the current one
}

// Create queues a validation of a version, as a person or a CI job asks for.
func (s *Service) Create(ctx context.Context, model string, number int64, ask Ask) (v models.Validation, err error) {
	err = s.DB.InTx(ctx, func(tx storage.Tx) error {
		version, err := tx.Versions().ByNumber(model, number)
		if err != nil {
			return err
		}
		if ask.RepeatOf != 0 {
			v, err = repeat(tx, version, ask)
			return err
		}
		rev, err := tx.Pipelines().Current(version.ModelID)
		if models.IsKind(err, models.KindNotFound) {
			return models.Errorf(models.KindConflict,
				"%q has no pipeline, which says how to validate it: apply one (slipway pipeline apply, or PUT /api/v1/models/%s/pipeline)", model, model)
		}
		if err != nil {
			return err
		}
		if len(rev.Pipeline.Validation.Steps) == 0 {
			return models.Errorf(models.KindConflict, "the pipeline of %q has no validation: add validation.steps and apply it", model)
		}
		v, err = enqueue(tx, version, rev, models.TriggerManual, ask)
		return err
	})
	return v, err
}

// repeat queues what an earlier validation of the version did.
func repeat(tx storage.Tx, version models.Version, ask Ask) (models.Validation, error) {
	first, err := tx.Validations().Get(ask.RepeatOf)
	if err != nil {
		return first, err
	}
	if first.VersionID != version.ID {
		return first, models.Errorf(models.KindConflict, "validation %d is of %s %d, and not of %s %d: name that version to repeat it",
			first.ID, first.Model, first.Version, version.Model, version.Number)
	}
	rev, err := tx.Pipelines().Revision(first.RevisionID)
	if err != nil {
		return first, err
	}
	ask.Fresh = true
	return enqueue(tx, version, rev, models.TriggerManual, ask)
}

// enqueue writes a validation and its job.
func enqueue(tx storage.Tx, version models.Version, rev models.PipelineRevision, trigger models.Trigger, ask Ask) (models.Validation, error) {
	v := models.Validation{
		VersionID: version.ID, RevisionID: rev.ID, Trigger: trigger,
		Priority: cmp.Or(ask.Priority, models.PriorityNormal), Fresh: ask.Fresh, RepeatOf: ask.RepeatOf,
	}
	for _, step := range rev.Pipeline.Validation.Steps {
		v.Steps = append(v.Steps, models.StepResult{Name: step.Name, Check: step.Check, Run: step.Run, Excused: step.ContinueOnError})
	}
	v, err := tx.Validations().Create(v)
	if err != nil {
		return v, err
	}
	if err := tx.EnqueueAt(v.Priority, models.JobValidate, args{ValidationID: v.ID}); err != nil {
		return v, err
	}
	return v, tx.Audit(models.AuditRecord{
		Action: "validation.requested", Model: version.Model, Version: version.Number,
		Reason:  fmt.Sprintf("validation %d by pipeline revision %d (%s)", v.ID, rev.Number, trigger),
		Details: map[string]any{"validation": v.ID, "revision": rev.Number, "trigger": trigger},
	})
}

// Now is the clock by which waivers run out.
func (s *Service) Now(ctx context.Context) (time.Time, error) { return s.DB.Now(ctx) }

// Get finds a validation with its steps.
func (s *Service) Get(ctx context.Context, id int64) (v models.Validation, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) (err error) {
		v, err = tx.Validations().Get(id)
		return err
	})
	return v, err
}

// List gives a version's validations with their steps, newest first, from
// below an id.
func (s *Service) List(ctx context.Context, model string, number, below int64, limit int) (list []models.Validation, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		version, err := tx.Versions().ByNumber(model, number)
		if err != nil {
			return err
		}
		list, err = tx.Validations().List(version.ID, below, limit)
		for i := range list {
			if err == nil {
				list[i], err = tx.Validations().Get(list[i].ID)
			}
		}
		return err
	})
	return list, err
}

// Cancel ends a validation: at once where it has not begun, else when its
// step has stopped.
func (s *Service) Cancel(ctx context.Context, id int64, reason string) (v models.Validation, err error) {
	err = s.DB.InTx(ctx, func(tx storage.Tx) (err error) {
		if v, err = tx.Validations().Get(id); err != nil {
			return err
		}
		if err := tx.Validations().Cancel(id); err != nil {
			return err
		}
		if err := tx.Audit(models.AuditRecord{
			Action: "validation.cancelled", Model: v.Model, Version: v.Version, Reason: reason, Details: map[string]any{"validation": id},
		}); err != nil {
			return err
		}
		if v.State == models.ValidationQueued {
			if err := s.end(tx, v, models.ValidationCancelled, "cancelled before it began"); err != nil {
				return err
			}
		}
		v, err = tx.Validations().Get(id)
		return err
	})
	return v, err
}

// end writes how a validation ended and tells whoever goes on from there.
func (s *Service) end(tx storage.Tx, v models.Validation, state models.ValidationState, why string) error {
	for i, step := range v.Steps {
		if step.Verdict != "" {
			continue
		}
		step.Report, step.Reason = models.Report{Verdict: models.VerdictSkipped}, skipped(state)
		if err := tx.Validations().EndStep(step); err != nil {
			return err
		}
		v.Steps[i] = step
	}
	return errors.Join(
		tx.Validations().SetState(v.ID, state, why),
		s.logToRun(tx, v, state, why),
		tx.Enqueue(models.JobValidated, args{ValidationID: v.ID}),
		tx.Audit(models.AuditRecord{
			Action: "validation." + string(state), Model: v.Model, Version: v.Version, Reason: why,
			Details: map[string]any{"validation": v.ID, "revision": v.Revision},
		}),
	)
}

func skipped(state models.ValidationState) string {
	if state == models.ValidationCancelled {
		return "the validation was cancelled"
	}
	return "the validation ended before it"
}
