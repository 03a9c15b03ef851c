package validation

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/expression"
	"github.com/slipway-ml/slipway/services/mask"
	"github.com/slipway-ml/slipway/storage"
)

// Scope resolves the variables and secrets of models and their environments.
type Scope interface {
	// Resolve gives what a model's steps may use: environment is "" for what is
	// the model's and what is global.
	Resolve(ctx context.Context, model, environment string) (Resolved, error)
}

// Resolved are variables and secrets by their names.
type Resolved struct {
	Vars, Secrets map[string]string
	Unreadable    map[string]error // secrets that cannot be opened, and why
}

// given is what a step's expressions stand for, and the mask of every secret in
// its scope, used or not.
type given struct {
	values expression.Values
	mask   *mask.Mask
}

// given gathers what a step may name when it begins.
func (s *Service) given(ctx context.Context, v models.Validation, p plan, index int) (g given, err error) {
	var scope Resolved
	if s.Scope != nil {
		if scope, err = s.Scope.Resolve(ctx, p.version.Model, ""); err != nil {
			return g, err
		}
	}
	g.mask = mask.New(slices.Collect(maps.Values(scope.Secrets))...)
	spec := p.graph.steps[index]
	if spec.If == "" && !slices.ContainsFunc(fieldsOf(&spec), func(f field) bool { return strings.Contains(*f.text, "${{") }) {
		return g, nil
	}
	var model models.RegisteredModel
	var run models.Run
	err = s.DB.View(ctx, func(tx storage.Tx) (err error) {
		if model, err = tx.RegisteredModels().Get(p.version.Model); err != nil || p.version.RunID == "" {
			return err
		}
		run, err = tx.Runs().Load(p.version.RunID)
		return unlessGone(err)
	})
	secrets := object(scope.Secrets)
	for name, why := range scope.Unreadable {
		secrets[name] = why
	}
	g.values = expression.Values{
		Contexts: expression.Object{
			"vars": object(scope.Vars), "secrets": secrets, "matrix": object(spec.Matrix),
			"model": expression.Object{"name": model.Name, "tags": object(model.Tags)},
			"version": expression.Object{
				"number": float64(p.version.Number), "source": p.version.Source, "run_id": p.version.RunID,
				"uri": "models:/" + p.version.Ref(), "tags": object(p.version.Tags), "aliases": list(p.version.Aliases),
			},
			"run": runContext(run), "steps": stepsContext(p.graph.steps, v.Steps),
		},
		Strict: []string{"vars", "secrets"},
	}
	g.values.Success, g.values.Failure = p.graph.status(v.Steps, index)
	return g, err
}

func object(from map[string]string) expression.Object {
	to := make(expression.Object, len(from))
	for name, text := range from {
		to[name] = text
	}
	return to
}

func list(from []string) []any {
	to := make([]any, len(from))
	for i, text := range from {
		to[i] = text
	}
	return to
}

// runContext is empty for a version that names no run.
func runContext(run models.Run) expression.Object {
	if run.ID == "" {
		return expression.Object{}
	}
	params, metrics, tags := expression.Object{}, expression.Object{}, expression.Object{}
	for _, p := range run.Params {
		params[p.Key] = p.Value
	}
	for _, m := range run.Metrics {
		metrics[m.Key] = m.Value
	}
	for _, t := range run.Tags {
		tags[t.Key] = t.Value
	}
	return expression.Object{
		"id": run.ID, "name": run.Name, "status": string(run.Status), "params": params, "metrics": metrics, "tags": tags,
	}
}

// The words of steps.NAME.outcome and .conclusion.
const (
	wentWell  = "success"
	wentBadly = "failure"
	wasIdle   = "skipped"
)

// outcomeOf is how a step went; concluded says what comes of it.
func outcomeOf(r models.StepResult, concluded bool) string {
	switch {
	case r.Verdict == models.VerdictSkipped:
		return wasIdle
	case r.Verdict == models.VerdictPassed || concluded && r.Excused:
		return wentWell
	}
	return wentBadly
}

// stepsContext tells of the steps that have ended, and of a matrix whose legs
// all have: it went as the worst of them.
func stepsContext(specs []models.StepSpec, results []models.StepResult) expression.Object {
	steps := expression.Object{}
	unfinished := map[string]bool{}
	for i, r := range results {
		leg := specs[i].Leg
		if r.Verdict == "" {
			unfinished[leg] = true
			continue
		}
		measured := expression.Object{}
		for _, m := range r.Measurements {
			measured[m.Name] = m.Value
		}
		one := expression.Object{"outcome": outcomeOf(r, false), "conclusion": outcomeOf(r, true)}
		if leg != "" {
			whole, _ := steps[leg].(expression.Object)
			steps[leg] = expression.Object{"outcome": worst(whole["outcome"], one["outcome"]), "conclusion": worst(whole["conclusion"], one["conclusion"])}
		}
		one["measurements"] = measured
		steps[r.Name] = one
	}
	for leg := range unfinished {
		if leg != "" {
			delete(steps, leg)
		}
	}
	return steps
}

// worst of how two legs went: failure, success, skipped.
func worst(a, b any) any {
	for _, word := range []string{wentBadly, wentWell} {
		if a == word || b == word {
			return word
		}
	}
	return b
}

// status answers success() and failure(). Success asks of what a step needs
// that it went well; of a step without needs, that nothing before it failed.
func (g graph) status(results []models.StepResult, index int) (success, failure bool) {
	success = true
	for _, on := range g.needed(index) {
		success = success && outcomeOf(results[on], true) == wentWell
	}
	for _, on := range g.before(index) {
		failure = failure || outcomeOf(results[on], true) == wentBadly
	}
	if g.steps[index].Needs == nil {
		success = !failure
	}
	return success, failure
}

// needed gives the steps that one names in needs.
func (g graph) needed(index int) []int {
	var out []int
	for on, other := range g.steps {
		if slices.Contains(g.steps[index].Needs, other.Name) {
			out = append(out, on)
		}
	}
	return out
}
