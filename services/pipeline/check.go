package pipeline

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
)

// Check is what a built-in check declares of itself: the schema, the lint and
// the defaults of its steps come from it.
type Check struct {
	Name     string
	About    string    // what it looks at, in a line
	Dataset  Use       // of a data set
	Compare  []string  // what compare: compares by default; nil where it cannot
	Settings any       // the fields of its own: a struct with its defaults, and json and jsonschema tags; nil for none
	Measures []Measure // what thresholds may name
	Version  int       // raised with whatever changes its results: one is reused where inputs and version are the same; 0: never
	Alone    bool      // it measures time: no other step of its validation runs beside it
	Guard    bool      // what it does not pass is not to be run: later steps that are no guards are skipped
}

// Use says whether a check works on something.
type Use int

// The uses.
const (
	Unused Use = iota
	Optional
	Required
)

// Measure is one figure of a check.
type Measure struct {
	Name  string // such as p99_ms; ap50[CLASS] stands for one of each class
	Share bool   // it lies between 0 and 1
	Lower bool   // less is better
	About string // in a line
}

// Linter is what the settings of a check implement to say what their schema
// cannot. at names a field, such as warn[0], and what is wrong there.
type Linter interface {
	Lint(at func(field, format string, args ...any))
}

// Parted is what the settings of a check implement that measures parts of its
// data set too: each figure then has one of each part, such as map50{night}.
type Parted interface {
	Parts() []string
}

// settings gives a step's own fields over the check's defaults, as a pointer to
// a new value of the type of Settings; nil where it has none. step is the
// document's mapping, which fits the schema.
func (c Check) settings(step any) (any, error) {
	if c.Settings == nil {
		return nil, nil //nolint:nilnil // a check without fields has none
	}
	defaults, err := json.Marshal(c.Settings)
	if err != nil {
		return nil, fmt.Errorf("write the defaults of %s: %w", c.Name, err)
	}
	given, err := json.Marshal(step)
	if err != nil {
		return nil, fmt.Errorf("read the step: %w", err)
	}
	into := reflect.New(reflect.TypeOf(c.Settings)).Interface()
	for _, text := range [][]byte{defaults, given} {
		if err := json.Unmarshal(text, into); err != nil {
			return nil, fmt.Errorf("read the step: %w", err)
		}
	}
	return into, nil
}

// schema reflects the fields of its own.
func (c Check) schema() *jsonschema.Schema {
	if c.Settings == nil {
		return &jsonschema.Schema{Properties: jsonschema.NewProperties()}
	}
	reflector := jsonschema.Reflector{FieldNameTag: "json", Anonymous: true, ExpandedStruct: true, Namer: typeName}
	return reflector.Reflect(c.Settings)
}

// fields names the fields of its own.
func (c Check) fields() []string {
	var names []string
	for pair := c.schema().Properties.Oldest(); pair != nil; pair = pair.Next() {
		names = append(names, pair.Key)
	}
	return names
}

// What every step may have, and what a command may have besides.
var (
	everyStep = []string{"name", "needs", "if", "continue_on_error", "retry", "timeout"}
	runStep   = []string{
		"run", "thresholds", "dataset", "env", "matrix", "on", "image", "network", "git", "python", "requirements",
	}
)

// allowed names the fields that its steps may have.
func (c Check) allowed() []string {
	names := append([]string{"check", "thresholds"}, everyStep...)
	if c.Dataset != Unused {
		names = append(names, "dataset")
	}
	if c.Compare != nil {
		names = append(names, "compare")
	}
	return append(names, c.fields()...)
}

// Anything names the measure of a check whose figures have any names, such as
// those that a run logged.
const Anything = "*"

// measure finds a figure, that of one class or of a part too.
func (c Check) measure(metric string) (Measure, bool) {
	if len(c.Measures) == 1 && c.Measures[0].Name == Anything {
		return c.Measures[0], true
	}
	metric, _ = cutPart(metric)
	if open := strings.IndexByte(metric, '['); open > 0 && strings.HasSuffix(metric, "]") && len(metric) > open+2 {
		metric = metric[:open] + "[CLASS]"
	}
	i := slices.IndexFunc(c.Measures, func(m Measure) bool { return m.Name == metric })
	if i < 0 {
		return Measure{}, false
	}
	return c.Measures[i], true
}

// cutPart parts map50{night} into map50 and night.
func cutPart(metric string) (name, part string) {
	if open := strings.LastIndexByte(metric, '{'); open > 0 && strings.HasSuffix(metric, "}") {
		return metric[:open], metric[open+1 : len(metric)-1]
	}
	return metric, ""
}

func (c Check) measures() []string {
	names := make([]string, len(c.Measures))
	for i, m := range c.Measures {
		names[i] = m.Name
	}
	return names
}

// spec gives what a step's check works by.
func (c Check) spec(step any) (json.RawMessage, error) {
	settings, err := c.settings(step)
	if err != nil || settings == nil {
		return nil, err
	}
	return json.Marshal(settings)
}
