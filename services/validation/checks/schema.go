package checks

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// field is one entry of a signature's schema: a column, or a tensor.
type field struct {
	Name     string          `json:"name"`
	Type     json.RawMessage `json:"type"` // a text, or an object for nested types in older files
	Optional *bool           `json:"optional"`
	Required *bool           `json:"required"`
	Tensor   *struct {
		Type  string  `json:"dtype"`
		Shape []int64 `json:"shape"`
	} `json:"tensor-spec"`
}

// param is one of the signature's params.
type param struct {
	Name string `json:"name"`
}

// signature is MLmodel's, parsed.
type signature struct {
	Inputs, Outputs []field
	Params          []param
}

// parse reads the JSON texts of MLmodel's signature.
func (m mlmodel) parseSignature() (signature, error) {
	var s signature
	if m.Signature == nil {
		return s, models.Errorf(models.KindNotFound, "MLmodel has no signature")
	}
	for _, part := range []struct {
		name, text string
		into       any
	}{{"inputs", m.Signature.Inputs, &s.Inputs}, {"outputs", m.Signature.Outputs, &s.Outputs}, {"params", m.Signature.Params, &s.Params}} {
		if part.text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(part.text), part.into); err != nil {
			return s, models.Errorf(models.KindInvalid, "signature.%s does not parse: %v", part.name, err)
		}
	}
	return s, nil
}

// required tells whether a request or an answer has to hold it.
func (f field) required() bool {
	return (f.Required == nil || *f.Required) && (f.Optional == nil || !*f.Optional)
}

// String describes it, such as x float32 [-1,4].
func (f field) String() string {
	kind := strings.Trim(string(f.Type), `"`)
	if f.Tensor != nil {
		kind = f.Tensor.Type + " " + shapeWords(f.Tensor.Shape)
	}
	return strings.TrimSpace(f.Name + " " + kind)
}

func shapeWords(shape []int64) string { return strings.ReplaceAll(fmt.Sprint(shape), " ", ",") }

// kinds are what MLflow's and numpy's types are to a caller, with their width
// in bits; of a type that is not here nothing is said.
var kinds = map[string]struct {
	kind string
	bits int
}{
	"float16": {"float", 16}, "float32": {"float", 32}, "float64": {"float", 64}, "float": {"float", 32}, "double": {"float", 64},
	"int8": {"integer", 8}, "int16": {"integer", 16}, "int32": {"integer", 32}, "int64": {"integer", 64}, "integer": {"integer", 32}, "long": {"integer", 64},
	"uint8": {"integer", 8}, "uint16": {"integer", 16}, "uint32": {"integer", 32}, "uint64": {"integer", 64},
	"bool": {"boolean", 1}, "boolean": {"boolean", 1}, "str": {"text", 0}, "string": {"text", 0}, "object": {"text", 0},
	"FP16": {"float", 16}, "FP32": {"float", 32}, "FP64": {"float", 64}, "BOOL": {"boolean", 1}, "BYTES": {"text", 0},
	"INT8": {"integer", 8}, "INT16": {"integer", 16}, "INT32": {"integer", 32}, "INT64": {"integer", 64},
	"UINT8": {"integer", 8}, "UINT16": {"integer", 16}, "UINT32": {"integer", 32}, "UINT64": {"integer", 64},
}

// typeName is the type that a schema gives an entry; "" for a nested one.
func (f field) typeName() string {
	if f.Tensor != nil {
		return f.Tensor.Type
	}
	var name string
	_ = json.Unmarshal(f.Type, &name) // an object is a nested type
	return name
}

// fits holds an entry of a schema against what the model declares: another kind
// or shape is an error, another width a warning.
func (f field) fits(where string, of input) []models.Finding {
	var findings []models.Finding
	mine, known := kinds[f.typeName()]
	its, known2 := kinds[of.Datatype]
	switch {
	case !known || !known2:
	case mine.kind != its.kind:
		findings = append(findings, problem(where, "the signature says %s, and the model's %q is %s", f, of.Name, of.Datatype))
	case mine.bits != its.bits:
		findings = append(findings, warning(where, "the signature says %s, and the model's %q is %s: the same kind in another width", f, of.Name, of.Datatype))
	}
	if f.Tensor != nil && of.Shape != nil && !shapesAgree(f.Tensor.Shape, of.Shape) {
		findings = append(findings, problem(where, "the signature says %s, and the model's %q is of shape %s", f, of.Name, shapeWords(of.Shape)))
	}
	return findings
}

// shapesAgree tells whether one shape can be both; -1 is open.
func shapesAgree(a, b []int64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] >= 0 && b[i] >= 0 && a[i] != b[i] {
			return false
		}
	}
	return true
}

// tensorsOf tells whether a schema is one of tensors.
func tensorsOf(schema []field) bool {
	return slices.ContainsFunc(schema, func(f field) bool { return f.Tensor != nil })
}

// find gives what the model calls by an entry's name; its only one where the
// entry has none.
func (f field) find(all []input) (input, bool) {
	if f.Name == "" && len(all) == 1 {
		return all[0], true
	}
	i := slices.IndexFunc(all, func(in input) bool { return in.Name == f.Name })
	if i < 0 {
		return input{}, false
	}
	return all[i], true
}

func inputNames(all []input) string {
	names := make([]string, len(all))
	for i, in := range all {
		names[i] = in.Name
	}
	return strings.Join(names, ", ")
}
