package models

import "encoding/json"

// SpanStatus is how a span ended.
type SpanStatus string

// The statuses of a span.
const (
	SpanUnset SpanStatus = "UNSET"
	SpanOK    SpanStatus = "OK"
	SpanError SpanStatus = "ERROR"
)

// Attributes of spans that mean something to us.
const (
	AttrTraceID     = "mlflow.traceRequestId"
	AttrInputs      = "mlflow.spanInputs"
	AttrOutputs     = "mlflow.spanOutputs"
	AttrType        = "mlflow.spanType"
	AttrTokenUsage  = "mlflow.chat.tokenUsage" //nolint:gosec // counts of words
	AttrCost        = "mlflow.llm.cost"
	AttrModel       = "mlflow.llm.model"
	AttrProvider    = "mlflow.llm.provider"
	AttrTagPrefix   = "mlflow.traceTag." // of a root span: a tag of its trace
	AttrSession     = "session.id"
	AttrUser        = "user.id"
	TracePrefix     = "tr-" // before a trace's 32 hex digits
	MaxSpanNameText = 500   // characters of a model's or provider's name that are kept
)

// Span is one step of a trace, as OpenTelemetry has it.
type Span struct {
	TraceID  string // 32 hex digits
	ID       string // 16 hex digits
	ParentID string // "": a root
	Name     string
	StartNS  int64
	EndNS    int64 // 0: not ended
	Status   SpanStatus
	Message  string

	Attributes []Attribute
	Events     []SpanEvent
	Links      []SpanLink
}

// Attribute is a key with its value in JSON.
type Attribute struct {
	Key   string
	Value json.RawMessage
}

// SpanEvent is a moment within a span.
type SpanEvent struct {
	Name       string
	AtNS       int64
	Attributes []Attribute
}

// SpanLink refers to a span of another trace.
type SpanLink struct {
	TraceID    string // 32 hex digits
	SpanID     string // 16 hex digits
	Attributes []Attribute
}

// Attribute finds an attribute's value; nil where it is absent.
func (s Span) Attribute(key string) json.RawMessage {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value
		}
	}
	return nil
}

// Text reads an attribute that is a text; "" for any other.
func (s Span) Text(key string) (text string) {
	if json.Unmarshal(s.Attribute(key), &text) != nil {
		return ""
	}
	return text
}
