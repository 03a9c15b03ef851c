package pipeline

import (
	"fmt"
	"strings"

	"github.com/invopop/jsonschema"
	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/models"
)

// opponent is what a version is compared with, in the form of
// models.CompareSpec.Against.
type opponent string

// JSONSchema states its forms.
func (opponent) JSONSchema() *jsonschema.Schema {
	version := jsonschema.NewProperties()
	version.Set("version", &jsonschema.Schema{Type: "integer", Minimum: "1"})
	return &jsonschema.Schema{
		AnyOf: []*jsonschema.Schema{
			{Type: "string", Pattern: namePattern},
			{Type: "string", Pattern: `^@[\p{L}\p{N}_-]+$`},
			{Type: "object", Properties: version, Required: []string{"version"}, AdditionalProperties: jsonschema.FalseSchema},
		},
		Description: "An environment (what it runs), an alias such as \"@champion\", or {version: 3}.",
	}
}

// UnmarshalYAML reads any of them.
func (o *opponent) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.MappingNode {
		*o = opponent(node.Value)
		return nil
	}
	var named struct {
		Version int64 `yaml:"version"`
	}
	if err := node.Decode(&named); err != nil {
		return fmt.Errorf("read against: %w", err)
	}
	*o = opponent(models.AgainstVersion(named.Version))
	return nil
}

// environment tells whether it is the name of an environment.
func (o opponent) environment() bool {
	_, version := models.ComparedVersion(string(o))
	return !version && !strings.HasPrefix(string(o), "@")
}
