package pipeline

import (
	"fmt"
	"maps"
	"math"
	"strconv"
	"strings"

	"github.com/invopop/jsonschema"
	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/models"
)

// needs names the steps that end before one begins; nil where none are given.
type needs []string

// JSONSchema states the two ways to write needs.
func (needs) JSONSchema() *jsonschema.Schema {
	name := &jsonschema.Schema{Type: "string"}
	return &jsonschema.Schema{
		AnyOf:       []*jsonschema.Schema{name, {Type: "array", Items: name, UniqueItems: true}},
		Description: "The names of steps, a list or one: it begins as soon as these have ended. Without it, when all before it have.",
	}
}

// UnmarshalYAML reads either way.
func (n *needs) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*n = needs{node.Value}
		return nil
	}
	list := []string{}
	if err := node.Decode(&list); err != nil {
		return fmt.Errorf("read needs: %w", err)
	}
	*n = list
	return nil
}

// condition is an expression, in ${{ }} or bare.
type condition string

// JSONSchema lets true and false be written without quotes.
func (condition) JSONSchema() *jsonschema.Schema {
	one := uint64(1)
	return &jsonschema.Schema{
		AnyOf:       []*jsonschema.Schema{{Type: "string", MinLength: &one}, {Type: "boolean"}},
		Description: "An expression, such as ${{ version.tags.stage == 'candidate' }}; the step is skipped where it is false.",
	}
}

// matrix makes a step of each combination of values, in the document's order.
type matrix struct {
	axes    []axis
	exclude []map[string]string
}

type axis struct {
	name   string
	values []string
}

const excludeKey = "exclude"

// JSONSchema states a matrix's form.
func (matrix) JSONSchema() *jsonschema.Schema {
	one := uint64(1)
	leaf := value("").JSONSchema()
	leaves := jsonschema.NewProperties()
	leaves.Set(excludeKey, &jsonschema.Schema{
		Type: "array", Items: &jsonschema.Schema{Type: "object", MinProperties: &one, AdditionalProperties: leaf},
		Description: "Combinations that are left out.",
	})
	return &jsonschema.Schema{
		Type: "object", MinProperties: &one, Properties: leaves,
		AdditionalProperties: &jsonschema.Schema{
			Type: "array", Items: leaf, MinItems: &one, UniqueItems: true, Description: "A list of values.",
		},
		Description: "A step of each combination of values, which are matrix.KEY in its expressions.",
	}
}

// UnmarshalYAML keeps the order, and a number as it is written.
func (m *matrix) UnmarshalYAML(node *yaml.Node) error {
	for i := 0; i+1 < len(node.Content); i += 2 {
		name := node.Content[i].Value
		if name == excludeKey {
			for _, leg := range node.Content[i+1].Content {
				left := map[string]value{}
				if err := leg.Decode(&left); err != nil {
					return fmt.Errorf("read exclude: %w", err)
				}
				m.exclude = append(m.exclude, texted(left))
			}
			continue
		}
		var values []value
		if err := node.Content[i+1].Decode(&values); err != nil {
			return fmt.Errorf("read matrix: %w", err)
		}
		a := axis{name: name}
		for _, v := range values {
			a.values = append(a.values, string(v))
		}
		m.axes = append(m.axes, a)
	}
	return nil
}

// cells counts the combinations before exclude.
func (m matrix) cells() int {
	n := 1
	for _, a := range m.axes {
		n = min(n*len(a.values), math.MaxInt32)
	}
	return n
}

// combinations gives the values of each leg, the first key slowest; one without
// values where there is no matrix, none where it is too large.
func (m matrix) combinations() []map[string]string {
	if m.cells() > maxCells {
		return nil
	}
	legs := []map[string]string{{}}
	for _, a := range m.axes {
		var next []map[string]string
		for _, leg := range legs {
			for _, v := range a.values {
				with := maps.Clone(leg)
				with[a.name] = v
				next = append(next, with)
			}
		}
		legs = next
	}
	var kept []map[string]string
	for _, leg := range legs {
		if !m.excludes(leg) {
			kept = append(kept, leg)
		}
	}
	return kept
}

func (m matrix) excludes(leg map[string]string) bool {
	for _, left := range m.exclude {
		all := true
		for key, v := range left {
			all = all && leg[key] == v
		}
		if all {
			return true
		}
	}
	return false
}

// legs gives a step of each combination, or the step itself without a matrix.
func (m matrix) legs(step models.StepSpec) []models.StepSpec {
	if len(m.axes) == 0 {
		return []models.StepSpec{step}
	}
	var out []models.StepSpec
	names := map[string]bool{}
	for n, values := range m.combinations() {
		shown := make([]string, len(m.axes))
		for i, a := range m.axes {
			shown[i] = values[a.name]
		}
		leg := step
		leg.Leg, leg.Matrix = step.Name, values
		leg.Name = step.Name + " (" + strings.Join(shown, ", ") + ")"
		if names[leg.Name] { // values with commas
			leg.Name += " " + strconv.Itoa(n+1)
		}
		names[leg.Name] = true
		out = append(out, leg)
	}
	return out
}
