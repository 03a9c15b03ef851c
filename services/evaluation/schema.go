package evaluation

import (
	"encoding/json"
	"fmt"
	"strings"
)

// schema tells the types of the fields that a dataset's records have, or had.
type schema struct {
	Inputs       map[string]string `json:"inputs"`
	Outputs      any               `json:"outputs"` // of fields, or the type of what is no object
	Expectations map[string]string `json:"expectations"`
	Version      string            `json:"version"`
}

// widen adds the fields of records to a schema; a field keeps its first type.
func widen(text string, records []parsed) (string, error) {
	if len(records) == 0 {
		return text, nil
	}
	s := schema{Inputs: map[string]string{}, Outputs: map[string]any{}, Expectations: map[string]string{}, Version: "1.0"}
	if text != "" {
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			return "", fmt.Errorf("read a dataset's schema: %w", err)
		}
	}
	for _, r := range records {
		note(s.Inputs, r.inputs)
		note(s.Expectations, r.expectations)
		s.noteOutputs(r.Outputs)
	}
	out, err := json.Marshal(s)
	return string(out), err
}

func note(types map[string]string, values fields) {
	for key, value := range values {
		if _, known := types[key]; !known {
			types[key] = typeOf(value)
		}
	}
}

func (s *schema) noteOutputs(outputs json.RawMessage) {
	types, ofFields := s.Outputs.(map[string]any)
	if isNull(outputs) || !ofFields {
		return
	}
	if typeOf(outputs) != "object" {
		if len(types) == 0 {
			s.Outputs = typeOf(outputs)
		}
		return
	}
	var values fields
	_ = json.Unmarshal(outputs, &values) // it is an object
	for key, value := range values {
		if _, known := types[key]; !known {
			types[key] = typeOf(value)
		}
	}
}

// typeOf names the type of a JSON value in MLflow's words.
func typeOf(value json.RawMessage) string {
	switch value[0] {
	case 'n':
		return "null"
	case 't', 'f':
		return "boolean"
	case '"':
		return "string"
	case '[':
		return "array"
	case '{':
		return "object"
	}
	if strings.ContainsAny(string(value), ".eE") {
		return "float"
	}
	return "integer"
}
