package delivery

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// Request asks for a promotion.
type Request struct {
	Model       string
	Environment string
	Version     int64  // 0: what Alias names
	Alias       string // of the registered model
	Cause       models.Cause
	Reason      string
}

// Promote asks for a version to be released in an environment. A gate that
// says no already is a conflict with the gate in its details; so is a
// quarantine. Asking again for what is under way, or live, gives its promotion.
func (s *Service) Promote(ctx context.Context, r Request) (models.Promotion, error) {
	var p models.Promotion
	err := s.DB.InTx(ctx, func(tx storage.Tx) error {
		ask, err := s.resolve(tx, r)
		if err != nil {
			return err
		}
		p, err = s.request(tx, ask)
		return err
	})
	if err != nil || p.State != refused {
		return p, err
	}
	s.Metrics.count(p)
	refusal := models.Errorf(models.KindConflict, "version %d cannot be promoted to %s: %s", p.Version, p.Environment, p.Reason)
	for _, g := range p.Gates {
		if !g.Passed {
			refusal.Details = append(refusal.Details, models.Detail{Field: g.Gate, Message: g.Reason})
		}
	}
	return p, refusal
}

// wish is a request whose names have been found.
type wish struct {
	model   models.RegisteredModel
	version models.Version
	env     models.Environment
	spec    models.EnvironmentSpec
	cause   models.Cause
	reason  string
}

func (s *Service) resolve(tx storage.Tx, r Request) (wish, error) {
	w := wish{cause: r.Cause, reason: r.Reason}
	var err error
	if w.model, w.spec, err = environment(tx, r.Model, r.Environment); err != nil {
		return w, err
	}
	if r.Alias != "" {
		number, ok := w.model.Aliases[r.Alias]
		if !ok {
			return w, models.Errorf(models.KindNotFound, "model %q has no alias %q", r.Model, r.Alias)
		}
		r.Version = number
	}
	if w.version, err = tx.Versions().ByNumber(r.Model, r.Version); err != nil {
		return w, err
	}
	w.env, err = tx.Environments().Ensure(w.model.ID, r.Environment)
	return w, err
}

// environment finds a model and what its pipeline says of an environment.
func environment(tx storage.Tx, model, name string) (models.RegisteredModel, models.EnvironmentSpec, error) {
	m, err := tx.RegisteredModels().Get(model)
	if err != nil {
		return m, models.EnvironmentSpec{}, err
	}
	if !m.Pipelined {
		return m, models.EnvironmentSpec{}, models.Errorf(models.KindNotFound,
			"model %q has no pipeline, so no environments: apply one with slipway pipeline apply", model)
	}
	rev, err := tx.Pipelines().Current(m.ID)
	if err != nil {
		return m, models.EnvironmentSpec{}, err
	}
	spec, ok := rev.Pipeline.Environments[name]
	if !ok {
		names := slices.Sorted(maps.Keys(rev.Pipeline.Environments))
		return m, spec, models.Errorf(models.KindNotFound, "the pipeline of model %q has no environment %q; it has: %s", model, name, strings.Join(names, ", "))
	}
	return m, spec, nil
}

// request writes a promotion: gated and on its way, or refused.
func (s *Service) request(tx storage.Tx, w wish) (models.Promotion, error) {
	if p, found, err := underWay(tx, w); found || err != nil {
		return p, err
	}
	if p, found, err := liveAlready(tx, w); found || err != nil {
		return p, err
	}
	if err := allowed(tx, w); err != nil {
		return models.Promotion{}, err
	}
	results, err := ask(tx, w.spec, w.model.ID, w.version.ID)
	if err != nil {
		return models.Promotion{}, err
	}
	p := models.Promotion{
		EnvironmentID: w.env.ID, VersionID: w.version.ID, Cause: w.cause, State: pending, Spec: w.spec, Gates: results,
		StableID: w.env.Stable, RequestReason: w.reason,
	}
	for _, step := range w.spec.Rollout.Steps {
		p.Steps = append(p.Steps, models.StepProgress{Weight: step.Weight, Hold: step.Hold})
	}
	p.Model, p.Environment = w.model.Name, w.env.Name
	for i := range p.Steps {
		p.Steps[i].Expected = s.expected(p, i)
	}
	if p, err = tx.Promotions().Create(p); err != nil {
		return p, err
	}
	err = tx.Audit(models.AuditRecord{
		Action: "promotion.requested", Model: p.Model, Environment: p.Environment, Version: p.Version, Reason: w.reason,
		Details: map[string]any{"promotion": p.ID, "cause": p.Cause},
	})
	if err != nil {
		return p, err
	}
	if reason := no(results); reason != "" {
		return p, s.move(tx, &p, refuse, reason)
	}
	if err := s.move(tx, &p, pass, "every gate said yes"); err != nil {
		return p, err
	}
	return p, tx.Enqueue(models.JobPromote, promoteArgs{p.ID})
}

