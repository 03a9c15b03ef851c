package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"go.yaml.in/yaml/v3"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// structure holds the tree against the schema and says each difference in
// words: what is wrong, and what is allowed there.
func (c compiled) structure(t *tree) {
	var invalid *validator.ValidationError
	if err := c.schema.Validate(t.value); errors.As(err, &invalid) {
		c.explain(t, invalid)
	}
}

func (c compiled) explain(t *tree, e *validator.ValidationError) {
	path := pathOf(t, e.InstanceLocation)
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		names := c.properties(e.SchemaURL)
		for _, field := range k.Properties {
			child := join(path, field)
			t.add(t.places[child].key, child, "%q is not known here; %s", field, allowed(field, names))
			t.allow(names)
		}
	case *kind.Required:
		t.add(keyOf(t, path), path, "%s is missing", quoted(k.Missing))
	case *kind.Enum:
		t.at(path, "%s is not known here; %s", shown(k.Got), allowed(fmt.Sprint(k.Got), texts(k.Want)))
		t.allow(texts(k.Want))
	case *kind.Type:
		t.at(path, "this is %s; write %s%s", article(k.Got), article(k.Want...), c.hint(e.SchemaURL))
	case *kind.Pattern:
		t.at(path, "%q does not parse%s", k.Got, c.hint(e.SchemaURL))
	case *kind.OneOf, *kind.AnyOf:
		t.at(path, "this does not fit%s", c.hint(e.SchemaURL))
	default:
		if len(e.Causes) == 0 {
			t.at(path, "%s%s", e.ErrorKind.LocalizedString(message.NewPrinter(language.English)), c.hint(e.SchemaURL))
		}
		for _, cause := range e.Causes {
			c.explain(t, cause)
		}
	}
}

// pathOf turns a JSON pointer's elements into our way to write a path.
func pathOf(t *tree, location []string) string {
	path := ""
	for _, element := range location {
		if _, err := strconv.Atoi(element); err == nil {
			if item := path + "[" + element + "]"; t.places[item].value != nil && t.places[item].key == nil {
				path = item
				continue
			}
		}
		path = join(path, element)
	}
	return path
}

// keyOf prefers the key of a thing from which something is missing.
func keyOf(t *tree, path string) *yaml.Node {
	found := t.find(path)
	if found.key != nil {
		return found.key
	}
	return found.value
}

// at walks the schema to where a URL's fragment points.
func (c compiled) at(url string) map[string]any {
	_, fragment, _ := strings.Cut(url, "#")
	node := c.tree
	for _, element := range strings.Split(strings.TrimPrefix(fragment, "/"), "/") {
		if fields, ok := node.(map[string]any); ok && element != "" {
			node = fields[element]
		}
	}
	fields, _ := node.(map[string]any)
	return fields
}

func (c compiled) properties(url string) []string {
	fields, _ := c.at(url)["properties"].(map[string]any)
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// hint repeats the schema's description of a place.
func (c compiled) hint(url string) string {
	if text, ok := c.at(url)["description"].(string); ok {
		return ": " + strings.ToLower(text[:1]) + strings.TrimSuffix(text[1:], ".")
	}
	return ""
}

func article(types ...string) string {
	words := map[string]string{
		"string": "text", "number": "a number", "integer": "a whole number", "boolean": "true or false",
		"object": "a mapping", "array": "a list", "null": "empty",
	}
	out := make([]string, len(types))
	for i, name := range types {
		out[i] = words[name]
	}
	return strings.Join(out, " or ")
}

func shown(value any) string {
	if text, ok := value.(string); ok {
		return strconv.Quote(text)
	}
	return fmt.Sprint(value)
}

func quoted(names []string) string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = strconv.Quote(name)
	}
	return strings.Join(out, ", ")
}

func texts(values []any) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = fmt.Sprint(v)
	}
	return out
}
