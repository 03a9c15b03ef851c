package expression

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rhysd/actionlint"
)

// Shape tells which names may stand below a name, for the lint. The zero Shape
// is a plain value, which has none.
type Shape struct {
	Names   map[string]Shape // those that are known
	Any     *Shape           // what every other name is; nil: there are no others
	Spread  bool             // it may not stand by itself, but only with a name of it
	Refused string           // why it has no place here at all
	Hint    string           // what to do about a name that is not there
}

// Anything is a shape of which nobody can tell what it has.
func Anything() *Shape {
	var s Shape
	s.Any = &s
	return &s
}

// Check tells what is wrong with the names and the calls of a template before it
// is evaluated. status tells whether success(), failure(), always() and
// cancelled() may be asked.
func (t Template) Check(root Shape, status bool) []*Error {
	var all []*Error
	for _, p := range t.parts {
		if p.node != nil {
			c := &checker{root: root, status: status, at: p.at, source: p.text}
			c.value(p.node)
			all = append(all, c.found...)
		}
	}
	return all
}

type checker struct {
	root   Shape
	status bool
	at     int
	source string
	found  []*Error
}

func (c *checker) say(n actionlint.ExprNode, format string, args ...any) {
	c.found = append(c.found, &Error{Offset: c.at + n.Token().Offset, Message: fmt.Sprintf(format, args...)})
}

// unknown says that a name is not there, and which are.
func (c *checker) unknown(n actionlint.ExprNode, name string, names []string, format string, args ...any) {
	c.say(n, format, args...)
	last := c.found[len(c.found)-1]
	last.Name, last.Allowed = name, names
}

// value checks a node that stands for a value.
func (c *checker) value(n actionlint.ExprNode) {
	if s := c.shape(n); s != nil && s.Spread {
		c.say(n, "%s cannot stand by itself: name one of them, such as %s.NAME", c.path(n), c.path(n))
	}
}

// shape checks a node and gives what it is; nil where nobody can tell.
func (c *checker) shape(n actionlint.ExprNode) *Shape {
	switch n := n.(type) {
	case *actionlint.VariableNode:
		return c.below(n, &c.root, n.Name)
	case *actionlint.ObjectDerefNode:
		return c.below(n, c.shape(n.Receiver), n.Property)
	case *actionlint.IndexAccessNode:
		return c.index(n)
	case *actionlint.ArrayDerefNode:
		c.value(n.Receiver)
	case *actionlint.NotOpNode:
		c.value(n.Operand)
	case *actionlint.CompareOpNode:
		c.value(n.Left)
		c.value(n.Right)
	case *actionlint.LogicalOpNode:
		c.value(n.Left)
		c.value(n.Right)
	case *actionlint.FuncCallNode:
		c.call(n)
	}
	return nil
}

func (c *checker) index(n *actionlint.IndexAccessNode) *Shape {
	of := c.shape(n.Operand)
	if text, ok := n.Index.(*actionlint.StringNode); ok {
		return c.below(n, of, text.Value)
	}
	c.value(n.Index)
	if of != nil && of.Spread {
		c.say(n, "%s[…] is not known before it runs: name one of them, such as %s.NAME", c.path(n.Operand), c.path(n.Operand))
	}
	return nil
}

// below gives what a name of something is. Names ignore case.
func (c *checker) below(n actionlint.ExprNode, of *Shape, name string) *Shape {
	if of == nil {
		return nil
	}
	for known, s := range of.Names {
		if !strings.EqualFold(known, name) {
			continue
		}
		if s.Refused != "" {
			c.say(n, "%s: %s", c.path(n), s.Refused)
			return nil
		}
		return &s
	}
	if of.Any != nil {
		return of.Any
	}
	names := slices.Sorted(maps.Keys(of.Names))
	hint := of.Hint
	if hint != "" {
		hint = ": " + hint
	}
	c.unknown(n, name, names, "there is no %s%s", c.path(n), hint)
	return nil
}

func (c *checker) call(n *actionlint.FuncCallNode) {
	name := strings.ToLower(n.Callee)
	f, known := functions[name]
	_, asks := statuses[name]
	switch {
	case asks && !c.status:
		c.say(n, "%s() can be asked in if alone", n.Callee)
	case asks && len(n.Args) > 0:
		c.say(n, "%s() takes no arguments", n.Callee)
	case !asks && !known:
		names := slices.Sorted(maps.Keys(functions))
		if c.status {
			names = append(names, slices.Sorted(maps.Keys(statuses))...)
		}
		c.unknown(n, n.Callee, names, "there is no function %s()", n.Callee)
	case known && (len(n.Args) < f.least || len(n.Args) > f.most):
		c.say(n, "%s() takes %s", n.Callee, f.takes)
	}
	for _, arg := range n.Args {
		c.value(arg)
	}
}

func (c *checker) path(n actionlint.ExprNode) string { return written(c.source, n) }

// written is a name as the source has it: the parser gives names in lower case.
func written(source string, n actionlint.ExprNode) string {
	name := path(n)
	if start := n.Token().Offset; start+len(name) <= len(source) && strings.EqualFold(source[start:start+len(name)], name) {
		return source[start : start+len(name)]
	}
	return name
}

// path writes a name with what it belongs to, such as vars.DIR.
func path(n actionlint.ExprNode) string {
	switch n := n.(type) {
	case *actionlint.VariableNode:
		return n.Token().Value
	case *actionlint.ObjectDerefNode:
		return path(n.Receiver) + "." + n.Property
	case *actionlint.ArrayDerefNode:
		return path(n.Receiver) + ".*"
	case *actionlint.IndexAccessNode:
		if text, ok := n.Index.(*actionlint.StringNode); ok {
			return path(n.Operand) + "['" + text.Value + "']"
		}
		if number, ok := n.Index.(*actionlint.IntNode); ok {
			return fmt.Sprintf("%s[%d]", path(n.Operand), number.Value)
		}
		return path(n.Operand) + "[…]"
	case *actionlint.FuncCallNode:
		return n.Callee + "()"
	}
	return "(…)"
}

// Asks tells whether a template asks for one of success(), failure(), always()
// and cancelled(): then nothing is asked for it.
func (t Template) Asks() bool {
	found := false
	for _, p := range t.parts {
		if p.node == nil {
			continue
		}
		actionlint.VisitExprNode(p.node, func(n, _ actionlint.ExprNode, _ bool) {
			if call, ok := n.(*actionlint.FuncCallNode); ok {
				_, asks := statuses[strings.ToLower(call.Callee)]
				found = found || asks
			}
		})
	}
	return found
}

// Uses gives the names of a context that a template has, as they are written.
func (t Template) Uses(context string) bool {
	found := false
	for _, p := range t.parts {
		if p.node == nil {
			continue
		}
		actionlint.VisitExprNode(p.node, func(n, _ actionlint.ExprNode, _ bool) {
			v, ok := n.(*actionlint.VariableNode)
			found = found || ok && strings.EqualFold(v.Name, context)
		})
	}
	return found
}
