package pipeline

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// The bounds of a validation: each step is a row, a log and a folder.
const (
	maxSteps = 500
	maxLegs  = 64
	maxCells = 256 // of a matrix, before exclude
)

// stepNames gives each step a name that no other has: its own, its check's, or
// its command's first word.
func stepNames(steps []stepDoc) []string {
	taken := map[string]bool{}
	for _, s := range steps {
		taken[s.Name] = true
	}
	names := make([]string, len(steps))
	for i, s := range steps {
		if names[i] = s.Name; s.Name != "" {
			continue
		}
		name := s.Check
		if words := strings.Fields(s.Run); name == "" && len(words) > 0 {
			name = path.Base(words[0])
		}
		name = cmp.Or(name, "run")
		unique := name
		for n := 2; taken[unique]; n++ {
			unique = fmt.Sprintf("%s-%d", name, n)
		}
		taken[unique] = true
		names[i] = unique
	}
	return names
}

// count refuses more steps than a validation has; each leg of a matrix is one.
func count(t *tree, steps []stepDoc) bool {
	total := 0
	for i, step := range steps {
		if total += max(len(step.Matrix.combinations()), 1); total > maxSteps {
			t.at(fmt.Sprintf("validation.steps[%d]", i), "with this one there are more than %d steps, each leg of a matrix counted", maxSteps)
			return false
		}
	}
	return true
}

// eachLeg puts all legs in the place of a step of a matrix. nil stays nil: such
// a step waits for all before it.
func eachLeg(needs []string, legs map[string][]string) []string {
	if needs == nil {
		return nil
	}
	out := []string{}
	for _, name := range needs {
		out = append(out, legs[name]...)
	}
	return out
}

// needsRules refuses needs of steps that are not there, and circles.
func (g *Grammar) needsRules(t *tree, steps []stepDoc) {
	order := g.graph(steps)
	for i, step := range steps {
		for n, need := range step.Needs {
			place := fmt.Sprintf("validation.steps[%d].needs[%d]", i, n)
			switch on := slices.Index(order.names, need); {
			case on < 0:
				others := slices.DeleteFunc(slices.Clone(order.names), func(name string) bool { return name == order.names[i] })
				t.at(place, "there is no step %q; %s", need, allowed(need, others))
				t.allow(others)
			case on == i:
				t.at(place, "step %q cannot need itself", need)
			}
		}
		if step.Needs == nil {
			continue
		}
		if circle := order.circle(i); circle != nil && i == slices.Min(withNeeds(steps, circle)) {
			t.at(fmt.Sprintf("validation.steps[%d].needs", i), "this is a circle, so none could begin: %s%s", told(order.names, circle), orderHint(steps, circle))
		}
	}
}

func withNeeds(steps []stepDoc, circle []int) []int {
	return slices.DeleteFunc(slices.Clone(circle), func(i int) bool { return steps[i].Needs == nil })
}

func told(names []string, circle []int) string {
	parts := make([]string, 0, len(circle)+1)
	for _, i := range append(slices.Clone(circle), circle[0]) {
		parts = append(parts, names[i])
	}
	return strings.Join(parts, " waits for ")
}

// orderHint explains a circle that goes through a step without needs.
func orderHint(steps []stepDoc, circle []int) string {
	if len(withNeeds(steps, circle)) == len(circle) {
		return ""
	}
	return " (a step without needs waits for all that stand before it)"
}

// runRules says how the fields of a command go together.
func runRules(t *tree, at string, step stepDoc) {
	if step.Image != "" && step.On != models.StepsDocker {
		t.at(at+".image", "an image means nothing without on: docker")
	}
	switch legs := step.Matrix.combinations(); {
	case step.Matrix.cells() > maxCells:
		t.at(at+".matrix", "this has %d combinations: at most %d, and %d without those of exclude", step.Matrix.cells(), maxCells, maxLegs)
	case len(legs) > maxLegs:
		t.at(at+".matrix", "this makes %d legs: at most %d", len(legs), maxLegs)
	case len(legs) == 0:
		t.at(at+".matrix", "exclude leaves no leg of it")
	}
	matrixRules(t, at+".matrix", step.Matrix)
	inside(t, at+".requirements", step.Requirements)
	if step.Git != nil {
		gitRules(t, at+".git", *step.Git)
	}
}

