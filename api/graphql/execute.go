package graphql

import (
	"context"
	"encoding/json"
	"math"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/slipway-ml/slipway/models"
)

// execution answers one operation.
type execution struct {
	*Schema
	ctx       context.Context
	variables map[string]any
	explain   func(error) string
	errors    []string
}

// object answers a selection of an object's fields. Every field may be null, so
// an error ends at its own.
func (e *execution) object(kind string, from map[string]any, set ast.SelectionSet) map[string]any {
	groups := map[string][]*ast.Field{}
	e.collect(set, groups)
	out := make(map[string]any, len(groups))
	for key, fields := range groups {
		out[key] = e.field(kind, from, fields)
	}
	return out
}

// collect gathers the fields of a selection under the names of the answer: those
// of one name are one field with both selections.
func (e *execution) collect(set ast.SelectionSet, groups map[string][]*ast.Field) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			if e.wanted(s.Directives) {
				groups[s.Alias] = append(groups[s.Alias], s)
			}
		case *ast.InlineFragment:
			if e.wanted(s.Directives) {
				e.collect(s.SelectionSet, groups)
			}
		case *ast.FragmentSpread:
			if e.wanted(s.Directives) {
				e.collect(s.Definition.SelectionSet, groups)
			}
		}
	}
}

// wanted obeys @skip and @include.
func (e *execution) wanted(directives ast.DirectiveList) bool {
	for _, d := range directives {
		condition := d.Arguments.ForName("if")
		if condition == nil {
			continue
		}
		value, _ := condition.Value.Value(e.variables)
		yes, _ := value.(bool)
		if d.Name == "skip" && yes || d.Name == "include" && !yes {
			return false
		}
	}
	return true
}

func (e *execution) field(kind string, from map[string]any, fields []*ast.Field) any {
	f := fields[0]
	if f.Name == "__typename" {
		return kind
	}
	value, err := e.read(kind, from, f)
	if err != nil {
		e.errors = append(e.errors, e.explain(err))
		return nil
	}
	var set ast.SelectionSet
	for _, same := range fields {
		set = append(set, same.SelectionSet...)
	}
	return e.complete(f.Definition.Type, value, set)
}

// read gives a field's value, before its own fields are picked.
func (e *execution) read(kind string, from map[string]any, f *ast.Field) (any, error) {
	resolve, ok := e.resolvers[kind+"."+f.Name]
	switch {
	case strings.HasPrefix(f.Name, "__"):
		return nil, models.Errorf(models.KindUnsupported, "%s is not offered here: docs/mlflow.md names the queries", f.Name)
	case !ok:
		return from[snake(f.Name)], nil
	}
	input := map[string]any{}
	if argument := f.Arguments.ForName("input"); argument != nil {
		given, err := argument.Value.Value(e.variables)
		if err != nil {
			return nil, err
		}
		plain, err := tree(given)
		if err != nil {
			return nil, err
		}
		if object, ok := plain.(map[string]any); ok {
			input = object
		}
	}
	value, err := resolve(e.ctx, from, input)
	if err != nil {
		return nil, err
	}
	return tree(value)
}

// complete makes a value what the type says.
func (e *execution) complete(t *ast.Type, value any, set ast.SelectionSet) any {
	if t.Elem != nil {
		list, _ := value.([]any)
		out := make([]any, len(list)) // what MLflow leaves out of an answer is an empty list here
		for i, item := range list {
			out[i] = e.complete(t.Elem, item, set)
		}
		return out
	}
	switch object, ok := value.(map[string]any); {
	case ok:
		return e.object(t.NamedType, object, set)
	case value == nil:
		return unset(t.NamedType)
	case t.NamedType == "Float":
		return float(value)
	case t.NamedType == "LongString":
		if n, ok := value.(json.Number); ok {
			return n.String()
		}
	}
	return value
}

// unset is what MLflow gives for what an object leaves out.
func unset(kind string) any {
	switch kind {
	case "String":
		return ""
	case "LongString":
		return "0"
	case "Boolean":
		return false
	}
	return nil
}

// float is a number as JSON can say it: not a number is null, and infinities are
// the largest there are.
func float(value any) any {
	switch value {
	case "NaN":
		return nil
	case "Infinity":
		return math.MaxFloat64
	case "-Infinity":
		return -math.MaxFloat64
	}
	return value
}

// snake gives a field's name in JSON: artifactLocation → artifact_location.
func snake(camel string) string {
	var b strings.Builder
	for _, r := range camel {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}
