package mlflow

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// otelSpan is a span as OpenTelemetry's protobuf reads in MLflow's JSON: ids in
// base64, numbers of 64 bits as numbers.
type otelSpan struct {
	TraceID    []byte          `json:"trace_id"`
	ID         []byte          `json:"span_id"`
	ParentID   []byte          `json:"parent_span_id,omitempty"`
	Name       string          `json:"name,omitempty"`
	StartNS    int64           `json:"start_time_unix_nano"`
	EndNS      int64           `json:"end_time_unix_nano,omitempty"`
	Attributes []otelAttribute `json:"attributes,omitempty"`
	Events     []otelEvent     `json:"events,omitempty"`
	Links      []otelLink      `json:"links,omitempty"`
	Status     otelStatus      `json:"status"`
}

type otelStatus struct {
	Message string `json:"message,omitempty"`
	Code    string `json:"code,omitempty"`
}

type otelEvent struct {
	AtNS       int64           `json:"time_unix_nano"`
	Name       string          `json:"name,omitempty"`
	Attributes []otelAttribute `json:"attributes,omitempty"`
}

type otelLink struct {
	TraceID    []byte          `json:"trace_id"`
	SpanID     []byte          `json:"span_id"`
	Attributes []otelAttribute `json:"attributes,omitempty"`
}

type otelAttribute struct {
	Key   string     `json:"key"`
	Value *otelValue `json:"value,omitempty"`
}

// otelValue has one field set, or none for null.
type otelValue struct {
	Text   *string     `json:"string_value,omitempty"`
	Truth  *bool       `json:"bool_value,omitempty"`
	Int    *int64      `json:"int_value,omitempty"`
	Double *double     `json:"double_value,omitempty"`
	Array  *otelArray  `json:"array_value,omitempty"`
	Object *otelObject `json:"kvlist_value,omitempty"`
}

type otelArray struct {
	Values []otelValue `json:"values,omitempty"`
}

type otelObject struct {
	Values []otelAttribute `json:"values,omitempty"`
}

func otelSpansOf(list []models.Span) []otelSpan {
	out := make([]otelSpan, len(list))
	for i, s := range list {
		out[i] = otelSpan{
			TraceID: unhex(s.TraceID), ID: unhex(s.ID), ParentID: unhex(s.ParentID), Name: s.Name, StartNS: s.StartNS, EndNS: s.EndNS,
			Attributes: otelAttributesOf(s.Attributes), Status: otelStatus{Message: s.Message},
		}
		if s.Status != models.SpanUnset {
			out[i].Status.Code = "STATUS_CODE_" + string(s.Status)
		}
		for _, e := range s.Events {
			out[i].Events = append(out[i].Events, otelEvent{e.AtNS, e.Name, otelAttributesOf(e.Attributes)})
		}
		for _, l := range s.Links {
			out[i].Links = append(out[i].Links, otelLink{unhex(l.TraceID), unhex(l.SpanID), otelAttributesOf(l.Attributes)})
		}
	}
	return out
}

// unhex reads an id that was written by us.
func unhex(id string) []byte {
	raw, _ := hex.DecodeString(id)
	return raw
}

func otelAttributesOf(list []models.Attribute) []otelAttribute {
	out := make([]otelAttribute, len(list))
	for i, a := range list {
		out[i].Key = a.Key
		dec := json.NewDecoder(bytes.NewReader(a.Value))
		dec.UseNumber()
		var v any
		if dec.Decode(&v) != nil {
			v = string(a.Value)
		}
		if v != nil {
			value := otelValueOf(v)
			out[i].Value = &value
		}
	}
	return out
}

func otelValueOf(v any) otelValue {
	switch v := v.(type) {
	case string:
		return otelValue{Text: &v}
	case bool:
		return otelValue{Truth: &v}
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return otelValue{Int: &n}
		}
		f, _ := v.Float64()
		d := double(f)
		return otelValue{Double: &d}
	case []any:
		array := &otelArray{}
		for _, item := range v {
			array.Values = append(array.Values, otelValueOf(item))
		}
		return otelValue{Array: array}
	case map[string]any:
		object := &otelObject{}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			member := otelAttribute{Key: key}
			if v[key] != nil {
				value := otelValueOf(v[key])
				member.Value = &value
			}
			object.Values = append(object.Values, member)
		}
		return otelValue{Object: object}
	}
	return otelValue{}
}

// pythonFloat writes a number as Python does: one that is whole with .0.
func pythonFloat(f float64) string {
	text := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(text, ".eIN") {
		text += ".0"
	}
	return text
}
