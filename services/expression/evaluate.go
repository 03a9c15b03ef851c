package expression

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/rhysd/actionlint"
)

// Object is a value with names. Values are nil, bool, float64, string, []any and
// Object; an error is one that cannot be had, and is told where it is named.
type Object = map[string]any

// Values are what a template's names stand for.
type Values struct {
	Contexts Object
	Strict   []string // contexts of which a missing name has no substitute, whatever stands after ||
	Success  bool     // what success() answers
	Failure  bool     // what failure() answers

	source string // of the expression that is evaluated
}

// MissingError tells of a name that is not there.
type MissingError struct {
	Path   string
	strict bool
}

// Error implements error.
func (e *MissingError) Error() string { return "there is no " + e.Path }

// Text evaluates a template to a text.
func (t Template) Text(v Values) (string, error) {
	var text strings.Builder
	for _, p := range t.parts {
		if p.node == nil {
			text.WriteString(p.text)
			continue
		}
		v.source = p.text
		value, err := v.of(p.node)
		if err != nil {
			return "", err
		}
		s, err := textOf(value)
		if err != nil {
			return "", fmt.Errorf("%s %w", written(p.text, p.node), err)
		}
		text.WriteString(s)
	}
	return text.String(), nil
}

// Holds evaluates a condition.
func (t Template) Holds(v Values) (bool, error) {
	v.source = t.parts[0].text
	value, err := v.of(t.parts[0].node)
	return truth(value), err
}

// of evaluates a node.
func (v Values) of(n actionlint.ExprNode) (any, error) {
	switch n := n.(type) {
	case *actionlint.NullNode:
		return nil, nil
	case *actionlint.BoolNode:
		return n.Value, nil
	case *actionlint.IntNode:
		return float64(n.Value), nil
	case *actionlint.FloatNode:
		return n.Value, nil
	case *actionlint.StringNode:
		return n.Value, nil
	case *actionlint.VariableNode:
		return v.below(n, v.Contexts, n.Name)
	case *actionlint.ObjectDerefNode:
		of, err := v.of(n.Receiver)
		if err != nil {
			return nil, err
		}
		return v.below(n, of, n.Property)
	case *actionlint.IndexAccessNode:
		return v.index(n)
	case *actionlint.ArrayDerefNode:
		return v.each(n)
	case *actionlint.NotOpNode:
		value, err := v.of(n.Operand)
		return !truth(value), err
	case *actionlint.CompareOpNode:
		return v.compare(n)
	case *actionlint.LogicalOpNode:
		return v.logical(n)
	case *actionlint.FuncCallNode:
		return v.call(n)
	}
	return nil, fmt.Errorf("%T is not known", n)
}

func (v Values) missing(n actionlint.ExprNode) error {
	root := strings.ToLower(n.Token().Value)
	return &MissingError{Path: written(v.source, n), strict: slices.Contains(v.Strict, root)}
}

// starred is what .* gives: a name after it is asked of each.
type starred []any

func (v Values) below(n actionlint.ExprNode, of any, name string) (any, error) {
	switch of := of.(type) {
	case Object:
		value, ok := of[name]
		for _, known := range slices.Sorted(maps.Keys(of)) {
			if !ok && strings.EqualFold(known, name) {
				value, ok = of[known], true
			}
		}
		if err, broken := value.(error); broken {
			return nil, err
		}
		if ok {
			return value, nil
		}
	case starred:
		some := starred{}
		for _, item := range of {
			if value, err := v.below(n, item, name); err == nil {
				some = append(some, value)
			}
		}
		return some, nil
	}
	return nil, v.missing(n)
}

func (v Values) index(n *actionlint.IndexAccessNode) (any, error) {
	of, err := v.of(n.Operand)
	if err != nil {
		return nil, err
	}
	index, err := v.of(n.Index)
	if err != nil {
		return nil, err
	}
	if list, ok := listOf(of); ok {
		if i := number(index); i >= 0 && i == math.Trunc(i) && i < float64(len(list)) {
			return list[int(i)], nil
		}
		return nil, v.missing(n)
	}
	name, err := textOf(index)
	if err != nil {
		return nil, err
	}
	return v.below(n, of, name)
}

func (v Values) each(n *actionlint.ArrayDerefNode) (any, error) {
	of, err := v.of(n.Receiver)
	if err != nil {
		return nil, err
	}
	if list, ok := listOf(of); ok {
		return starred(list), nil
	}
	some := starred{}
	if object, ok := of.(Object); ok {
		for _, name := range slices.Sorted(maps.Keys(object)) {
			some = append(some, object[name])
		}
	}
	return some, nil
}

func (v Values) compare(n *actionlint.CompareOpNode) (any, error) {
	left, err := v.of(n.Left)
	if err != nil {
		return nil, err
	}
	right, err := v.of(n.Right)
	if err != nil {
		return nil, err
	}
	switch n.Kind {
	case actionlint.CompareOpNodeKindEq:
		return equal(left, right), nil
	case actionlint.CompareOpNodeKindNotEq:
		return !equal(left, right), nil
	case actionlint.CompareOpNodeKindLess:
		return less(left, right), nil
	case actionlint.CompareOpNodeKindGreater:
		return less(right, left), nil
	case actionlint.CompareOpNodeKindLessEq:
		return less(left, right) || equal(left, right), nil
	default:
		return less(right, left) || equal(left, right), nil
	}
}

// logical gives one of its operands, as GitHub does. A name that is not there
// has what stands after || in its place.
func (v Values) logical(n *actionlint.LogicalOpNode) (any, error) {
	left, err := v.of(n.Left)
	missing := (*MissingError)(nil)
	substitute := n.Kind == actionlint.LogicalOpNodeKindOr && errors.As(err, &missing) && !missing.strict
	if err != nil && !substitute {
		return nil, err
	}
	if !substitute && truth(left) == (n.Kind == actionlint.LogicalOpNodeKindOr) {
		return left, nil
	}
	return v.of(n.Right)
}
