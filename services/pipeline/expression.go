package pipeline

import (
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Names are what ${{ … }} may refer to, such as vars.TESTS_REPO; names ignore
// case, as in GitHub Actions.
type Names []string

var nameInExpression = regexp.MustCompile(`^[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)+$`)

// expressions finds ${{ … }} in a text: an unknown name is an error, never an
// empty string.
func expressions(t *tree, path string, node *yaml.Node, known Names) {
	rest, offset := node.Value, 0
	for {
		start := strings.Index(rest, "${{")
		if start < 0 {
			return
		}
		at := *node
		at.Line, at.Column = positionIn(node, offset+start)
		end := strings.Index(rest[start:], "}}")
		if end < 0 {
			t.add(&at, path, "${{ is not closed; write ${{ vars.NAME }}")
			return
		}
		if why := unknown(strings.TrimSpace(rest[start+3:start+end]), known); why != "" {
			t.add(&at, path, "%s", why)
		}
		offset += start + end + 2
		rest = rest[start+end+2:]
	}
}

func unknown(expression string, known Names) string {
	if !nameInExpression.MatchString(expression) {
		return fmt.Sprintf("${{ %s }} does not parse: one name, such as vars.NAME", expression)
	}
	for _, name := range known {
		if strings.EqualFold(name, expression) {
			return ""
		}
	}
	if len(known) == 0 {
		return fmt.Sprintf("there is no %s: this server keeps no variables and no secrets", expression)
	}
	return fmt.Sprintf("there is no %s; %s", expression, allowed(expression, known))
}

// positionIn finds the line and column of a byte of a node's text: exact in a
// plain or quoted text of one line and in a literal block.
func positionIn(node *yaml.Node, offset int) (line, column int) {
	before := node.Value[:offset]
	switch lines := strings.Count(before, "\n"); {
	case node.Style&yaml.LiteralStyle != 0:
		return node.Line + 1 + lines, offset - strings.LastIndexByte(before, '\n')
	case node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		return node.Line, node.Column + offset + 1
	default:
		return node.Line, node.Column + offset
	}
}
