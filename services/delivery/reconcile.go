package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// listTime bounds one look at a target.
const listTime = 30 * time.Second

// reconcile compares what should run with what does: starts what is missing,
// stops what nobody wants. It tells whether an address has changed. Targets are
// asked before the database, so that an instance in their answer that the
// database does not know is no longer wanted, and not wanted since.
func (s *Service) reconcile(ctx context.Context) (changed bool, err error) {
	looking, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	asked := s.Now()
	listed, away := s.list(looking)
	var up []models.Release
	err = s.DB.View(looking, func(tx storage.Tx) (err error) {
		up, err = tx.Releases().Up()
		return err
	})
	if err != nil {
		return false, err
	}
	wanted, kept, used := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, r := range up {
		used[r.Target] = true
		for _, id := range s.fleet.instanceIDs(r) {
			kept[id] = true // those of a release that retires are its job's
			if !r.State.Running() {
				continue
			}
			wanted[id] = true
			if _, down := away[r.Target]; down {
				continue
			}
			seen := listed[id].Instance
			if seen.State == "" {
				seen = deploy.Instance{ID: id, State: deploy.StateGone}
			}
			changed = s.fleet.tend(ctx, r, id, seen, asked) || changed
		}
	}
	for id, l := range listed {
		if !kept[id] {
			s.fleet.dismiss(ctx, id, l.target)
		}
	}
	changed = s.fleet.forget(wanted) || changed
	var failures []error
	for name, err := range away {
		if used[name] { // not everybody has a Docker Engine
			failures = append(failures, fmt.Errorf("target %s: %w", name, err))
		}
	}
	return changed, errors.Join(failures...)
}

type listing struct {
	deploy.Instance
	target deploy.Target
}

// list asks every target; away are those that did not answer.
func (s *Service) list(ctx context.Context) (all map[string]listing, away map[string]error) {
	all, away = map[string]listing{}, map[string]error{}
	for name, t := range s.Targets {
		instances, err := t.List(ctx, s.DB.ServerID())
		if err != nil {
			away[name] = err
			continue
		}
		for _, i := range instances {
			all[i.ID] = listing{i, t}
		}
	}
	return all, away
}

// dismiss stops an instance that no release wants.
func (f *fleet) dismiss(ctx context.Context, id string, target deploy.Target) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m := f.members[id]; m != nil && m.working {
		return
	}
	f.members[id] = &member{working: true}
	f.busy.Go(func() {
		stopping, cancel := context.WithTimeout(ctx, f.cfg.Grace+time.Minute)
		defer cancel()
		if err := target.Stop(stopping, id, f.cfg.Grace); err != nil && ctx.Err() == nil {
			f.cfg.Log.WarnContext(ctx, "orphan not stopped", "instance", id, "error", err)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.members, id)
	})
}

// forget drops what is no longer wanted, and tells whether any of it was up.
func (f *fleet) forget(wanted map[string]bool) (changed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, m := range f.members {
		if !wanted[id] && !m.working {
			changed = changed || m.up()
			delete(f.members, id)
		}
	}
	return changed
}
