package validation

import (
	"context"
	"errors"
	"fmt"

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
	if err := s.DB.InTx(ctx, func(tx storage.Tx) error {
		return errors.Join(tx.Validations().SetState(v.ID, models.ValidationRunning, ""), tx.Validations().SetMachine(v.ID, s.where()))
	}); err != nil {
		return err
	}
	go s.follow(ctx, v.ID, cancel)
	for i := range v.Steps {
		if v.Steps[i].Verdict != "" {
			continue
		}
		result, err := s.step(ctx, v, p, i)
		if errors.Is(context.Cause(ctx), errCancelled) {
			return s.finish(ctx, v, models.ValidationCancelled, fmt.Sprintf("cancelled during step %q", v.Steps[i].Name))
		}
		if err != nil {
			return err
		}
		v.Steps[i] = result
	}
	state, why := outcome(v.Steps)
	return s.finish(ctx, v, state, why)
}

// finish ends a validation, also when ctx has ended.
func (s *Service) finish(ctx context.Context, v models.Validation, state models.ValidationState, why string) error {
	return s.DB.InTx(context.WithoutCancel(ctx), func(tx storage.Tx) error { return s.end(tx, v, state, why) })
}
