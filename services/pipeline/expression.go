package pipeline

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/expression"
)

// Names are the variables and secrets of a document's scope.
type Names struct{ Vars, Secrets []string }

// mayHold matches the fields in which an expression is evaluated.
var mayHold = regexp.MustCompile(`^validation\.steps\[(\d+)\]\.(env(\.|\[)|git\.(url|ref|path|token|ssh_key|known_hosts)$|(if|run|image|python|requirements)$)`)

// Why a context has no place in a field.
const (
	noSecretInIf    = "a secret decides nothing: what a condition does would tell of it"
	noSecretHere    = "a secret reaches a step by env, or as git's token, ssh_key or known_hosts: here it would stand in the report"
	noValueInScript = "in run it would be a part of the script, whatever it holds: set env: {NAME: ${{ … }}} and write \"$NAME\""
)

// expressions finds ${{ … }} in a document: one that does not parse, a name that
// is not there, and one where nobody evaluates it are problems.
func (g *Grammar) expressions(t *tree, doc document, known *Names) {
	var graph graph
	if doc.Validation != nil {
		graph = g.graph(doc.Validation.Steps)
	}
	for _, path := range slices.Sorted(maps.Keys(t.places)) {
		node := t.places[path].value
		if node == nil || node.Kind != yaml.ScalarNode || path == "" {
			continue
		}
		field := mayHold.FindStringSubmatch(path)
		isIf := field != nil && field[5] == "if"
		if !isIf && (node.ShortTag() != "!!str" || !strings.Contains(node.Value, "${{")) {
			continue
		}
		if field == nil {
			t.add(node, path, "an expression means nothing here: env, git, if, image, python and requirements of a step have them, and matrix in run")
			continue
		}
		var index int
		_, _ = fmt.Sscan(field[1], &index)
		read := expression.Parse
		if isIf {
			read = expression.Condition
		}
		template, err := read(node.Value)
		if broken := (*expression.Error)(nil); errors.As(err, &broken) {
			fault(t, path, node, broken)
			continue
		}
		for _, wrong := range template.Check(shape(graph, index, path, known), isIf) {
			fault(t, path, node, wrong)
		}
	}
}

// fault notes what is wrong with an expression at its place.
func fault(t *tree, path string, node *yaml.Node, wrong *expression.Error) {
	at := *node
	at.Line, at.Column = positionIn(node, wrong.Offset)
	message := wrong.Message
	if len(wrong.Allowed) > 0 {
		message += "; " + allowed(wrong.Name, wrong.Allowed)
	}
	t.add(&at, path, "%s", message)
	t.problems[len(t.problems)-1].Allowed = wrong.Allowed
}

// shape tells which names a field of a step may use.
func shape(steps graph, index int, path string, known *Names) expression.Shape {
	anything := expression.Anything()
	some := expression.Shape{Any: &expression.Shape{}} // names that only a version has
	vars, secrets := expression.Shape{Any: &expression.Shape{}, Spread: true}, expression.Shape{Any: &expression.Shape{}, Spread: true}
	if known != nil {
		vars = expression.Shape{Names: plain(known.Vars...), Spread: true, Hint: "slipway var set makes one"}
		secrets = expression.Shape{Names: plain(known.Secrets...), Spread: true, Hint: "slipway secret set makes one"}
	}
	version := plain("number", "source", "run_id", "uri")
	version["tags"], version["aliases"] = some, *anything
	run := plain("id", "name", "status")
	run["params"], run["metrics"], run["tags"] = some, some, some
	model := plain("name")
	model["tags"] = some
	contexts := map[string]expression.Shape{
		"vars": vars, "secrets": secrets, "model": {Names: model}, "version": {Names: version}, "run": {Names: run},
		"matrix": {Names: plain(steps.keys[index]...)}, "steps": {Names: steps.seen(index), Hint: "a step that it needs, or that ends before it"},
	}
	field := path[strings.LastIndexByte(path, '.')+1:]
	switch {
	case field == "run":
		for name := range contexts {
			if name != "matrix" {
				contexts[name] = expression.Shape{Refused: noValueInScript}
			}
		}
	case field == "if":
		contexts["secrets"] = expression.Shape{Refused: noSecretInIf}
	case !strings.Contains(path, ".env.") && !strings.Contains(path, ".env[") && !slices.Contains([]string{"token", "ssh_key", "known_hosts"}, field):
		contexts["secrets"] = expression.Shape{Refused: noSecretHere}
	}
	return expression.Shape{Names: contexts}
}

