package delivery

import (
	"context"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// picture is what the database says should be.
type picture struct {
	environments []models.Environment
	up           []models.Release
	active       map[int64]models.Promotion // by environment
}

func look(tx storage.Tx) (picture, error) {
	p := picture{active: map[int64]models.Promotion{}}
	var err error
	if p.environments, err = tx.Environments().All(); err != nil {
		return p, err
	}
	if p.up, err = tx.Releases().Up(); err != nil {
		return p, err
	}
	unfinished, err := tx.Promotions().List(models.PromotionFilter{Unfinished: true, Limit: 1000})
	for _, u := range unfinished {
		if u.State.Active() {
			p.active[u.EnvironmentID] = u
		}
	}
	return p, err
}

// route shows the gateway what the database says.
func (s *Service) route(ctx context.Context) error {
	s.push.Lock()
	defer s.push.Unlock()
	return s.pushRoutes(ctx)
}

// pushRoutes reads a table and sets it. Its caller holds s.push, so that an
// older picture never replaces a newer one.
func (s *Service) pushRoutes(ctx context.Context) error {
	routes, err := s.Discover(ctx)
	if err != nil {
		return err
	}
	s.Traffic.Set(routes)
	return nil
}

// Discover tells every instance that answers requests now, and what it runs.
func (s *Service) Discover(ctx context.Context) ([]models.Route, error) {
	var p picture
	err := s.DB.View(ctx, func(tx storage.Tx) (err error) {
		p, err = look(tx)
		return err
	})
	return p.routes(s.fleet), err
}

func (p picture) routes(f *fleet) []models.Route {
	var routes []models.Route
	for _, env := range p.environments {
		r := models.Route{Model: env.Model, Environment: env.Name}
		for _, rel := range p.up {
			if rel.EnvironmentID == env.ID && rel.State.Running() {
				r.Releases = append(r.Releases, models.RouteRelease{
					Number: rel.Number, Version: rel.Version, Stable: rel.ID == env.Stable, Weight: p.weight(env, rel),
					Timeout: rel.Serving.Timeout, Instances: f.addresses(rel),
				})
			}
		}
		if len(r.Releases) > 0 {
			routes = append(routes, r)
		}
	}
	return routes
}

// weight is a release's share of its environment's traffic.
func (p picture) weight(env models.Environment, r models.Release) int {
	active := p.active[env.ID]
	switch r.ID {
	case active.ReleaseID:
		return active.Weight
	case env.Stable:
		return 100 - active.Weight
	}
	return 0
}
