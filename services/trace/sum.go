package trace

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/models"
)

// sum adds up an attribute over a trace's spans, as JSON; "" where none has it.
// A span whose ancestor has it is left out: frameworks add up along the way.
func sum(spans []models.Span, attribute string, keys, optional []string) string {
	values := make(map[string]map[string]json.Number, len(spans))
	parents := make(map[string]string, len(spans))
	for _, s := range spans {
		parents[s.ID] = s.ParentID
		dec := json.NewDecoder(strings.NewReader(string(s.Attribute(attribute))))
		dec.UseNumber()
		var all map[string]any
		if dec.Decode(&all) != nil {
			continue
		}
		values[s.ID] = map[string]json.Number{}
		for key, v := range all {
			if n, ok := v.(json.Number); ok {
				values[s.ID][key] = n
			}
		}
	}
	totals := map[string]float64{}
	for id, of := range values {
		if covered(id, parents, values) {
			continue
		}
		for key, n := range of {
			f, _ := n.Float64()
			totals[key] += f
		}
	}
	if len(values) == 0 {
		return ""
	}
	var b strings.Builder
	for i, key := range append(append([]string{}, keys...), optional...) {
		total, has := totals[key]
		if i >= len(keys) && !has {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Quote(key) + ": " + strconv.FormatFloat(total, 'f', -1, 64))
	}
	return "{" + b.String() + "}"
}

// covered tells whether an ancestor of a span has a value.
func covered(id string, parents map[string]string, values map[string]map[string]json.Number) bool {
	for range parents { // no longer than all of them: a ring ends, too
		if id = parents[id]; id == "" {
			return false
		}
		if _, has := values[id]; has {
			return true
		}
	}
	return true
}

// preview is what a page shows of a root's inputs or outputs: the last message
// of a role, where they are messages.
func preview(value json.RawMessage, role string) *string {
	if value == nil {
		return nil
	}
	text := string(value)
	var v any
	if json.Unmarshal(value, &v) == nil {
		if said := lastMessage(v, role); said != "" {
			text = said
		}
	}
	if utf8.RuneCountInString(text) > maxPreview {
		text = cut(text, maxPreview-3) + "..."
	}
	return &text
}

func lastMessage(v any, role string) (said string) {
	object, ok := v.(map[string]any)
	if !ok {
		return ""
	}
	var messages []any
	if list, ok := object["choices"].([]any); ok && len(list) > 0 {
		if choice, ok := list[0].(map[string]any); ok {
			messages = []any{choice["message"]}
		}
	}
	for _, key := range []string{"messages", "input", "output"} {
		if list, ok := object[key].([]any); ok && len(messages) == 0 {
			messages = list
		}
	}
	if len(messages) == 0 {
		return lastMessage(object["request"], role)
	}
	for i := len(messages) - 1; i >= 0; i-- {
		m, ok := messages[i].(map[string]any)
		if text := contentOf(m["content"]); ok && (m["role"] == role || said == "") {
			if said = text; m["role"] == role {
				return said
			}
		}
	}
	return said
}

func contentOf(content any) string {
	switch c := content.(type) {
	case string:
		return c
	case []any:
		for _, part := range c {
			switch p := part.(type) {
			case string:
				return p
			case map[string]any:
				if text, ok := p["text"].(string); ok && (p["type"] == "text" || p["type"] == "output_text") {
					return text
				}
			}
		}
	}
	return ""
}
