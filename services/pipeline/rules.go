package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// rules says what the schema cannot: how fields go together.
func (g *Grammar) rules(t *tree, doc document, known *Names) {
	modelName(t, doc.Model)
	if doc.Validation != nil {
		if !count(t, doc.Validation.Steps) {
			return
		}
		g.stepRules(t, doc)
	}
	g.expressions(t, doc, known)
	serving(t, "serving", doc.Serving)
	for _, env := range slices.Sorted(maps.Keys(doc.Environments)) {
		environment(t, env, doc)
	}
}

// modelName holds a name against MLflow's rules for registered models.
func modelName(t *tree, model string) {
	if strings.ContainsAny(model, "/:\x00") || strings.Trim(model, ". ") == "" {
		t.at("model", "%q cannot be a registered model's name: no slash, colon, nor dots or blanks alone", model)
	}
}

func (g *Grammar) stepRules(t *tree, doc document) {
	names := map[string]int{}
	for i, step := range doc.Validation.Steps {
		path := fmt.Sprintf("validation.steps[%d]", i)
		if first, taken := names[step.Name]; taken && step.Name != "" {
			t.at(path+".name", "the name %q is taken by step %d", step.Name, first+1)
		}
		names[step.Name] = i
		if check := g.checks[step.Check]; check.Guard && step.ContinueOnError {
			t.at(path+".continue_on_error", "check: %s guards the steps after it, and cannot be passed over", check.Name)
		}
		check := g.checks[step.Check]
		stepFields(t, path, step, check)
		positive(t, path+".timeout", step.Timeout)
		environmentNames(t, path+".env", step.Env)
		if step.Run != "" {
			runRules(t, path, step)
			g.whereRules(t, path, step)
			continue // a command measures what it likes
		}
		parts := ownRules(t, path, check, stepAt(t, i))
		stepMetrics(t, path, step, check, parts)
		if step.Compare != nil && check.Compare != nil {
			compareRules(t, path+".compare", step, check, doc)
		}
	}
	g.needsRules(t, doc.Validation.Steps)
}

// stepFields refuses a field that means nothing to its step, and asks for what
// it needs.
func stepFields(t *tree, path string, step stepDoc, check Check) {
	allowedHere, kind := check.allowed(), "check: "+step.Check
	if step.Run != "" {
		allowedHere, kind = slices.Concat(runStep, everyStep), "a run: step"
	}
	here := t.find(path).value
	for i := 0; i+1 < len(here.Content); i += 2 {
		if key := here.Content[i]; !slices.Contains(allowedHere, key.Value) {
			t.add(key, join(path, key.Value), "%q means nothing to %s; allowed: %s", key.Value, kind, strings.Join(allowedHere, ", "))
			t.allow(allowedHere)
		}
	}
	if check.Dataset == Required && step.Dataset == "" {
		t.add(keyOf(t, path), path, `%s needs "dataset", such as shapes-val@1`, kind)
	}
	for _, field := range check.schema().Required {
		if t.places[path+"."+field].value == nil {
			t.add(keyOf(t, path), path, "%s needs %q", kind, field)
		}
	}
}

// ownRules has a check's settings say what is wrong with them, and names the
// parts of the data set that they measure.
func ownRules(t *tree, path string, check Check, step any) (parts []string) {
	settings, err := check.settings(step)
	if err != nil {
		t.at(path, "%v", err)
	}
	if linter, ok := settings.(Linter); ok {
		linter.Lint(func(field, format string, args ...any) { t.at(path+"."+field, format, args...) })
	}
	if parted, ok := settings.(Parted); ok {
		parts = parted.Parts()
	}
	return parts
}

// stepMetrics refuses thresholds on what a check does not measure.
func stepMetrics(t *tree, path string, step stepDoc, check Check, parts []string) {
	for _, threshold := range step.Thresholds {
		at := join(path+".thresholds", threshold.Metric)
		measure, ok := check.measure(threshold.Metric)
		_, part := cutPart(threshold.Metric)
		switch {
		case ok && part != "" && !slices.Contains(parts, part):
			t.add(t.places[at].key, at, "there is no slice %q in this step; %s", part, allowed(part, parts))
			t.allow(parts)
		case !ok:
			t.add(t.places[at].key, at, "check: %s does not measure %q; %s", step.Check, threshold.Metric, allowed(threshold.Metric, check.measures()))
			t.allow(check.measures())
		case measure.Share && (threshold.Value < 0 || threshold.Value > 1):
			t.at(at, "%s is 0 to 1, never %g: 80 %% is 0.80", threshold.Metric, threshold.Value)
		}
	}
}

func compareRules(t *tree, path string, step stepDoc, check Check, doc document) {
	environments := slices.Sorted(maps.Keys(doc.Environments))
	if against := string(step.Compare.Against); step.Compare.Against.environment() && !slices.Contains(environments, against) {
		t.at(path+".against", "there is no environment %q in this pipeline; %s", against, allowed(against, environments))
		t.allow(environments)
	}
	for i, metric := range step.Compare.Metrics {
		if _, ok := check.measure(metric); !ok {
			t.at(fmt.Sprintf("%s.metrics[%d]", path, i), "check: %s does not measure %q; %s", step.Check, metric, allowed(metric, check.measures()))
			t.allow(check.measures())
		}
	}
}

func serving(t *tree, path string, doc *servingDoc) {
	if doc == nil {
		return
	}
	positive(t, path+".timeout", doc.Timeout)
	environmentNames(t, path+".env", doc.Env)
	if doc.Resources != nil {
		memoryPath := path + ".resources.memory"
		if n, ok := doc.Resources.Memory.bytes(); !ok || (doc.Resources.Memory != "" && n < 16<<20) {
			t.at(memoryPath, "%q cannot be an instance's memory: at least 16Mi", doc.Resources.Memory)
		}
	}
}

// positive refuses a duration of nothing.
func positive(t *tree, path string, d duration) {
	if d != "" && d.or(0) <= 0 {
		t.at(path, "%q is no time at all: more than 0s", string(d))
	}
}

func atMost(t *tree, path string, d duration, most time.Duration) {
	if d != "" && d.or(0) > most {
		t.at(path, "%q is too long: at most %gh", string(d), most.Hours())
	}
}

// environmentNames holds variables' names against their form; SLIPWAY_ names
// are ours to set.
func environmentNames(t *tree, path string, env map[string]value) {
	for name := range env {
		at := join(path, name)
		switch {
		case !envForm.MatchString(name):
			t.add(t.places[at].key, at, "%q cannot name a variable: letters, digits and underscores, no digit first", name)
		case strings.HasPrefix(name, "SLIPWAY_"):
			t.add(t.places[at].key, at, "%q is Slipway's to set; choose a name that does not begin with SLIPWAY_", name)
		}
	}
}
