package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// check is a built-in check as the document sees it.
type check struct {
	fields  []string // of a step, besides those every step has
	metrics []string // what it measures: what thresholds may name
}

// classMetrics are the measurements of one class.
var classMetrics = []string{"ap50[CLASS]", "ap50_95[CLASS]"}

// checks are the built-in ones. A new check adds its line here and its name to
// stepDoc; a test of package checks holds the two lists together.
var checks = map[string]check{
	"integrity": {metrics: []string{"files", "bytes"}},
	"unsafe-code": {
		fields:  []string{"fail", "warn", "allow"},
		metrics: []string{"files", "bytes", "members", "unpacked_bytes", "pickles", "globals", "findings"},
	},
	"onnx": {metrics: []string{"ir_version", "opset", "load_ms", "answer_ms"}},
	"detection": {
		fields:  []string{"dataset", "compare", "exclude", "max_det"},
		metrics: append([]string{"map50", "map50_95", "map75", "images", "backgrounds", "boxes", "detections"}, classMetrics...),
	},
}

// Checks names the built-in checks that a document may ask for.
func Checks() []string { return slices.Sorted(maps.Keys(checks)) }

// rules says what the schema cannot: how fields go together.
func rules(t *tree, doc document, known Names) {
	for path, at := range t.places {
		if at.value != nil && at.value.ShortTag() == "!!str" && path != "" {
			expressions(t, path, at.value, known)
		}
	}
	modelName(t, doc.Model)
	if doc.Validation != nil {
		stepRules(t, doc)
	}
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

func stepRules(t *tree, doc document) {
	names := map[string]int{}
	for i, step := range doc.Validation.Steps {
		path := fmt.Sprintf("validation.steps[%d]", i)
		if first, taken := names[step.Name]; taken && step.Name != "" {
			t.at(path+".name", "the name %q is taken by step %d", step.Name, first+1)
		}
		names[step.Name] = i
		stepFields(t, path, step)
		positive(t, path+".timeout", step.Timeout)
		stepMetrics(t, path, step)
		environmentNames(t, path+".env", step.Env)
		unsafeRules(t, path, step)
		if step.Compare != nil {
			compareRules(t, path+".compare", step, doc)
		}
	}
}

// stepFields refuses a field that means nothing to its step.
func stepFields(t *tree, path string, step stepDoc) {
	common := []string{"check", "name", "timeout", "thresholds"}
	allowedHere := append(common, checks[step.Check].fields...)
	kind := "check: " + step.Check
	if step.Run != "" {
		allowedHere, kind = []string{"run", "name", "timeout", "thresholds", "dataset", "env"}, "a run: step"
	}
	here := t.find(path).value
	for i := 0; i+1 < len(here.Content); i += 2 {
		if key := here.Content[i]; !slices.Contains(allowedHere, key.Value) {
			t.add(key, join(path, key.Value), "%q means nothing to %s; allowed: %s", key.Value, kind, strings.Join(allowedHere, ", "))
			t.allow(allowedHere)
		}
	}
	if step.Check == "detection" && step.Dataset == "" {
		t.add(keyOf(t, path), path, `check: detection needs "dataset", such as shapes-val@1`)
	}
}

// unsafeRules refuses a rule that is to fail and to warn at once, and what
// allows nothing.
func unsafeRules(t *tree, path string, step stepDoc) {
	for i, rule := range step.Warn {
		if slices.Contains(step.Fail, rule) {
			t.at(fmt.Sprintf("%s.warn[%d]", path, i), "%q stands under fail: too; one of the two", string(rule))
		}
	}
	for i, entry := range step.Allow {
		if strings.TrimSpace(entry) == "" {
			t.at(fmt.Sprintf("%s.allow[%d]", path, i), "this allows nothing: a rule, a global's exact name, a path, or a line of requirements")
		}
	}
}

// stepMetrics refuses thresholds on what a check does not measure. A command
// measures what it likes.
func stepMetrics(t *tree, path string, step stepDoc) {
	if step.Check == "" {
		return
	}
	names := checks[step.Check].metrics
	for _, threshold := range step.Thresholds {
		if !measures(names, threshold.Metric) {
			at := join(path+".thresholds", threshold.Metric)
			t.add(t.places[at].key, at, "check: %s does not measure %q; %s", step.Check, threshold.Metric, allowed(threshold.Metric, names))
			t.allow(names)
		} else if share(threshold.Metric) && (threshold.Value < 0 || threshold.Value > 1) {
			t.at(join(path+".thresholds", threshold.Metric), "%s is 0 to 1, never %g: 80 %% is 0.80", threshold.Metric, threshold.Value)
		}
	}
}

// share tells whether a metric is an average precision.
func share(metric string) bool {
	return strings.HasPrefix(metric, "map") || strings.HasPrefix(metric, "ap50")
}

// measures tells whether a metric is one of names, of one class too.
func measures(names []string, metric string) bool {
	if open := strings.IndexByte(metric, '['); open > 0 && strings.HasSuffix(metric, "]") && len(metric) > open+2 {
		metric = metric[:open] + "[CLASS]"
	}
	return slices.Contains(names, metric)
}

func compareRules(t *tree, path string, step stepDoc, doc document) {
	environments := slices.Sorted(maps.Keys(doc.Environments))
	if against := string(step.Compare.Against); !slices.Contains(environments, against) {
		t.at(path+".against", "there is no environment %q in this pipeline; %s", against, allowed(against, environments))
		t.allow(environments)
	}
	names := checks[step.Check].metrics
	for i, metric := range step.Compare.Metrics {
		if !measures(names, metric) {
			t.at(fmt.Sprintf("%s.metrics[%d]", path, i), "check: %s does not measure %q; %s", step.Check, metric, allowed(metric, names))
			t.allow(names)
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
