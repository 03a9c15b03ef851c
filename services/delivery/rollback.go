package delivery

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// Back asks for an earlier release.
type Back struct {
	Model       string
	Environment string
	Release     int64 // 0: the one that was live before
	Reason      string
}

// Rollback brings an earlier release back. Without a release named, a rollout
// under way is taken back; where there is none, the release that was live
// before returns. A warm one takes the traffic in this call; another is started
// and ready first. The version that is left is quarantined.
func (s *Service) Rollback(ctx context.Context, b Back) (models.Promotion, error) {
	var p, left models.Promotion
	s.push.Lock()
	defer s.push.Unlock()
	err := s.DB.InTx(ctx, func(tx storage.Tx) (err error) {
		m, err := tx.RegisteredModels().Get(b.Model)
		if err != nil {
			return err
		}
		env, err := tx.Environments().Find(m.ID, b.Environment)
		if err != nil {
			return err
		}
		p, left, err = s.goBack(tx, env, b, because("rolled back", models.PrincipalOf(ctx).Name, b.Reason))
		if err == nil {
			p, err = tx.Promotions().Get(p.ID)
		}
		return err
	})
	if err != nil {
		return p, err
	}
	s.Metrics.count(p, left)
	return p, s.pushRoutes(ctx)
}

// goBack gives the promotion that goes back, and the one that it supersedes.
func (s *Service) goBack(tx storage.Tx, env models.Environment, b Back, reason string) (p, left models.Promotion, err error) {
	active, err := tx.Promotions().Active(env.ID)
	switch {
	case err == nil && b.Release == 0 && active.Cause != models.CauseRollback:
		err = s.move(tx, &active, rollBack, reason)
		return active, left, err
	case err == nil && active.Cause == models.CauseRollback && (b.Release == 0 || b.Release == active.Release):
		return active, left, nil // it is on its way already
	case err == nil:
		if err := s.move(tx, &active, supersede, "a rollback to another release: "+reason); err != nil {
			return active, left, err
		}
		left = active
	case !models.IsKind(err, models.KindNotFound):
		return active, left, err
	}
	r, err := earlier(tx, env, b.Release)
	if err != nil {
		return active, left, err
	}
	p, err = s.bringBack(tx, env, r, b.Reason, reason)
	return p, left, err
}

// bringBack writes the promotion of a rollback: ended, where the release is
// warm and ready, else on its way.
func (s *Service) bringBack(tx storage.Tx, env models.Environment, r models.Release, asked, reason string) (models.Promotion, error) {
	spec := models.EnvironmentSpec{Target: r.Target, Serving: r.Serving}
	p, err := tx.Promotions().Create(models.Promotion{
		EnvironmentID: env.ID, VersionID: r.VersionID, Cause: models.CauseRollback, ReleaseID: r.ID, StableID: env.Stable,
		State: pending, Spec: spec, RequestReason: asked,
	})
	if err != nil {
		return p, err
	}
	if r.State == models.ReleaseWarm && s.fleet.state(r).ready == r.Serving.Replicas {
		return p, s.move(tx, &p, succeed, reason)
	}
	if r.State != models.ReleaseWarm {
		r.State, r.WarmUntil, r.RetiredAt = models.ReleaseStarting, nil, nil
		r.Generation++ // the instances that are being stopped are others
		if err := tx.Releases().SetLife(r.ID, r.ReleaseLife); err != nil {
			return p, err
		}
	}
	if err := s.move(tx, &p, restart, reason); err != nil {
		return p, err
	}
	return p, tx.Enqueue(models.JobPromote, promoteArgs{p.ID})
}

// earlier finds the release to go back to: only those that were live once, and
// whose version is not quarantined, can come back.
func earlier(tx storage.Tx, env models.Environment, number int64) (models.Release, error) {
	if env.Stable == 0 {
		return models.Release{}, models.Errorf(models.KindConflict, "nothing is live in %s yet", env.Name)
	}
	live, err := tx.Releases().Get(env.Stable)
	if err != nil {
		return live, err
	}
	held, err := tx.Environments().Quarantined(env.ID)
	if err != nil {
		return live, err
	}
	all, err := tx.Releases().List(env.ID, 0, 1000)
	if err != nil {
		return live, err
	}
	var targets []string
	for _, r := range all {
		out := slices.ContainsFunc(held, func(q models.Quarantine) bool { return q.VersionID == r.VersionID })
		if r.ID == live.ID || r.LiveAt == nil || out {
			continue
		}
		if r.Number == number || number == 0 && r.Number < live.Number {
			return r, nil
		}
		targets = append(targets, fmt.Sprint(r.Number))
	}
	can := "there is none"
	if len(targets) > 0 {
		can = "there are: " + strings.Join(targets, ", ")
	}
	switch number {
	case 0:
		return live, models.Errorf(models.KindConflict, "no release before %d was live in %s and is fit to come back", live.Number, env.Name)
	case live.Number:
		return live, models.Errorf(models.KindConflict, "release %d is live in %s already", number, env.Name)
	}
	if _, err := tx.Releases().ByNumber(env.ID, number); err != nil {
		return live, err
	}
	return live, models.Errorf(models.KindConflict,
		"release %d of %s cannot come back: only releases that were live once and whose version is not quarantined can; %s", number, env.Name, can)
}
