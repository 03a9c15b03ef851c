package pipeline

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/invopop/jsonschema"
	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/models"
)

// The scalars of a document. Each is text with a form of its own, which the
// schema states and the lint repeats in words.
type (
	duration   string
	memory     string
	datasetRef string
	value      string // of an environment variable
)

func form(pattern, description string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: pattern, Description: description}
}

// JSONSchema states a duration's form.
func (duration) JSONSchema() *jsonschema.Schema {
	return form(`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`, "A duration, such as 30s, 5m or 1h30m.")
}

// JSONSchema states the form of an amount of memory.
func (memory) JSONSchema() *jsonschema.Schema {
	return form(`^[0-9]+(Ki|Mi|Gi|k|M|G)?$`, "An amount of memory, such as 512Mi or 2Gi; no limit by default.")
}

// JSONSchema states the form of a data set's name and version.
func (datasetRef) JSONSchema() *jsonschema.Schema {
	return form(`^[A-Za-z0-9][A-Za-z0-9._-]*@[1-9][0-9]*$`, "A version of a data set as NAME@VERSION, such as shapes-val@1.")
}

const (
	namePattern = `^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`
	envPattern  = `^[A-Za-z_][A-Za-z0-9_]*$`
)

var (
	nameForm = regexp.MustCompile(namePattern)
	envForm  = regexp.MustCompile(envPattern)
)

// JSONSchema lets a variable be written without quotes.
func (value) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{
		AnyOf:       []*jsonschema.Schema{{Type: "string"}, {Type: "number"}, {Type: "boolean"}},
		Description: "Text, a number, true or false.",
	}
}

// or gives the duration, or a default where none is written. Its form has been
// checked; beyond Go's range it is the largest.
func (d duration) or(fallback time.Duration) time.Duration {
	if d == "" {
		return fallback
	}
	parsed, err := time.ParseDuration(string(d))
	if err != nil {
		return math.MaxInt64
	}
	return parsed
}

// bytes gives the amount; 0 where none is written. ok is false beyond int64.
func (m memory) bytes() (n int64, ok bool) {
	if m == "" {
		return 0, true
	}
	units := []struct {
		suffix string
		factor int64
	}{{"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"", 1}}
	for _, u := range units {
		if digits, found := strings.CutSuffix(string(m), u.suffix); found {
			n, err := strconv.ParseInt(digits, 10, 64)
			return n * u.factor, err == nil && n <= math.MaxInt64/u.factor
		}
	}
	return 0, false
}

// thresholds are promises about measurements, in the document's order.
type thresholds []models.Threshold

// JSONSchema states the form of thresholds.
func (thresholds) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{
		Type:                 "object",
		AdditionalProperties: form(`^\s*(>=|<=|>|<)\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?\s*$`, `An operator (>=, >, <=, <) and a number, in quotes, such as ">= 0.80".`),
		Description:          `Promises about measurements, such as map50: ">= 0.80".`,
	}
}

// UnmarshalYAML keeps the order.
func (t *thresholds) UnmarshalYAML(node *yaml.Node) error {
	for i := 0; i+1 < len(node.Content); i += 2 {
		parsed, err := models.ParseThreshold(node.Content[i].Value, node.Content[i+1].Value)
		if err != nil {
			return err
		}
		*t = append(*t, parsed)
	}
	return nil
}

// margin is an absolute difference, against the stable release of the
// environment it stands in, which may be named.
type margin struct {
	environment string
	delta       float64
}

// JSONSchema states the two ways to write a margin.
func (margin) JSONSchema() *jsonschema.Schema {
	number := &jsonschema.Schema{Type: "number", ExclusiveMinimum: "0", ExclusiveMaximum: "1"}
	one := uint64(1)
	return &jsonschema.Schema{
		AnyOf: []*jsonschema.Schema{number, {
			Type: "object", MinProperties: &one, MaxProperties: &one, AdditionalProperties: number,
		}},
		Description: "An absolute difference between 0 and 1, such as 0.05, or {production: 0.05}.",
	}
}

// UnmarshalYAML reads either way.
func (m *margin) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.MappingNode && len(node.Content) == 2 {
		m.environment = node.Content[0].Value
		node = node.Content[1]
	}
	if err := node.Decode(&m.delta); err != nil {
		return fmt.Errorf("read no_worse_than: %w", err)
	}
	return nil
}
