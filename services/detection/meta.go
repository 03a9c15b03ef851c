package detection

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// Meta is what an ONNX file says of itself in its metadata, in the form that
// YOLO exporters write.
type Meta struct {
	Names         []string // by class id; nil where the file names none
	Stride        int      // 0 where it does not say
	Height, Width int      // the size it was exported for; 0 where it does not say
	Task          string   // such as detect; "" where it does not say
	EndToEnd      bool     // the boxes come out final
}

// ParseMeta reads names, stride, imgsz, task, end2end and args, each a Python literal or
// JSON. A name list with holes is refused: its numbers would mean nothing.
func ParseMeta(properties map[string]string) (Meta, error) {
	var m Meta
	if text := properties["names"]; text != "" {
		names, err := parseNames(text)
		if err != nil {
			return Meta{}, models.Errorf(models.KindInvalid, "metadata names %q: %v", text, err)
		}
		m.Names = names
	}
	m.Stride, _ = strconv.Atoi(properties["stride"])
	switch size := numbers(properties["imgsz"]); len(size) {
	case 1:
		m.Height, m.Width = size[0], size[0]
	case 2:
		m.Height, m.Width = size[0], size[1]
	}
	m.Task = properties["task"]
	m.EndToEnd = strings.EqualFold(properties["end2end"], "true") || embedsNMS(properties["args"])
	return m, nil
}

// embedsNMS tells whether the arguments of an export put suppression into the
// model: {'batch': 1, 'nms': True}.
func embedsNMS(args string) bool {
	args = strings.NewReplacer(`"`, "'", " ", "").Replace(strings.ToLower(args))
	return strings.Contains(args, "'nms':true")
}

// parseNames reads {0: 'bolt', 1: "driver's cab"}, {"0": "bolt"} or a list.
func parseNames(text string) ([]string, error) {
	p := literal{rest: text}
	pairs, list := map[int]string{}, false
	switch {
	case p.take("{"):
	case p.take("["):
		list = true
	default:
		return nil, fmt.Errorf("neither a dict nor a list")
	}
	for !p.take("}") && !p.take("]") {
		id := len(pairs)
		if !list {
			key, err := p.scalar()
			if err != nil {
				return nil, err
			}
			if id, err = strconv.Atoi(key); err != nil || id < 0 {
				return nil, fmt.Errorf("%q is no class id", key)
			}
			if !p.take(":") {
				return nil, fmt.Errorf("no ':' after %d", id)
			}
		}
		name, err := p.scalar()
		if err != nil {
			return nil, err
		}
		pairs[id] = name
		if !p.take(",") && !p.at("}") && !p.at("]") {
			return nil, fmt.Errorf("cut off after %q", name)
		}
	}
	names := make([]string, len(pairs))
	for id, name := range pairs {
		if id >= len(names) {
			return nil, fmt.Errorf("%d classes but a class id %d: ids run from 0 without holes", len(names), id)
		}
		names[id] = name
	}
	return names, nil
}

// literal walks over a Python or JSON literal.
type literal struct{ rest string }

func (p *literal) at(token string) bool {
	p.rest = strings.TrimLeft(p.rest, " \t\r\n")
	return strings.HasPrefix(p.rest, token)
}

func (p *literal) take(token string) bool {
	if !p.at(token) {
		return false
	}
	p.rest = p.rest[len(token):]
	return true
}

// scalar reads a quoted text or a bare word such as a number.
func (p *literal) scalar() (string, error) {
	if !p.at("'") && !p.at(`"`) {
		end := strings.IndexAny(p.rest, ":,}]")
		if end <= 0 {
			return "", fmt.Errorf("a value is missing at %q", p.rest)
		}
		word := strings.TrimSpace(p.rest[:end])
		p.rest = p.rest[end:]
		return word, nil
	}
	quote := p.rest[0]
	for i := 1; i < len(p.rest); i++ {
		switch p.rest[i] {
		case '\\':
			i++
		case quote:
			text := p.rest[1:i]
			p.rest = p.rest[i+1:]
			return unescape(text)
		}
	}
	return "", fmt.Errorf("a quote is not closed")
}

// unescape reads a text's escapes as JSON does; Python's quote and \x are made
// JSON's first.
func unescape(text string) (string, error) {
	if !strings.Contains(text, `\`) {
		return text, nil
	}
	text = strings.NewReplacer(`\\`, `\\`, `\'`, `'`, `\"`, `\"`, `\x`, `\u00`, `"`, `\"`).Replace(text)
	var out string
	if err := json.Unmarshal([]byte(`"`+text+`"`), &out); err != nil {
		return "", fmt.Errorf("text %q: %w", text, err)
	}
	return out, nil
}

// numbers are the whole numbers of a literal such as [640, 640].
func numbers(text string) []int {
	fields := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("[](), ", r) })
	var out []int
	for _, f := range fields {
		n, err := strconv.Atoi(f)
		if err != nil || n <= 0 {
			return nil
		}
		out = append(out, n)
	}
	return slices.Clip(out)
}

// ClassName is the name of a class; its number where it has none.
func (m Meta) ClassName(id int) string {
	if id >= 0 && id < len(m.Names) {
		return m.Names[id]
	}
	return strconv.Itoa(id)
}
