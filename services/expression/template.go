package expression

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rhysd/actionlint"
)

// maxLength bounds one expression, in bytes: its parser goes down once for each
// parenthesis.
const maxLength = 4096

const open, closed = "${{", "}}"

// Template is a text with expressions in it.
type Template struct{ parts []part }

// part is a text, or an expression that stands at an offset.
type part struct {
	text string              // or the expression's source, and what follows it
	node actionlint.ExprNode // nil for a text
	at   int                 // of the expression's source in the template's
}

// Error tells what is wrong with an expression, and where.
type Error struct {
	Offset  int // in bytes of the text that was parsed
	Message string
	Name    string   // that is not there, where that is so
	Allowed []string // what may stand there, where that is a list
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Parse reads a text with any number of ${{ … }} in it. What is wrong is an
// *Error.
func Parse(text string) (Template, error) {
	var t Template
	for at := 0; ; {
		start := strings.Index(text[at:], open)
		if start < 0 {
			return t.with(text[at:]), nil
		}
		t = t.with(text[at : at+start])
		at += start
		if !strings.Contains(text[at:], closed) {
			return t, &Error{Offset: at, Message: "${{ is not closed; write ${{ vars.NAME }}"}
		}
		source := at + len(open)
		node, length, err := parse(text[source:], source)
		if err != nil {
			return t, err
		}
		t.parts = append(t.parts, part{text: text[source:], node: node, at: source})
		at = source + length
	}
}

// Condition reads an expression that may stand bare, without ${{ }}; what is
// around one in ${{ }} is an error, since it would make a text of it, which is
// always true.
func Condition(text string) (Template, error) {
	trimmed := strings.TrimSpace(text)
	if !strings.Contains(text, open) {
		node, length, err := parse(text+closed, 0)
		if err == nil && length < len(text)+len(closed) {
			err = &Error{Offset: length - len(closed), Message: "}} closes nothing here"}
		}
		return Template{parts: []part{{text: text, node: node}}}, err
	}
	t, err := Parse(trimmed)
	lead := strings.Index(text, trimmed)
	if broken := (*Error)(nil); errors.As(err, &broken) {
		broken.Offset += lead
		return t, broken
	}
	if len(t.parts) != 1 || t.parts[0].node == nil {
		return t, &Error{Offset: 0, Message: "a condition is one expression: put all of it in one ${{ }}, or leave ${{ }} out"}
	}
	t.parts[0].at += lead
	return t, nil
}

// Plain tells whether a text holds no expression.
func (t Template) Plain() bool {
	for _, p := range t.parts {
		if p.node != nil {
			return false
		}
	}
	return true
}

func (t Template) with(text string) Template {
	if text != "" {
		t.parts = append(t.parts, part{text: text})
	}
	return t
}

// parse reads one expression up to its }} and tells how long both are.
func parse(source string, offset int) (actionlint.ExprNode, int, error) {
	bounded := source
	if len(bounded) > maxLength {
		bounded = bounded[:maxLength]
	}
	lexer := actionlint.NewExprLexer(bounded)
	node, broken := actionlint.NewExprParser().Parse(lexer)
	switch {
	case broken == nil:
		return node, lexer.Offset(), nil
	case len(bounded) < len(source) && broken.Offset >= maxLength-len(closed):
		return nil, 0, &Error{Offset: offset, Message: fmt.Sprintf("an expression has at most %d bytes", maxLength)}
	}
	return nil, 0, &Error{Offset: offset + min(broken.Offset, len(source)), Message: wording(source, broken)}
}

// wording is what the parser says, in fewer words where it lists every sign.
func wording(source string, broken *actionlint.ExprError) string {
	message := strings.ReplaceAll(broken.Message, `"IDENT"`, "a name")
	if before, _, long := strings.Cut(message, ", expecting 'a'..'z'"); long {
		message = before
	}
	if strings.HasPrefix(strings.TrimSpace(source), closed) {
		message = "nothing stands between ${{ and }}"
	}
	if strings.Contains(message, `'"'`) {
		message += `: text stands in single quotes`
	}
	return "the expression does not parse: " + message
}
