package delivery

import (
	"context"
	"fmt"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// Pause keeps the weights as they are. The analysis goes on, and takes
// everything back where the new release is worse.
func (s *Service) Pause(ctx context.Context, id int64, reason string) (models.Promotion, error) {
	who := models.PrincipalOf(ctx).Name
	return s.change(ctx, id, pause, because("paused", who, reason), func(_ storage.Tx, p *models.Promotion) error {
		p.PausedBy = who
		return nil
	})
}

// Resume lets a paused rollout go on. One that the analysis holds goes on by
// itself, or by Skip.
func (s *Service) Resume(ctx context.Context, id int64, reason string) (models.Promotion, error) {
	who := models.PrincipalOf(ctx).Name
	return s.change(ctx, id, resume, because("resumed", who, reason), func(_ storage.Tx, p *models.Promotion) error {
		if p.State == paused && p.PausedBy == "" {
			return models.Errorf(models.KindConflict, "promotion %d waits for more requests, not for a person: skip its step to go on without a verdict", p.ID)
		}
		return nil
	})
}

// Skip ends the present step without waiting for its hold or its analysis.
func (s *Service) Skip(ctx context.Context, id int64, reason string) (models.Promotion, error) {
	p, err := s.Promotion(ctx, id)
	if err != nil {
		return p, err
	}
	if p.State != shifting && p.State != paused {
		return p, models.Errorf(models.KindConflict, "promotion %d is %s: it has no step to skip", id, p.State)
	}
	return s.advance(ctx, p, because("step skipped", models.PrincipalOf(ctx).Name, reason), p.Analysis)
}

// Cancel gives all the traffic back to the stable release.
func (s *Service) Cancel(ctx context.Context, id int64, reason string) (models.Promotion, error) {
	return s.change(ctx, id, cancel, because("cancelled", models.PrincipalOf(ctx).Name, reason), nil)
}

// Retry asks again for what a promotion that has ended without success asked.
func (s *Service) Retry(ctx context.Context, id int64, reason string) (models.Promotion, error) {
	p, err := s.Promotion(ctx, id)
	switch {
	case err != nil:
		return p, err
	case !p.State.Final():
		return p, models.Errorf(models.KindConflict, "promotion %d is %s: there is nothing to retry yet", id, p.State)
	case p.State == succeeded:
		return p, models.Errorf(models.KindConflict, "promotion %d has succeeded", id)
	case p.Cause == models.CauseRollback:
		return s.Rollback(ctx, Back{Model: p.Model, Environment: p.Environment, Release: p.Release, Reason: reason})
	}
	if reason == "" {
		reason = fmt.Sprintf("promotion %d again", id)
	}
	return s.Promote(ctx, Request{Model: p.Model, Environment: p.Environment, Version: p.Version, Cause: models.CauseManual, Reason: reason})
}

// Lift lets a version that was taken back be promoted again.
func (s *Service) Lift(ctx context.Context, model, env string, version int64, reason string) error {
	return s.DB.InTx(ctx, func(tx storage.Tx) error {
		m, err := tx.RegisteredModels().Get(model)
		if err != nil {
			return err
		}
		e, err := tx.Environments().Find(m.ID, env)
		if err != nil {
			return err
		}
		v, err := tx.Versions().ByNumber(model, version)
		if err != nil {
			return err
		}
		if err := tx.Environments().Lift(e.ID, v.ID, reason); err != nil {
			return err
		}
		return tx.Audit(models.AuditRecord{Action: "quarantine.lifted", Model: model, Environment: env, Version: version, Reason: reason})
	})
}

func because(what, who, reason string) string {
	text := what + " by " + who
	if reason != "" {
		text += ": " + reason
	}
	return text
}