// whereRules refuses a place where this server runs no steps.
func (g *Grammar) whereRules(t *tree, at string, step stepDoc) {
	on := cmp.Or(step.On, models.StepsProcess)
	if g.Steps == nil || slices.Contains(g.Steps, on) {
		return
	}
	hint := ""
	if len(g.Steps) > 0 {
		hint = "; on: " + strings.Join(g.Steps, " or ") + " is allowed"
	}
	t.at(at+".on", "run: steps may not run on %s on this server (--allow-steps %s allows them)%s", on, on, hint)
}

// inside refuses paths that lead out of the working folder. What an expression
// makes of one is looked at when the step runs.
func inside(t *tree, at, file string) {
	if file != "" && !strings.Contains(file, "${{") && (path.IsAbs(file) || !localPath(file)) {
		t.at(at, "%q leads out of the working folder: a path within it", file)
	}
}

func localPath(file string) bool {
	clean := path.Clean(file)
	return clean != ".." && !strings.HasPrefix(clean, "../")
}

// scpForm is the short form of an address by ssh: git@host:owner/name.git.
var scpForm = regexp.MustCompile(`^[\w.-]+@[\w.-]+:[^/].*$`)

func gitRules(t *tree, at string, g gitDoc) {
	inside(t, at+".path", g.Path)
	scheme, rest, hasScheme := strings.Cut(g.URL, "://")
	user, _, hasUser := strings.Cut(strings.SplitN(rest, "/", 2)[0], "@")
	switch {
	case strings.Contains(g.URL, "${{"):
	case !hasScheme && !scpForm.MatchString(g.URL), hasScheme && !slices.Contains([]string{"https", "http", "ssh"}, scheme):
		t.at(at+".url", "%q is no address to clone from: https://HOST/PATH, ssh://USER@HOST/PATH or USER@HOST:PATH", g.URL)
	case hasUser && (scheme != "ssh" || strings.Contains(user, ":")):
		t.at(at+".url", "an address with a password would stand in every report: give token: ${{ secrets.NAME }}")
	}
	for _, name := range []struct{ field, text string }{{"token", g.Token}, {"ssh_key", g.SSHKey}} {
		if name.text != "" && !secretForm.MatchString(name.text) {
			t.at(at+"."+name.field, "a secret does not stand in the document: write ${{ secrets.NAME }}")
		}
	}
}

var secretForm = regexp.MustCompile(`(?i)^\s*\$\{\{\s*secrets(\.|\[).*\}\}\s*$`)

// matrixRules holds the keys of a matrix and of its exclude against each other.
func matrixRules(t *tree, at string, m matrix) {
	keys := make([]string, len(m.axes))
	for i, axis := range m.axes {
		keys[i] = axis.name
		if !envForm.MatchString(axis.name) {
			place := join(at, axis.name)
			t.add(t.places[place].key, place, "%q cannot name a value of a matrix: letters, digits and underscores, no digit first", axis.name)
		}
		for n, v := range axis.values {
			if strings.Contains(v, "${{") {
				t.at(fmt.Sprintf("%s[%d]", join(at, axis.name), n), "a matrix is made when the pipeline is applied: plain values")
			}
		}
	}
	for n, leg := range m.exclude {
		for _, key := range slices.Sorted(maps.Keys(leg)) {
			if place := join(fmt.Sprintf("%s.exclude[%d]", at, n), key); !slices.Contains(keys, key) {
				t.add(t.places[place].key, place, "%q is not in this matrix; %s", key, allowed(key, keys))
				t.allow(keys)
			}
		}
	}
}
