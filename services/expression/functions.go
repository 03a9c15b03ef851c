package expression

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/rhysd/actionlint"
)

type function struct {
	least, most int
	takes       string
	do          func(args []any) (any, error)
}

const many = 100

var functions = map[string]function{
	"contains":   {2, 2, "two arguments: where to look, and for what", contains},
	"startswith": {2, 2, "two texts", onTexts(strings.HasPrefix)},
	"endswith":   {2, 2, "two texts", onTexts(strings.HasSuffix)},
	"format":     {1, many, "a text with {0}, {1} … and what stands there", format},
	"join":       {1, 2, "a list and, if it is not a comma, what stands between", join},
	"tojson":     {1, 1, "one value", toJSON},
	"fromjson":   {1, 1, "one text", fromJSON},
}

// statuses are the functions that ask how other steps went.
var statuses = map[string]func(Values) bool{
	"success":   func(v Values) bool { return v.Success },
	"failure":   func(v Values) bool { return v.Failure },
	"always":    func(Values) bool { return true },
	"cancelled": func(Values) bool { return false }, // no step begins after that
}

func (v Values) call(n *actionlint.FuncCallNode) (any, error) {
	name := strings.ToLower(n.Callee)
	if asked, ok := statuses[name]; ok {
		return asked(v), nil
	}
	f, ok := functions[name]
	if !ok || len(n.Args) < f.least || len(n.Args) > f.most {
		return nil, fmt.Errorf("there is no function %s() of %d arguments", n.Callee, len(n.Args))
	}
	args := make([]any, len(n.Args))
	for i, arg := range n.Args {
		var err error
		if args[i], err = v.of(arg); err != nil {
			return nil, err
		}
	}
	value, err := f.do(args)
	if err != nil {
		return nil, fmt.Errorf("%s(): %w", n.Callee, err)
	}
	return value, nil
}

func contains(args []any) (any, error) {
	if list, ok := listOf(args[0]); ok {
		return slices.ContainsFunc(list, func(item any) bool { return equal(item, args[1]) }), nil
	}
	return onTexts(strings.Contains)(args)
}

// onTexts makes a function of two texts that ignores case.
func onTexts(do func(text, part string) bool) func([]any) (any, error) {
	return func(args []any) (any, error) {
		text, err := textOf(args[0])
		if err != nil {
			return nil, err
		}
		part, err := textOf(args[1])
		return do(strings.ToUpper(text), strings.ToUpper(part)), err
	}
}

// format puts values in the place of {0}, {1} …; {{ and }} are braces.
func format(args []any) (any, error) {
	pattern, err := textOf(args[0])
	if err != nil {
		return nil, err
	}
	var out strings.Builder
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		switch {
		case c != '{' && c != '}':
			out.WriteByte(c)
		case i+1 < len(pattern) && pattern[i+1] == c:
			out.WriteByte(c)
			i++
		case c == '}':
			return nil, fmt.Errorf("a } without its {: write }} for a brace")
		default:
			end := strings.IndexByte(pattern[i:], '}')
			n, err := strconv.Atoi(pattern[i+1 : i+max(end, 1)])
			if err != nil || n < 0 || n+1 >= len(args) {
				return nil, fmt.Errorf("%q has no value at %d", pattern, i)
			}
			text, err := textOf(args[n+1])
			if err != nil {
				return nil, err
			}
			out.WriteString(text)
			i += end
		}
	}
	return out.String(), nil
}

func join(args []any) (any, error) {
	between := ","
	if len(args) == 2 {
		var err error
		if between, err = textOf(args[1]); err != nil {
			return nil, err
		}
	}
	list, ok := listOf(args[0])
	if !ok {
		list = []any{args[0]}
	}
	texts := make([]string, len(list))
	for i, item := range list {
		var err error
		if texts[i], err = textOf(item); err != nil {
			return nil, err
		}
	}
	return strings.Join(texts, between), nil
}

func toJSON(args []any) (any, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(args[0])
	return strings.TrimSuffix(out.String(), "\n"), err
}

func fromJSON(args []any) (any, error) {
	text, err := textOf(args[0])
	if err != nil {
		return nil, err
	}
	var value any
	decoder := json.NewDecoder(strings.NewReader(text))
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("this is not JSON") // its text may be a secret
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, fmt.Errorf("there is more after the JSON")
	}
	return value, nil
}
