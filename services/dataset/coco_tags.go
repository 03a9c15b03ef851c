package dataset

import (
	"encoding/json"
	"slices"
	"strconv"
)

// tagsOfField makes tags of a field's value: words under tags, field=value
// under any other name; a list is several, an object is one for each entry.
func tagsOfField(field string, raw json.RawMessage) (tags []string) {
	var value any
	if len(raw) == 0 || json.Unmarshal(raw, &value) != nil {
		return nil
	}
	add := func(key string, v any) {
		var word string
		switch v := v.(type) {
		case string:
			word = v
		case bool:
			word = strconv.FormatBool(v)
		case float64:
			word = strconv.FormatFloat(v, 'f', -1, 64)
		}
		if word != "" && key != "tags" {
			word = key + "=" + word
		}
		if word != "" {
			tags = append(tags, word)
		}
	}
	switch v := value.(type) {
	case []any:
		for _, each := range v {
			add(field, each)
		}
	case map[string]any:
		for name, each := range v {
			add(name, each)
		}
	default:
		add(field, v)
	}
	slices.Sort(tags)
	return tags
}
