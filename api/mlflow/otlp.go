package mlflow

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"math"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/trace"
	"github.com/slipway-ml/slipway/services/tracking"
)

// What an exporter says beside its spans.
const (
	experimentHeader = "X-Mlflow-Experiment-Id"
	runHeader        = "X-Mlflow-Run-Id"
)

const (
	protobufType = "application/x-protobuf"
	jsonType     = "application/json"
)

// ExportTraces handles POST /v1/traces, the way of OpenTelemetry's exporters.
func (t Traces) ExportTraces(c *gin.Context) error {
	kind, _, _ := mime.ParseMediaType(c.GetHeader("Content-Type"))
	if kind != protobufType && kind != jsonType {
		return models.Errorf(models.KindInvalid, "Invalid Content-Type: %.100s. Expected: %s or %s", c.GetHeader("Content-Type"), protobufType, jsonType)
	}
	if c.GetHeader(experimentHeader) == "" {
		return models.Errorf(models.KindInvalid, "The header %s is missing: it names the experiment that the traces are logged to", strings.ToLower(experimentHeader))
	}
	experiment, err := tracking.ParseExperimentID(c.GetHeader(experimentHeader))
	if err != nil {
		return err
	}
	body, err := exported(c)
	if err != nil {
		return err
	}
	exports, err := parseExport(body, kind == jsonType)
	if err != nil {
		return err
	}
	warning, err := t.Service.Log(c.Request.Context(), experiment, c.GetHeader(runHeader), exports)
	if err != nil {
		return err
	}
	reply := &collector.ExportTraceServiceResponse{}
	if warning != "" { // as the protocol has it: nothing rejected, and a message
		reply.PartialSuccess = &collector.ExportTracePartialSuccess{ErrorMessage: warning}
	}
	out, err := proto.Marshal(reply)
	if kind == jsonType {
		out, err = protojson.Marshal(reply)
	}
	if err != nil {
		return err
	}
	c.Data(http.StatusOK, kind, out)
	return nil
}

// exported reads the body, which may be compressed.
func exported(c *gin.Context) ([]byte, error) {
	body, err := sized(c, maxBody)
	if err != nil {
		return nil, err
	}
	var r io.Reader
	switch encoding := strings.ToLower(c.GetHeader("Content-Encoding")); encoding {
	case "", "identity":
		return body, nil
	case "gzip":
		r, err = gzip.NewReader(bytes.NewReader(body))
	case "deflate":
		if r, err = zlib.NewReader(bytes.NewReader(body)); err != nil { // or without zlib's header, as some send it
			r, err = flate.NewReader(bytes.NewReader(body)), nil
		}
	default:
		return nil, models.Errorf(models.KindInvalid, "Unsupported Content-Encoding: %.100s. Use gzip or deflate.", encoding)
	}
	if err == nil {
		if body, err = io.ReadAll(io.LimitReader(r, maxBody+1)); len(body) > maxBody {
			return nil, &http.MaxBytesError{Limit: maxBody}
		}
	}
	if err != nil {
		return nil, models.Errorf(models.KindInvalid, "The body cannot be decompressed: %s", err)
	}
	return body, nil
}

func parseExport(body []byte, isJSON bool) ([]trace.Export, error) {
	var in collector.ExportTraceServiceRequest
	var err error
	if isJSON {
		if body, err = base64IDs(body); err == nil {
			err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(body, &in)
		}
	} else {
		err = proto.Unmarshal(body, &in)
	}
	if err != nil {
		return nil, models.Errorf(models.KindInvalid, "Invalid OpenTelemetry format").Because(err)
	}
	if len(in.GetResourceSpans()) == 0 {
		return nil, models.Errorf(models.KindInvalid, "Invalid OpenTelemetry format - no spans found")
	}
	exports := make([]trace.Export, len(in.GetResourceSpans()))
	for i, resource := range in.GetResourceSpans() {
		exports[i].Resource = attributesOf(resource.GetResource().GetAttributes())
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				span, err := spanOf(s)
				if err != nil {
					return nil, err
				}
				exports[i].Spans = append(exports[i].Spans, span)
			}
		}
	}
	return exports, nil
}

// base64IDs writes ids as protobuf's JSON reads bytes: OTLP has them in hex.
func base64IDs(body []byte) ([]byte, error) {
	tree, err := parseJSON(body)
	if err != nil {
		return nil, err
	}
	if err := inBase64(tree); err != nil {
		return nil, err
	}
	return json.Marshal(tree)
}

