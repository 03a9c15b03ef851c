package delivery

import (
	"context"
	"fmt"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/job"
	"github.com/slipway-ml/slipway/storage"
)

// Retire stops a release's instances once it is warm no more and its requests
// have finished. It is the work of job `retire`; a release that has come back
// meanwhile is left alone.
func (s *Service) Retire(ctx context.Context, releaseID int64) error {
	r, wait, err := s.cool(ctx, releaseID)
	switch {
	case err != nil:
		return err
	case wait > 0:
		return job.Later(wait)
	case r.State.Running() || r.RetiredAt != nil:
		return nil
	}
	if err := s.route(ctx); err != nil {
		return err
	}
	drain := max(s.Grace, r.Serving.Timeout)
	draining, cancel := context.WithTimeout(ctx, drain)
	defer cancel()
	if err := s.Traffic.Drained(draining, r.Model, r.Environment, r.Number); err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	target, err := s.target(r.Target)
	if err != nil {
		return err
	}
	for _, id := range s.fleet.instanceIDs(r) {
		if err := target.Stop(ctx, id, s.Grace); err != nil {
			return fmt.Errorf("stop instance %s: %w", id, err)
		}
	}
	return s.DB.InTx(ctx, func(tx storage.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		life, err := tx.Releases().Get(releaseID)
		if err != nil || life.State.Running() || life.Generation != r.Generation {
			return err
		}
		life.RetiredAt = &now
		return tx.Releases().SetLife(releaseID, life.ReleaseLife)
	})
}

// cool ends a release's warm time, or tells how long it still lasts.
func (s *Service) cool(ctx context.Context, releaseID int64) (r models.Release, wait time.Duration, err error) {
	err = s.DB.InTx(ctx, func(tx storage.Tx) error {
		wait = 0
		now, err := tx.Now()
		if err != nil {
			return err
		}
		if r, err = tx.Releases().Get(releaseID); err != nil || r.State != models.ReleaseWarm {
			return err
		}
		if r.WarmUntil != nil {
			if wait = r.WarmUntil.Sub(now); wait > 0 {
				return nil
			}
		}
		active, err := tx.Promotions().Active(r.EnvironmentID)
		if err == nil && active.ReleaseID == r.ID {
			wait = time.Minute // it is coming back
			return nil
		}
		if err != nil && !models.IsKind(err, models.KindNotFound) {
			return err
		}
		wait, r.State, r.WarmUntil = 0, models.ReleaseRetired, nil
		return tx.Releases().SetLife(r.ID, r.ReleaseLife)
	})
	return r, wait, err
}
