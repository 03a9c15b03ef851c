package pipeline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Sizes beyond which a document is refused: it is written by hand, and an
// alias may repeat a large part of it.
const (
	maxDocument = 1 << 20
	maxNodes    = 50_000
	maxPath     = 2000 // in bytes; an alias may hold itself
)

// tree is a document read: its values for the schema, and where each stands.
type tree struct {
	root     *yaml.Node
	value    any
	places   map[string]place // by path, such as validation.steps[0]
	problems []Problem
	nodes    int
}

type place struct{ key, value *yaml.Node }

// read parses YAML, of which JSON is a part.
func read(text []byte, mediaType string) *tree {
	t := &tree{places: map[string]place{}}
	if len(text) > maxDocument {
		t.add(nil, "", "the document is larger than %d bytes", maxDocument)
		return t
	}
	if mediaType == JSON {
		if text = t.json(text); text == nil {
			return t
		}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var node yaml.Node
	if err := decoder.Decode(&node); err != nil {
		t.syntax(err)
		return t
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		t.add(nil, "", "there is more than one document; a pipeline is one")
		return t
	}
	t.root = node.Content[0]
	t.value = t.walk("", nil, t.root)
	if t.root.Kind != yaml.MappingNode && len(t.problems) == 0 {
		t.add(t.root, "", "a pipeline is a mapping that begins with model: NAME")
	}
	return t
}

// escapes finds those of JSON that YAML does not know: a slash, and a letter in
// two halves. An escaped backslash is matched too, so that it is not taken for
// the start of one.
var escapes = regexp.MustCompile(`\\\\|\\/|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}`)

// json checks the syntax and makes YAML of it: tabs, which stand in no string
// of JSON, become spaces, and escapes their letters. It gives nil after a
// mistake.
func (t *tree) json(text []byte) []byte {
	var syntax *json.SyntaxError
	if err := json.Unmarshal(text, new(any)); errors.As(err, &syntax) {
		before := text[:max(syntax.Offset-1, 0)]
		t.problems = append(t.problems, Problem{
			Line: 1 + bytes.Count(before, []byte("\n")), Column: len(before) - bytes.LastIndexByte(before, '\n'),
			Message: "not JSON: " + syntax.Error(),
		})
		return nil
	}
	text = escapes.ReplaceAllFunc(text, func(escape []byte) []byte {
		var letter string
		if string(escape) == `\\` || json.Unmarshal([]byte(`"`+string(escape)+`"`), &letter) != nil {
			return escape
		}
		return []byte(letter)
	})
	return bytes.ReplaceAll(text, []byte("\t"), []byte(" "))
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

func (t *tree) syntax(err error) {
	if errors.Is(err, io.EOF) {
		t.add(nil, "", "the document is empty; it begins with model: NAME")
		return
	}
	message, line := err.Error(), 1
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		line, _ = strconv.Atoi(m[1])
		message = message[len(m[0]):]
	}
	t.problems = append(t.problems, Problem{Line: line, Column: 1, Message: "not YAML: " + strings.TrimPrefix(message, "yaml: ")})
}

// add notes a problem at a node; without one, at the document's first sign.
func (t *tree) add(node *yaml.Node, path, format string, args ...any) {
	p := Problem{Line: 1, Column: 1, Path: path, Message: fmt.Sprintf(format, args...)}
	if node != nil {
		p.Line, p.Column = node.Line, node.Column
	}
	t.problems = append(t.problems, p)
}

// allow adds what is allowed to the problem noted last.
func (t *tree) allow(names []string) { t.problems[len(t.problems)-1].Allowed = names }

// at notes a problem at the value of a path, or at the nearest thing around it
// that is written.
func (t *tree) at(path, format string, args ...any) {
	t.add(t.find(path).value, path, format, args...)
}

func (t *tree) find(path string) place {
	for p := path; ; p = p[:max(strings.LastIndexAny(p, ".["), 0)] {
		if found, ok := t.places[p]; ok {
			return found
		}
		if p == "" {
			return place{}
		}
	}
}

// walk gives a node's value in JSON's terms and notes where everything stands.
func (t *tree) walk(path string, key, node *yaml.Node) any {
	if len(path) > maxPath {
		t.add(node, "", "the document is nested too deep")
		t.nodes = maxNodes + 1
	}
	if t.nodes++; t.nodes > maxNodes {
		if t.nodes == maxNodes+1 {
			t.add(node, path, "the document has more than %d values", maxNodes)
		}
		return nil
	}
	t.places[path] = place{key: key, value: node}
	switch node.Kind {
	case yaml.AliasNode:
		return t.walk(path, key, node.Alias)
	case yaml.SequenceNode:
		list := make([]any, 0, len(node.Content))
		for i, item := range node.Content {
			list = append(list, t.walk(fmt.Sprintf("%s[%d]", path, i), nil, item))
		}
		return list
	case yaml.MappingNode:
		return t.mapping(path, node)
	default:
		return t.scalar(path, node)
	}
}

func (t *tree) mapping(path string, node *yaml.Node) any {
	fields := make(map[string]any, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		child := join(path, key.Value)
		if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
			t.add(key, path, "a key is plain text here")
			continue
		}
		if first, ok := t.places[child]; ok && fields[key.Value] != nil {
			t.add(key, child, "%q is already given in line %d", key.Value, first.key.Line)
			continue
		}
		fields[key.Value] = t.walk(child, key, node.Content[i+1])
	}
	return fields
}

func (t *tree) scalar(path string, node *yaml.Node) any {
	var value any
	if strings.ContainsRune(node.Value, 0) {
		t.add(node, path, "a NUL character has no place here")
	}
	switch node.ShortTag() {
	case "!!str", "!!timestamp":
		return node.Value
	case "!!null", "!!bool", "!!int", "!!float":
		if err := node.Decode(&value); err != nil {
			t.add(node, path, "%q does not parse", node.Value)
		}
	default:
		t.add(node, path, "the tag %s means nothing here", node.Tag)
	}
	if f, ok := value.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
		t.add(node, path, "%s is no number to use here", node.Value)
		return 0.0
	}
	return value
}

// join names a field; names that hold signs of a path are quoted.
func join(path, key string) string {
	if strings.ContainsAny(key, ".[]\"") || key == "" {
		return path + "[" + strconv.Quote(key) + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}