func inBase64(v any) error {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			if err := inBase64(item); err != nil {
				return err
			}
		}
	case map[string]any:
		for key, member := range v {
			text, isText := member.(string)
			if isText && slices.Contains([]string{"traceId", "spanId", "parentSpanId"}, key) {
				raw, err := hex.DecodeString(text)
				if err != nil {
					return err
				}
				v[key] = base64.StdEncoding.EncodeToString(raw)
			} else if key != "attributes" {
				if err := inBase64(member); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// The lengths of ids, in bytes.
const (
	traceIDSize = 16
	spanIDSize  = 8
)

func spanOf(s *tracepb.Span) (models.Span, error) {
	if len(s.GetTraceId()) != traceIDSize || len(s.GetSpanId()) != spanIDSize || (len(s.GetParentSpanId()) != 0 && len(s.GetParentSpanId()) != spanIDSize) {
		return models.Span{}, models.Errorf(models.KindInvalid, "span '%.100s': trace_id has %d bytes and span_id %d, a parent's none or as many; it has %d, %d and %d",
			s.GetName(), traceIDSize, spanIDSize, len(s.GetTraceId()), len(s.GetSpanId()), len(s.GetParentSpanId()))
	}
	if s.GetStartTimeUnixNano() > math.MaxInt64 || s.GetEndTimeUnixNano() > math.MaxInt64 {
		return models.Span{}, models.Errorf(models.KindInvalid, "span '%.100s': its times are not in nanoseconds since 1970", s.GetName())
	}
	span := models.Span{
		TraceID: hex.EncodeToString(s.GetTraceId()), ID: hex.EncodeToString(s.GetSpanId()), ParentID: hex.EncodeToString(s.GetParentSpanId()),
		Name: clean(s.GetName()), StartNS: int64(s.GetStartTimeUnixNano()), EndNS: int64(s.GetEndTimeUnixNano()),
		Status: models.SpanUnset, Message: clean(s.GetStatus().GetMessage()), Attributes: attributesOf(s.GetAttributes()),
	}
	switch s.GetStatus().GetCode() {
	case tracepb.Status_STATUS_CODE_OK:
		span.Status = models.SpanOK
	case tracepb.Status_STATUS_CODE_ERROR:
		span.Status = models.SpanError
	default:
	}
	for _, e := range s.GetEvents() {
		span.Events = append(span.Events, models.SpanEvent{Name: clean(e.GetName()), AtNS: int64(e.GetTimeUnixNano()), Attributes: attributesOf(e.GetAttributes())})
	}
	for _, l := range s.GetLinks() {
		if len(l.GetTraceId()) == traceIDSize && len(l.GetSpanId()) == spanIDSize { // a link that leads nowhere is no reason to lose the span
			span.Links = append(span.Links, models.SpanLink{
				TraceID: hex.EncodeToString(l.GetTraceId()), SpanID: hex.EncodeToString(l.GetSpanId()), Attributes: attributesOf(l.GetAttributes()),
			})
		}
	}
	return span, nil
}

// clean replaces what no database keeps in a text.
func clean(text string) string { return strings.ReplaceAll(text, "\x00", "\uFFFD") }

func attributesOf(list []*common.KeyValue) []models.Attribute {
	out := make([]models.Attribute, 0, len(list))
	place := make(map[string]int, len(list)) // of one key given twice the last counts
	for _, a := range list {
		key := clean(a.GetKey())
		attribute := models.Attribute{Key: key, Value: appendValue(nil, a.GetValue(), 0)}
		if i, twice := place[key]; twice {
			out[i] = attribute
			continue
		}
		place[key] = len(out)
		out = append(out, attribute)
	}
	return out
}

// maxNested bounds how deep a value is: what is deeper is left out.
const maxNested = 100

// appendValue writes a value in JSON. A whole number of floating point keeps
// its point, so that it is read back as what it was.
func appendValue(b []byte, v *common.AnyValue, depth int) []byte {
	if depth > maxNested {
		return append(b, "null"...)
	}
	switch v := v.GetValue().(type) {
	case *common.AnyValue_StringValue:
		return appendText(b, v.StringValue)
	case *common.AnyValue_BoolValue:
		return append(b, map[bool]string{true: "true", false: "false"}[v.BoolValue]...)
	case *common.AnyValue_IntValue:
		return append(b, strconv.FormatInt(v.IntValue, 10)...)
	case *common.AnyValue_DoubleValue:
		if math.IsNaN(v.DoubleValue) || math.IsInf(v.DoubleValue, 0) {
			return appendDouble(b, v.DoubleValue)
		}
		return append(b, pythonFloat(v.DoubleValue)...)
	case *common.AnyValue_BytesValue:
		return appendText(b, base64.StdEncoding.EncodeToString(v.BytesValue))
	case *common.AnyValue_ArrayValue:
		b = append(b, '[')
		for i, item := range v.ArrayValue.GetValues() {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = appendValue(b, item, depth+1)
		}
		return append(b, ']')
	case *common.AnyValue_KvlistValue:
		b = append(b, '{')
		for i, member := range v.KvlistValue.GetValues() {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = append(appendText(b, member.GetKey()), ": "...)
			b = appendValue(b, member.GetValue(), depth+1)
		}
		return append(b, '}')
	}
	return append(b, "null"...)
}

func appendText(b []byte, text string) []byte { return appendString(b, clean(text)) }
