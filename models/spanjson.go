package models

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// MLflow keeps a span in JSON in a form of its own: ids in base64, and each
// attribute's value as a text that holds JSON.
type spanJSON struct {
	TraceID  string      `json:"trace_id"`
	ID       string      `json:"span_id"`
	ParentID *string     `json:"parent_span_id"`
	Name     string      `json:"name"`
	StartNS  int64       `json:"start_time_unix_nano"`
	EndNS    *int64      `json:"end_time_unix_nano"`
	Events   []eventJSON `json:"events"`
	Status   struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"status"`
	Attributes texts      `json:"attributes"`
	Links      []linkJSON `json:"links"`
}

type eventJSON struct {
	Name       string `json:"name"`
	AtNS       int64  `json:"time_unix_nano"`
	Attributes values `json:"attributes"`
}

type linkJSON struct {
	TraceID    string  `json:"trace_id"`
	SpanID     string  `json:"span_id"`
	Attributes *values `json:"attributes"`
}

// MarshalJSON writes a span as MLflow keeps it.
func (s Span) MarshalJSON() ([]byte, error) {
	out := spanJSON{Name: s.Name, StartNS: s.StartNS, Attributes: s.Attributes, Events: make([]eventJSON, len(s.Events)), Links: make([]linkJSON, len(s.Links))}
	var err error
	if out.TraceID, err = base64ID(s.TraceID); err != nil {
		return nil, err
	}
	if out.ID, err = base64ID(s.ID); err != nil {
		return nil, err
	}
	if s.ParentID != "" {
		parent, err := base64ID(s.ParentID)
		if err != nil {
			return nil, err
		}
		out.ParentID = &parent
	}
	if s.EndNS != 0 {
		out.EndNS = &s.EndNS
	}
	out.Status.Code, out.Status.Message = "STATUS_CODE_"+string(s.Status), s.Message
	for i, e := range s.Events {
		out.Events[i] = eventJSON{e.Name, e.AtNS, e.Attributes}
	}
	for i, l := range s.Links {
		out.Links[i] = linkJSON{TraceID: TracePrefix + l.TraceID, SpanID: l.SpanID}
		if len(l.Attributes) > 0 {
			v := values(l.Attributes)
			out.Links[i].Attributes = &v
		}
	}
	return plainJSON(out)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Span) UnmarshalJSON(text []byte) error {
	var in spanJSON
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	*s = Span{Name: in.Name, StartNS: in.StartNS, Message: in.Status.Message, Attributes: in.Attributes}
	s.Status = SpanStatus(in.Status.Code[min(len("STATUS_CODE_"), len(in.Status.Code)):])
	var err error
	if s.TraceID, err = hexID(in.TraceID); err != nil {
		return err
	}
	if s.ID, err = hexID(in.ID); err != nil {
		return err
	}
	if in.ParentID != nil {
		if s.ParentID, err = hexID(*in.ParentID); err != nil {
			return err
		}
	}
	if in.EndNS != nil {
		s.EndNS = *in.EndNS
	}
	for _, e := range in.Events {
		s.Events = append(s.Events, SpanEvent{e.Name, e.AtNS, e.Attributes})
	}
	for _, l := range in.Links {
		link := SpanLink{TraceID: l.TraceID[min(len(TracePrefix), len(l.TraceID)):], SpanID: l.SpanID}
		if l.Attributes != nil {
			link.Attributes = *l.Attributes
		}
		s.Links = append(s.Links, link)
	}
	return nil
}

func base64ID(id string) (string, error) {
	raw, err := hex.DecodeString(id)
	return base64.StdEncoding.EncodeToString(raw), err
}

func hexID(text string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	return hex.EncodeToString(raw), err
}

// plainJSON encodes without escapes for HTML, so that a search finds what its
// caller sees.
func plainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// values are attributes as an object of values, in their order.
type values []Attribute

func (v values) MarshalJSON() ([]byte, error) {
	return object(v, func(a Attribute) ([]byte, error) { return a.Value, nil })
}

func (v *values) UnmarshalJSON(text []byte) error {
	return members(text, func(key string, value json.RawMessage) error {
		*v = append(*v, Attribute{key, value})
		return nil
	})
}

// texts are attributes as an object of texts that hold JSON.
type texts []Attribute

func (t texts) MarshalJSON() ([]byte, error) {
	return object(t, func(a Attribute) ([]byte, error) { return plainJSON(string(a.Value)) })
}

func (t *texts) UnmarshalJSON(text []byte) error {
	return members(text, func(key string, value json.RawMessage) error {
		var inner string
		if err := json.Unmarshal(value, &inner); err != nil {
			return err
		}
		*t = append(*t, Attribute{key, json.RawMessage(inner)})
		return nil
	})
}

func object(list []Attribute, value func(Attribute) ([]byte, error)) ([]byte, error) {
	b := []byte{'{'}
	for i, a := range list {
		key, err := plainJSON(a.Key)
		if err != nil {
			return nil, err
		}
		text, err := value(a)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, key...), ':'), text...)
	}
	return append(b, '}'), nil
}

// members hands on the members of an object in their order.
func members(text []byte, add func(key string, value json.RawMessage) error) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("attributes are no object: %w", err)
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
		if err := add(name, value); err != nil {
			return err
		}
	}
	return nil
}