// underWay finds an unfinished promotion of the same version, which asking
// again joins.
func underWay(tx storage.Tx, w wish) (models.Promotion, bool, error) {
	list, err := tx.Promotions().List(models.PromotionFilter{EnvironmentID: w.env.ID, Unfinished: true, Limit: 100})
	for _, p := range list {
		if p.VersionID == w.version.ID && reflect.DeepEqual(p.Spec, w.spec) {
			return p, true, nil
		}
	}
	return models.Promotion{}, false, err
}

// liveAlready finds the promotion that brought what is asked for, where it is
// live: so a CI job that runs again succeeds again.
func liveAlready(tx storage.Tx, w wish) (models.Promotion, bool, error) {
	live, is, err := isLive(tx, w)
	if err != nil || !is {
		return models.Promotion{}, false, err
	}
	p, err := tx.Promotions().Get(live.PromotionID)
	return p, err == nil, err
}

// isLive tells whether the release that takes the traffic is what is asked for.
func isLive(tx storage.Tx, w wish) (models.Release, bool, error) {
	if w.env.Stable == 0 {
		return models.Release{}, false, nil
	}
	live, err := tx.Releases().Get(w.env.Stable)
	return live, live.VersionID == w.version.ID && live.Target == w.spec.Target && reflect.DeepEqual(live.Serving, w.spec.Serving), err
}

// allowed refuses what no gate is needed for.
func allowed(tx storage.Tx, w wish) error {
	if w.version.Files != models.FilesFrozen {
		return models.Errorf(models.KindConflict, "version %d cannot be promoted: its files are not all in the store and hashed (%s)", w.version.Number, w.version.Files)
	}
	held, err := quarantined(tx, w.env.ID, w.version.ID)
	if err != nil {
		return err
	}
	if held != nil {
		return models.Errorf(models.KindConflict, "version %d is quarantined in %s: %s. To let it in again: slipway lift %s %d --env %s --reason …",
			w.version.Number, w.env.Name, held.Reason, w.model.Name, w.version.Number, w.env.Name)
	}
	live, is, err := isLive(tx, w)
	if err != nil {
		return err
	}
	if is {
		return models.Errorf(models.KindConflict, "version %d is live in %s already, as release %d", w.version.Number, w.env.Name, live.Number)
	}
	return nil
}

// AliasRequested answers an MLflow client that points an alias at a version.
// handled tells that the model has an environment of that name: the alias moves
// when the release is live. A gate that says no already is a conflict.
func (s *Service) AliasRequested(ctx context.Context, model, alias string, version int64) (handled bool, err error) {
	var spec models.EnvironmentSpec
	live := false
	err = s.DB.Look(ctx, func(tx storage.Tx) error {
		m, found, err := environment(tx, model, alias)
		if models.IsKind(err, models.KindNotFound) {
			return nil // plain MLflow
		}
		if err != nil {
			return err
		}
		if _, err := tx.Versions().ByNumber(model, version); err != nil {
			return err
		}
		handled, spec = true, found
		live = m.Aliases[alias] == version
		return nil
	})
	switch {
	case err != nil || !handled || live:
		return handled, err
	case spec.OnAlias == models.AliasRefuse:
		return true, models.Errorf(models.KindConflict, "the alias %q follows what is live in the environment of that name. To release version %d there: slipway promote %s %d --env %s",
			alias, version, model, version, alias)
	}
	_, err = s.Promote(ctx, Request{
		Model: model, Environment: alias, Version: version, Cause: models.CauseAlias,
		Reason: fmt.Sprintf("the alias %s was set to version %d", alias, version),
	})
	return true, err
}
