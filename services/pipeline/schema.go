package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
)

const schemaID = "https://slipway-ml.github.io/slipway/slipway.schema.json"

// Schema gives the JSON Schema of a pipeline document (draft 2020-12).
func (g *Grammar) Schema() []byte { return g.schema.text }

// schema puts together the document's own fields and those of the checks.
func schema(checks []Check) ([]byte, error) {
	reflector := jsonschema.Reflector{FieldNameTag: "yaml", Anonymous: true, Namer: typeName}
	whole := reflector.Reflect(document{})
	whole.ID = schemaID
	whole.Title = "Slipway pipeline"
	step := whole.Definitions["step"]
	name, _ := step.Properties.Get("check")
	for _, c := range checks {
		name.Enum = append(name.Enum, c.Name)
		name.Description += c.Name + ": " + c.About + " "
		own := c.schema()
		for pair := own.Properties.Oldest(); pair != nil; pair = pair.Next() {
			if at, taken := step.Properties.Get(pair.Key); taken && !same(at, pair.Value) {
				return nil, fmt.Errorf("%s: %q means something else to another check", c.Name, pair.Key)
			}
			step.Properties.Set(pair.Key, pair.Value)
		}
		for name, definition := range own.Definitions {
			if at, taken := whole.Definitions[name]; taken && !same(at, definition) {
				return nil, fmt.Errorf("%s: two types are named %q", c.Name, name)
			}
			whole.Definitions[name] = definition
		}
	}
	name.Description = strings.TrimSpace(name.Description)
	out, err := json.MarshalIndent(whole, "", "  ")
	return append(out, '\n'), err
}

// same tells whether two schemas say the same.
func same(a, b *jsonschema.Schema) bool {
	one, err := json.Marshal(a)
	other, err2 := json.Marshal(b)
	return err == nil && err2 == nil && bytes.Equal(one, other)
}

// typeName names a definition: stepDoc is step.
func typeName(t reflect.Type) string {
	return strings.TrimSuffix(strings.TrimSuffix(t.Name(), "Doc"), "Of")
}

// JSONSchemaExtend says that a step is a check or a command.
func (stepDoc) JSONSchemaExtend(s *jsonschema.Schema) {
	s.OneOf = []*jsonschema.Schema{{Required: []string{"check"}}, {Required: []string{"run"}}}
	s.Description = "A step has check or run, one of the two."
}

// compiled is the schema made ready: to validate, and to look words up in.
type compiled struct {
	text   []byte
	schema *validator.Schema
	tree   any
}

func compile(checks []Check) (compiled, error) {
	text, err := schema(checks)
	if err != nil {
		return compiled{}, err
	}
	tree, err := validator.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return compiled{}, fmt.Errorf("read the schema: %w", err)
	}
	c := validator.NewCompiler()
	if err := c.AddResource(schemaID, tree); err != nil {
		return compiled{}, fmt.Errorf("add the schema: %w", err)
	}
	made, err := c.Compile(schemaID)
	if err != nil {
		return compiled{}, fmt.Errorf("compile the schema: %w", err)
	}
	return compiled{text: text, schema: made, tree: tree}, nil
}
