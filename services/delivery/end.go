package delivery

import (
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// retireArgs are the arguments of the job that stops a release's instances.
type retireArgs struct {
	ReleaseID int64 `json:"release_id"`
}

// promoteArgs are the arguments of the job that carries a promotion.
type promoteArgs struct {
	PromotionID int64 `json:"promotion_id"`
}

// end does what follows from a promotion's last state, in its transaction.
func (s *Service) end(tx storage.Tx, p *models.Promotion, now time.Time) error {
	p.Tally = nil
	if p.State == succeeded {
		return s.goLive(tx, p, now)
	}
	p.Weight = 0
	if p.State == rolledBack {
		if err := quarantine(tx, *p, p.VersionID, p.Reason); err != nil {
			return err
		}
	}
	if p.ReleaseID == 0 {
		return nil
	}
	r, err := tx.Releases().Get(p.ReleaseID)
	if err != nil {
		return err
	}
	state := models.ReleaseRetired
	switch {
	case p.Cause == models.CauseRollback: // it stays what it was: live once, and stopped
	case p.State == rolledBack:
		state = models.ReleaseRolledBack
	case p.State == failed:
		state = models.ReleaseFailed
	}
	return leave(tx, r, state, nil)
}

// goLive gives all the traffic to the promotion's release: the environment,
// its alias and its stage say so in one transaction.
func (s *Service) goLive(tx storage.Tx, p *models.Promotion, now time.Time) error {
	env, err := tx.Environments().Get(p.EnvironmentID)
	if err != nil {
		return err
	}
	r, err := tx.Releases().Get(p.ReleaseID)
	if err != nil {
		return err
	}
	p.Weight = 100
	r.State, r.LiveAt, r.WarmUntil, r.RetiredAt = models.ReleaseLive, &now, nil, nil
	if err := tx.Releases().SetLife(r.ID, r.ReleaseLife); err != nil {
		return err
	}
	if err := tx.Environments().SetStable(env.ID, r.ID); err != nil {
		return err
	}
	if env.Stable != 0 && env.Stable != r.ID {
		if err := stepDown(tx, *p, env.Stable, now); err != nil {
			return err
		}
	}
	if err := follow(tx, env, p.VersionID, p.Version); err != nil {
		return err
	}
	return s.autoAfter(tx, env, p.VersionID)
}

// stepDown keeps the release that was live warm, or quarantines its version
// where a person went back from it.
func stepDown(tx storage.Tx, p models.Promotion, releaseID int64, now time.Time) error {
	old, err := tx.Releases().Get(releaseID)
	if err != nil {
		return err
	}
	if p.Cause == models.CauseRollback {
		if old.VersionID != p.VersionID {
			if err := quarantine(tx, p, old.VersionID, p.Reason); err != nil {
				return err
			}
		}
		return leave(tx, old, models.ReleaseRolledBack, nil)
	}
	if p.Spec.RollbackWindow <= 0 {
		return leave(tx, old, models.ReleaseRetired, nil)
	}
	until := now.Add(p.Spec.RollbackWindow)
	return leave(tx, old, models.ReleaseWarm, &until)
}

// leave takes a release out of the traffic. A job stops its instances once it
// has drained, or at the end of its warm time.
func leave(tx storage.Tx, r models.Release, state models.ReleaseState, warmUntil *time.Time) error {
	r.State, r.WarmUntil = state, warmUntil
	if err := tx.Releases().SetLife(r.ID, r.ReleaseLife); err != nil {
		return err
	}
	return tx.Enqueue(models.JobRetire, retireArgs{r.ID})
}

func quarantine(tx storage.Tx, p models.Promotion, versionID int64, reason string) error {
	return tx.Environments().Quarantine(models.Quarantine{
		EnvironmentID: p.EnvironmentID, VersionID: versionID, PromotionID: p.ID, Reason: reason,
	})
}

// follow makes the alias of the environment's name, and MLflow's old stage
// where there is one of that name, say what is live.
func follow(tx storage.Tx, env models.Environment, versionID, version int64) error {
	if err := tx.RegisteredModels().SetAlias(env.ModelID, env.Name, version); err != nil {
		return err
	}
	stage, ok := models.StageOf(env.Name)
	if !ok {
		return nil
	}
	if err := tx.Versions().Update(versionID, models.VersionUpdate{Stage: &stage}); err != nil {
		return err
	}
	return tx.Versions().Restage(env.ModelID, stage, models.StageArchived, versionID)
}
