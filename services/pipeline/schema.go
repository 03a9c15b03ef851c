package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/slipway-ml/slipway/models"
)

const schemaID = "https://slipway-ml.github.io/slipway/slipway.schema.json"

// Schema gives the JSON Schema of a pipeline document (draft 2020-12).
func Schema() []byte {
	reflector := jsonschema.Reflector{FieldNameTag: "yaml", Anonymous: true, Namer: typeName}
	schema := reflector.Reflect(document{})
	schema.ID = schemaID
	schema.Title = "Slipway pipeline"
	out, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		panic(err) // the tags of document.go are wrong; every test sees it
	}
	return append(out, '\n')
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

// unsafeRule is a rule of the check unsafe-code.
type unsafeRule string

// JSONSchema lists the rules.
func (unsafeRule) JSONSchema() *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string", Description: "A rule of unsafe-code, such as native-code."}
	for _, r := range models.UnsafeRules {
		s.Enum = append(s.Enum, string(r.Rule))
	}
	return s
}

// compiled is the schema made ready: to validate, and to look words up in.
type compiled struct {
	schema *validator.Schema
	tree   any
}

func compile() (compiled, error) {
	tree, err := validator.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		return compiled{}, fmt.Errorf("read the schema: %w", err)
	}
	c := validator.NewCompiler()
	if err := c.AddResource(schemaID, tree); err != nil {
		return compiled{}, fmt.Errorf("add the schema: %w", err)
	}
	schema, err := c.Compile(schemaID)
	if err != nil {
		return compiled{}, fmt.Errorf("compile the schema: %w", err)
	}
	return compiled{schema: schema, tree: tree}, nil
}