func plain(names ...string) map[string]expression.Shape {
	shapes := make(map[string]expression.Shape, len(names))
	for _, name := range names {
		shapes[name] = expression.Shape{}
	}
	return shapes
}

// seen gives what a step may ask of those that end before it begins.
func (g graph) seen(index int) map[string]expression.Shape {
	names := map[string]expression.Shape{}
	for _, earlier := range g.before(index) {
		ended := plain("outcome", "conclusion")
		if len(g.legs[earlier]) > 0 {
			names[g.names[earlier]] = expression.Shape{Names: maps.Clone(ended)}
		}
		ended["measurements"] = expression.Shape{Any: &expression.Shape{}}
		for _, leg := range g.legs[earlier] {
			names[leg] = expression.Shape{Names: ended}
		}
		if len(g.legs[earlier]) == 0 {
			names[g.names[earlier]] = expression.Shape{Names: ended}
		}
	}
	return names
}

// positionIn finds the line and column of a byte of a node's text: exact in a
// plain or quoted text of one line and in a literal block.
func positionIn(node *yaml.Node, offset int) (line, column int) {
	before := node.Value[:min(offset, len(node.Value))]
	switch lines := strings.Count(before, "\n"); {
	case node.Style&yaml.LiteralStyle != 0:
		return node.Line + 1 + lines, offset - strings.LastIndexByte(before, '\n')
	case node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		return node.Line, node.Column + offset + 1
	default:
		return node.Line, node.Column + offset
	}
}

// graph is how the steps of a document wait for each other.
type graph struct {
	names []string
	waits [][]int    // for which steps each waits
	keys  [][]string // of each step's matrix
	legs  [][]string // the names of a matrix' legs
}

// graph orders steps: one with needs waits for them, and for the guards before
// it; one without for all before it.
func (g *Grammar) graph(steps []stepDoc) graph {
	out := graph{names: stepNames(steps), waits: make([][]int, len(steps)), keys: make([][]string, len(steps)), legs: make([][]string, len(steps))}
	for i, step := range steps {
		for _, a := range step.Matrix.axes {
			out.keys[i] = append(out.keys[i], a.name)
		}
		if len(step.Matrix.axes) > 0 {
			for _, leg := range step.Matrix.legs(models.StepSpec{Name: out.names[i]}) {
				out.legs[i] = append(out.legs[i], leg.Name)
			}
		}
		for before := range i {
			if step.Needs == nil || g.checks[steps[before].Check].Guard && !g.checks[step.Check].Guard {
				out.waits[i] = append(out.waits[i], before)
			}
		}
		for _, need := range step.Needs {
			if on := slices.Index(out.names, need); on >= 0 && on != i && !slices.Contains(out.waits[i], on) {
				out.waits[i] = append(out.waits[i], on)
			}
		}
	}
	return out
}

// before gives the steps that end before one begins.
func (g graph) before(index int) []int {
	seen := make([]bool, len(g.names))
	var out []int
	var walk func(int)
	walk = func(at int) {
		for _, next := range g.waits[at] {
			if !seen[next] && next != index {
				seen[next] = true
				out = append(out, next)
				walk(next)
			}
		}
	}
	walk(index)
	return out
}

// circle finds a way along waits from a step back to it; nil where there is
// none.
func (g graph) circle(start int) []int {
	seen := make([]bool, len(g.names))
	var walk func(at int, way []int) []int
	walk = func(at int, way []int) []int {
		for _, next := range g.waits[at] {
			if next == start {
				return append(way, at)
			}
			if seen[next] {
				continue
			}
			seen[next] = true
			if found := walk(next, append(way, at)); found != nil {
				return found
			}
		}
		return nil
	}
	return walk(start, nil)
}
