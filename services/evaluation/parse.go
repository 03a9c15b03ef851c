package evaluation

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/slipway-ml/slipway/models"
)

// Record is a record as a client sends it: JSON, nil where it is absent.
type Record struct {
	Inputs       json.RawMessage `json:"inputs"`
	Outputs      json.RawMessage `json:"outputs"`
	Expectations json.RawMessage `json:"expectations"`
	Tags         json.RawMessage `json:"tags"`
	Source       json.RawMessage `json:"source"`
}

// fields are the members of a JSON object.
type fields = map[string]json.RawMessage

// parsed is a record whose objects are read.
type parsed struct {
	Record
	hash                       string
	inputs, expectations, tags fields
	source                     *source
}

type source struct {
	Type string          `json:"source_type"`
	Data json.RawMessage `json:"source_data"`
	id   string          // of the trace, or whatever it is
}

// given takes a null for nothing.
func given(text json.RawMessage) json.RawMessage {
	if isNull(text) {
		return nil
	}
	return text
}

func isNull(text json.RawMessage) bool { return text == nil || string(text) == "null" }

func merged(old json.RawMessage, more fields) (json.RawMessage, error) {
	all := fields{}
	if old != nil {
		if err := json.Unmarshal(old, &all); err != nil {
			return nil, fmt.Errorf("read a stored record: %w", err)
		}
	}
	maps.Copy(all, more)
	return json.Marshal(all)
}

// textIn gives a member that is text, "" of any other.
func textIn(object fields, name string) (text string) {
	_ = json.Unmarshal(object[name], &text)
	return text
}

// parse reads what must be objects in a record; at names it in a refusal.
func parse(r Record, at string) (parsed, error) {
	p := parsed{Record: r}
	if r.Inputs == nil {
		p.Inputs = json.RawMessage("{}")
	}
	var err error
	if p.inputs, err = object(p.Inputs, at+"inputs"); err != nil {
		return p, err
	}
	if isNull(p.Inputs) {
		return p, models.InvalidValue(at+"inputs", nil, "expected an object")
	}
	if p.expectations, err = object(r.Expectations, at+"expectations"); err != nil {
		return p, err
	}
	if p.tags, err = object(r.Tags, at+"tags"); err != nil {
		return p, err
	}
	if err := models.CheckText(at+"tags."+models.UserTag, textIn(p.tags, models.UserTag)); err != nil {
		return p, err
	}
	if p.source, err = sourceOf(r.Source, at+"source"); err != nil {
		return p, err
	}
	p.hash, err = hashOf(p.Inputs)
	return p, err
}

// object reads a JSON object, or null.
func object(text json.RawMessage, at string) (fields, error) {
	if isNull(text) {
		return nil, nil
	}
	var out fields
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, models.InvalidValue(at, text, "expected an object")
	}
	return out, nil
}

func sourceOf(text json.RawMessage, at string) (*source, error) {
	if isNull(text) || string(text) == "{}" {
		return nil, nil
	}
	var out source
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, models.InvalidValue(at, text, "expected an object of source_type and source_data")
	}
	kind, ok := models.RecordSourceType(out.Type)
	if !ok {
		return nil, models.Errorf(models.KindInvalid, "Invalid dataset record source type: %.100s. Valid source types: %v", out.Type, models.RecordSourceTypes())
	}
	if out.Type = kind; isNull(out.Data) {
		out.Data = json.RawMessage("{}")
	}
	data, err := object(out.Data, at+".source_data")
	if err != nil {
		return nil, err
	}
	name := "source_id"
	if kind == "TRACE" {
		name = "trace_id"
	}
	out.id = textIn(data, name)
	return &out, models.CheckText(at+".source_data."+name, out.id)
}

// hashOf is the same for the same inputs, in whichever order their keys stand.
func hashOf(inputs json.RawMessage) (string, error) {
	dec := json.NewDecoder(bytes.NewReader(inputs))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return "", err
	}
	text, err := json.Marshal(value)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), err
}
