package pipeline

import (
	"fmt"
	"slices"
	"time"

	"github.com/slipway-ml/slipway/models"
)

// environment holds one environment against what the schema cannot say.
func environment(t *tree, env string, doc document) {
	path, e := join("environments", env), doc.Environments[env]
	if !nameForm.MatchString(env) {
		t.add(t.places[path].key, path, "%q cannot name an environment: lower-case letters, digits and dashes, at most 63", env)
	}
	serving(t, path+".serving", e.Serving)
	for i, gate := range e.Gates {
		gateRules(t, fmt.Sprintf("%s.gates[%d]", path, i), env, gate, doc)
	}
	if e.Gates == nil && doc.Validation == nil {
		t.add(keyOf(t, path), path, "%q is behind the gate validated, which needs validation.steps; with gates: [] it is not", env)
	}
	if e.Rollout != nil {
		rolloutRules(t, path+".rollout", env, *e.Rollout)
	}
}

func gateRules(t *tree, path, env, gate string, doc document) {
	_, staged := doc.Environments[models.GateStaging]
	switch {
	case gate == models.GateValidated && doc.Validation == nil:
		t.at(path, "the gate validated needs validation.steps")
	case gate == models.GateStaging && env == models.GateStaging:
		t.at(path, "the environment staging cannot be its own gate")
	case gate == models.GateStaging && !staged:
		t.at(path, "the gate staging needs an environment named staging in this pipeline")
	}
}

// longestHold is the time that a rollout may take in one place.
const longestHold = 7 * 24 * time.Hour

func rolloutRules(t *tree, path, env string, r rolloutDoc) {
	weight := 0
	for i, step := range r.Steps {
		at, last := fmt.Sprintf("%s.steps[%d]", path, i), i == len(r.Steps)-1
		positive(t, at+".hold", step.Hold)
		atMost(t, at+".hold", step.Hold, longestHold)
		switch {
		case *step.Weight <= weight:
			t.at(at+".weight", "weights ascend: more than %d here", weight)
		case last && *step.Weight != 100:
			t.at(at+".weight", "the last weight is 100, not %d", *step.Weight)
		case last && step.Hold != "":
			t.at(at+".hold", "the last step has no hold: at 100 there is nothing left to compare with")
		case !last && step.Hold == "":
			t.add(t.find(at).value, at, `"hold" is missing: how long %d %% is judged, such as 5m`, *step.Weight)
		}
		weight = *step.Weight
	}
	positive(t, path+".max_wait", r.MaxWait)
	atMost(t, path+".max_wait", r.MaxWait, longestHold)
	metrics := map[string]bool{}
	for i, analysis := range r.Analysis {
		at := fmt.Sprintf("%s.analysis[%d]", path, i)
		if metrics[analysis.Metric] {
			t.at(at+".metric", "%q is judged already, above", analysis.Metric)
		}
		metrics[analysis.Metric] = true
		if named := analysis.NoWorseThan.environment; named != "" && named != env {
			t.at(at+".no_worse_than", "the stable release is %q's own here; write %s: %g", env, env, analysis.NoWorseThan.delta)
		}
	}
}

// gates gives what an environment asks for: validated where it does not say.
func gates(e environmentOf) []string {
	if e.Gates == nil {
		return []string{models.GateValidated}
	}
	return slices.Clone(e.Gates)
}
