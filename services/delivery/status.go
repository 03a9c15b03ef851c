package delivery

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// Promotion gives a promotion by id, else not_found. What it tells of the
// traffic is so at the gateway.
func (s *Service) Promotion(ctx context.Context, id int64) (p models.Promotion, err error) {
	s.push.RLock()
	defer s.push.RUnlock()
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		p, err = tx.Promotions().Get(id)
		return err
	})
	return p, err
}

func (s *Service) release(ctx context.Context, id int64) (r models.Release, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		r, err = tx.Releases().Get(id)
		return err
	})
	return r, err
}

func (s *Service) environment(ctx context.Context, id int64) (e models.Environment, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		e, err = tx.Environments().Get(id)
		return err
	})
	return e, err
}

// Environments tells of every environment in a model's pipeline, by name. What
// it tells of the traffic is so at the gateway.
func (s *Service) Environments(ctx context.Context, model string) (list []models.EnvironmentStatus, err error) {
	s.push.RLock()
	defer s.push.RUnlock()
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		m, err := tx.RegisteredModels().Get(model)
		if err != nil {
			return err
		}
		rev, err := tx.Pipelines().Current(m.ID)
		if models.IsKind(err, models.KindNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		list = nil
		for _, name := range slices.Sorted(maps.Keys(rev.Pipeline.Environments)) {
			status, err := s.status(tx, m, name, rev.Pipeline.Environments[name])
			if err != nil {
				return err
			}
			list = append(list, status)
		}
		return nil
	})
	return list, err
}

// Environment tells of one environment, else not_found. What it tells of the
// traffic is so at the gateway.
func (s *Service) Environment(ctx context.Context, model, name string) (status models.EnvironmentStatus, err error) {
	s.push.RLock()
	defer s.push.RUnlock()
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		m, spec, err := environment(tx, model, name)
		if err != nil {
			return err
		}
		status, err = s.status(tx, m, name, spec)
		return err
	})
	return status, err
}

func (s *Service) status(tx storage.Tx, m models.RegisteredModel, name string, spec models.EnvironmentSpec) (models.EnvironmentStatus, error) {
	status := models.EnvironmentStatus{Model: m.Name, Name: name, Spec: spec}
	env, err := tx.Environments().Find(m.ID, name)
	if models.IsKind(err, models.KindNotFound) {
		return status, nil
	}
	if err != nil {
		return status, err
	}
	p, err := look(tx)
	if err != nil {
		return status, err
	}
	for _, r := range p.up {
		if r.EnvironmentID != env.ID || !r.State.Running() {
			continue
		}
		rs := s.releaseStatus(r, p.weight(env, r))
		if r.ID == env.Stable {
			status.Releases = slices.Insert(status.Releases, 0, rs)
		} else {
			status.Releases = append(status.Releases, rs)
		}
	}
	if status.Quarantine, err = tx.Environments().Quarantined(env.ID); err != nil {
		return status, err
	}
	last, err := tx.Promotions().List(models.PromotionFilter{EnvironmentID: env.ID, Limit: 1})
	if active, ok := p.active[env.ID]; ok {
		status.Promotion = &active
	} else if len(last) > 0 {
		status.Promotion = &last[0]
	}
	return status, err
}

func (s *Service) releaseStatus(r models.Release, weight int) models.ReleaseStatus {
	c := s.fleet.state(r)
	return models.ReleaseStatus{
		Release: r, Weight: weight, Ready: c.ready, Reason: c.reason, Requests: s.Traffic.Seen(r.Model, r.Environment, r.Number),
	}
}

// Promotions lists an environment's promotions, newest first.
func (s *Service) Promotions(ctx context.Context, model, env string, below int64, limit int) (list []models.Promotion, err error) {
	err = s.at(ctx, model, env, func(tx storage.Tx, e models.Environment) error {
		list, err = tx.Promotions().List(models.PromotionFilter{EnvironmentID: e.ID, BelowID: below, Limit: limit})
		return err
	})
	return list, err
}

// Releases lists an environment's releases, newest first.
func (s *Service) Releases(ctx context.Context, model, env string, below int64, limit int) (list []models.ReleaseStatus, err error) {
	err = s.at(ctx, model, env, func(tx storage.Tx, e models.Environment) error {
		releases, err := tx.Releases().List(e.ID, below, limit)
		if err != nil {
			return err
		}
		p, err := look(tx)
		if err != nil {
			return err
		}
		list = nil
		for _, r := range releases {
			list = append(list, s.releaseStatus(r, p.weight(e, r)))
		}
		return nil
	})
	return list, err
}

// at runs fn on an environment of a pipeline; on none that nothing was
// promoted to yet.
func (s *Service) at(ctx context.Context, model, name string, fn func(storage.Tx, models.Environment) error) error {
	return s.DB.View(ctx, func(tx storage.Tx) error {
		m, err := tx.RegisteredModels().Get(model)
		if err != nil {
			return err
		}
		env, err := tx.Environments().Find(m.ID, name)
		if models.IsKind(err, models.KindNotFound) {
			_, _, err = environment(tx, model, name)
			return err
		}
		if err != nil {
			return err
		}
		return fn(tx, env)
	})
}

// logLimit is how much of each instance's log is given.
const logLimit = 1 << 20

// Release finds a release by number, else not_found.
func (s *Service) Release(ctx context.Context, model, env string, number int64) (r models.Release, err error) {
	err = s.at(ctx, model, env, func(tx storage.Tx, e models.Environment) error {
		r, err = tx.Releases().ByNumber(e.ID, number)
		return err
	})
	if err == nil && r.ID == 0 {
		err = models.Errorf(models.KindNotFound, "there is no release %d here", number)
	}
	return r, err
}

// Logs writes the last lines of a release's instances.
func (s *Service) Logs(ctx context.Context, r models.Release, w io.Writer) error {
	target, err := s.target(r.Target)
	if err != nil {
		return err
	}
	for _, id := range s.fleet.instanceIDs(r) {
		if _, err := fmt.Fprintf(w, "== %s\n", id); err != nil {
			return err
		}
		if err := target.Logs(ctx, id, w, logLimit); err != nil {
			return err
		}
	}
	return nil
}
