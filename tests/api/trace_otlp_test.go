package api_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdkresource "go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/slipway-ml/slipway/tests/world"
)

// value makes an attribute's value.
func value(v any) *common.AnyValue {
	switch v := v.(type) {
	case string:
		return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: v}}
	case int:
		return &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: int64(v)}}
	case float64:
		return &common.AnyValue{Value: &common.AnyValue_DoubleValue{DoubleValue: v}}
	case bool:
		return &common.AnyValue{Value: &common.AnyValue_BoolValue{BoolValue: v}}
	case []any:
		list := &common.ArrayValue{}
		for _, item := range v {
			list.Values = append(list.Values, value(item))
		}
		return &common.AnyValue{Value: &common.AnyValue_ArrayValue{ArrayValue: list}}
	case object:
		return &common.AnyValue{Value: &common.AnyValue_KvlistValue{KvlistValue: &common.KeyValueList{Values: attributes(v)}}}
	}
	return &common.AnyValue{}
}

func attributes(m object) (out []*common.KeyValue) {
	for key, v := range m {
		out = append(out, &common.KeyValue{Key: key, Value: value(v)})
	}
	return out
}

// otel makes a span of trace n; parent 0 is none.
func otel(n, id, parent int, name string, more object) *tracepb.Span {
	s := &tracepb.Span{
		TraceId: binary(hex32(n)), SpanId: binary(fmt.Sprintf("%016x", id)), Name: name,
		StartTimeUnixNano: 1_700_000_000_000_000_000 + uint64(id)*1e6, EndTimeUnixNano: 1_700_000_000_000_000_000 + uint64(id)*1e6 + 5e6,
		Status: &tracepb.Status{Code: tracepb.Status_STATUS_CODE_OK}, Attributes: attributes(more),
	}
	if parent > 0 {
		s.ParentSpanId = binary(fmt.Sprintf("%016x", parent))
	}
	return s
}

func binary(text string) []byte {
	raw, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return raw
}

func export(t testing.TB, program object, spans ...*tracepb.Span) []byte {
	t.Helper()
	body, err := proto.Marshal(&collector.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource: &resource.Resource{Attributes: attributes(program)}, ScopeSpans: []*tracepb.ScopeSpans{{Spans: spans}},
	}}})
	require.NoError(t, err)
	return body
}

func (m mlflow) export(body []byte, header ...string) world.Response {
	m.t.Helper()
	return m.Do(http.MethodPost, "/v1/traces", body, append([]string{"Content-Type", "application/x-protobuf", "x-mlflow-experiment-id", "0"}, header...)...)
}

func (m mlflow) spans(body []byte, header ...string) {
	m.t.Helper()
	r := m.export(body, header...)
	require.Equal(m.t, http.StatusOK, r.Status, "%s", r.Body)
}

func TestSpansComeByOpenTelemetry(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	root := otel(1, 1, 0, "answer", object{
		"gen_ai.operation.name": "chat", "gen_ai.request.model": "m-1", "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5,
		"input.value": `{"messages": [{"role": "user", "content": "hello"}]}`, "session.id": "s-1", "user.id": "u-1",
		"mlflow.traceTag.team": "blue", "list": []any{1, 2.0, "x", true, nil}, "deep": object{"a": 1.5}, "held": `{"a": [1]}`, "digits": "12", "nul": "a\x00b", "text": "I <like> it",
	})
	root.Events = []*tracepb.Span_Event{{Name: "thrown", TimeUnixNano: 7, Attributes: attributes(object{"why": "so"})}}
	root.Links = []*tracepb.Span_Link{{TraceId: binary(hex32(9)), SpanId: binary("00000000000000ff")}}
	child := otel(1, 2, 1, "look", nil)
	child.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "no"}
	r := m.export(export(t, object{"service.name": "shop", "telemetry.sdk.language": "go"}, child, root))
	require.Equal(t, http.StatusOK, r.Status, "%s", r.Body)
	require.Empty(t, r.Body)
	require.Equal(t, "application/x-protobuf", r.Header.Get("Content-Type"))

	id := "tr-" + hex32(1)
	info := m.traceInfo(id)
	require.Equal(t, "OK", info["state"], "the root's, not the child's")
	require.Equal(t, "2023-11-14T22:13:20.001Z", info["request_time"])
	require.Equal(t, "0.006s", info["execution_duration"])
	require.Equal(t, "hello", info["request_preview"])
	require.Equal(t, object{
		"mlflow.trace.spansLocation": "TRACKING_STORE", "service.name": "shop", "team": "blue",
		"mlflow.artifactLocation": "mlflow-artifacts:/0/traces/" + id + "/artifacts",
	}, info["tags"])
	require.Equal(t, object{
		"mlflow.trace.session": "s-1", "mlflow.trace.user": "u-1", "mlflow.trace.tokenUsage": `{"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}`,
	}, info["trace_metadata"])

	whole := m.OK(http.MethodGet, a3+"traces/get?trace_id="+id, nil)["trace"].(object)
	require.Equal(t, info, whole["trace_info"])
	spans := whole["spans"].([]any)
	require.Len(t, spans, 2)
	got := spans[0].(object)
	require.Equal(t, "answer", got["name"], "roots come first")
	require.Equal(t, "AAAAAAAAAAAAAAAAAAAAAQ==", got["trace_id"])
	require.Equal(t, object{"code": "STATUS_CODE_OK"}, got["status"])
	require.Equal(t, object{"code": "STATUS_CODE_ERROR", "message": "no"}, spans[1].(object)["status"])
	require.Equal(t, []any{object{"name": "thrown", "time_unix_nano": 7.0, "attributes": []any{object{"key": "why", "value": object{"string_value": "so"}}}}}, got["events"])
	require.Equal(t, []any{object{"trace_id": "AAAAAAAAAAAAAAAAAAAACQ==", "span_id": "AAAAAAAAAP8="}}, got["links"])
	for _, want := range []object{
		{"key": "list", "value": object{"array_value": object{"values": []any{
			object{"int_value": 1.0}, object{"double_value": 2.0}, object{"string_value": "x"}, object{"bool_value": true}, object{},
		}}}},
		{"key": "deep", "value": object{"kvlist_value": object{"values": []any{object{"key": "a", "value": object{"double_value": 1.5}}}}}},
		{"key": "held", "value": object{"kvlist_value": object{"values": []any{object{"key": "a", "value": object{"array_value": object{"values": []any{object{"int_value": 1.0}}}}}}}}},
		{"key": "digits", "value": object{"string_value": "12"}},
		{"key": "nul", "value": object{"string_value": "a\uFFFDb"}},
		{"key": "text", "value": object{"string_value": "I <like> it"}},
		{"key": "mlflow.spanType", "value": object{"string_value": "CHAT_MODEL"}},
		{"key": "mlflow.llm.model", "value": object{"string_value": "m-1"}},
		{"key": "mlflow.traceRequestId", "value": object{"string_value": id}},
	} {
		require.Contains(t, got["attributes"], want)
	}

	file := m.Do(http.MethodGet, "/ajax-api/3.0/mlflow/get-trace-artifact?request_id="+id, nil)
	require.Equal(t, "attachment; filename=traces.json", file.Header.Get("Content-Disposition"))
	first := file.JSON(t)["spans"].([]any)[0].(object)
	require.Equal(t, `"I <like> it"`, first["attributes"].(object)["text"], "values are JSON in a text")
	require.Equal(t, `[1, 2.0, "x", true, null]`, first["attributes"].(object)["list"])
	require.Nil(t, first["parent_span_id"])

	batch := m.OK(http.MethodGet, a3+"traces/batchGet?trace_ids="+id+"&trace_ids=tr-none", nil)["traces"].([]any)
	require.Equal(t, []any{any(whole)}, batch)
}

func TestTheExporterOfAnOpenTelemetrySDK(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	exporter, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpointURL(m.URL+"/v1/traces"),
		otlptracehttp.WithHeaders(map[string]string{"x-mlflow-experiment-id": "0"}), otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	require.NoError(t, err)
	program, err := sdkresource.New(t.Context(), sdkresource.WithAttributes(attribute.String("service.name", "shop"), attribute.Int("replicas", 2)))
	require.NoError(t, err)
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(program))
	ctx, root := provider.Tracer("t").Start(t.Context(), "order")
	_, child := provider.Tracer("t").Start(ctx, "pay")
	child.RecordError(errors.New("declined"))
	child.SetStatus(codes.Error, "declined")
	child.End()
	root.SetAttributes(attribute.StringSlice("items", []string{"a", "b"}))
	root.End()
	require.NoError(t, provider.Shutdown(t.Context()))
	id := "tr-" + root.SpanContext().TraceID().String()
	whole := m.OK(http.MethodGet, a3+"traces/get?trace_id="+id, nil)["trace"].(object)
	require.Len(t, whole["spans"], 2)
	require.Equal(t, "2", whole["trace_info"].(object)["tags"].(object)["replicas"])
	require.Equal(t, []string{id}, m.tracesFound("span.name = 'pay' AND span.status = 'ERROR'"))
	require.Equal(t, []string{id}, m.tracesFound("tags.`service.name` = 'shop' AND trace.text LIKE '%declined%'"))
}

func TestExportsInEveryForm(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	pack := func(n int, w func(*bytes.Buffer) interface {
		Write([]byte) (int, error)
		Close() error
	},
	) []byte {
		var b bytes.Buffer
		c := w(&b)
		_, err := c.Write(export(t, nil, otel(n, 1, 0, "s", nil)))
		require.NoError(t, err)
		require.NoError(t, c.Close())
		return b.Bytes()
	}
	type closer = interface {
		Write([]byte) (int, error)
		Close() error
	}
	m.spans(pack(1, func(b *bytes.Buffer) closer { return gzip.NewWriter(b) }), "Content-Encoding", "gzip")
	m.spans(pack(2, func(b *bytes.Buffer) closer { return zlib.NewWriter(b) }), "Content-Encoding", "deflate")
	text := []byte(`{"resourceSpans": [{"resource": {"attributes": [{"key": "spanId", "value": {"stringValue": "kept"}}]}, "scopeSpans": [{"spans": [{
		"traceId": "` + strings.ToUpper(hex32(3)) + `", "spanId": "00000000000000aa", "name": "json", "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": 1700000001000000000,
		"kind": 2, "unknown": 1, "attributes": [{"key": "spanId", "value": {"stringValue": "not hex"}}]}]}]}]}`)
	r := m.export(text, "Content-Type", "application/json; charset=utf-8")
	require.Equal(t, http.StatusOK, r.Status, "%s", r.Body)
	require.JSONEq(t, `{}`, string(r.Body))
	for n := 1; n <= 3; n++ {
		require.Equal(t, "OK", m.traceInfo("tr-" + hex32(n))["state"])
	}
	require.Equal(t, "1s", m.traceInfo("tr-" + hex32(3))["execution_duration"])

	good := export(t, nil, otel(4, 1, 0, "s", nil))
	short := otel(4, 1, 0, "short", nil)
	short.TraceId = short.TraceId[1:]
	bomb := pack(5, func(b *bytes.Buffer) closer {
		w := gzip.NewWriter(b)
		zeros := make([]byte, 1<<20)
		for range 65 {
			_, _ = w.Write(zeros)
		}
		return w
	})
	for want, r := range map[string]world.Response{
		"Content-Type":               m.export(good, "Content-Type", "text/plain"),
		"x-mlflow-experiment-id":     m.export(good, "x-mlflow-experiment-id", ""),
		"must be a valid integer":    m.export(good, "x-mlflow-experiment-id", "x"),
		"no spans found":             m.export(nil),
		"Invalid OpenTelemetry form": m.export([]byte("garbage")),
		"OpenTelemetry format":       m.export([]byte(`{"resourceSpans": 1}`), "Content-Type", "application/json"),
		"Content-Encoding":           m.export(good, "Content-Encoding", "br"),
		"cannot be decompressed":     m.export(good, "Content-Encoding", "gzip"),
		"span 'short'":               m.export(export(t, nil, otel(4, 2, 0, "s", nil), short)),
	} {
		m.isError(r, invalid, want)
	}
	require.Equal(t, http.StatusRequestEntityTooLarge, m.export(bomb, "Content-Encoding", "gzip").Status)
	m.isError(m.export(good, "x-mlflow-experiment-id", "99"), absent, "99")
	m.isError(m.Do(http.MethodGet, a3+"traces/tr-"+hex32(4), nil), absent, hex32(4)) // nothing of what was refused is kept
}

func TestSpansOfOneTraceComeInParts(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	id := "tr-" + hex32(1)
	usage := func(n int) object { return object{"llm.token_count.prompt": n, "llm.token_count.completion": 1} }
	m.spans(export(t, nil, otel(1, 3, 2, "leaf", usage(5))))
	require.Equal(t, "IN_PROGRESS", m.traceInfo(id)["state"])
	m.spans(export(t, nil, otel(1, 2, 1, "framework", usage(7)), otel(1, 4, 1, "other", usage(100))))
	require.Equal(t, `{"input_tokens": 107, "output_tokens": 2, "total_tokens": 109}`, m.traceInfo(id)["trace_metadata"].(object)["mlflow.trace.tokenUsage"], "what a span adds up of its children counts once")
	part := m.OK(http.MethodGet, a3+"traces/get?allow_partial=true&trace_id="+id, nil)["trace"].(object)
	require.Len(t, part["spans"], 3)

	// The client tells the whole; spans that come after it change no times and sums.
	m.trace("0", id, object{"trace_metadata": object{"mlflow.trace.sizeStats": `{"num_spans": 4}`, "mlflow.trace.tokenUsage": `{"input_tokens": 1}`}})
	require.Empty(t, m.OK(http.MethodGet, a3+"traces/batchGet?trace_ids="+id, nil), "its root is still to come")
	m.isError(m.Do(http.MethodGet, a3+"traces/get?trace_id="+id, nil), absent, "not fully exported yet")
	m.spans(export(t, nil, otel(1, 1, 0, "root", usage(1000))))
	info := m.traceInfo(id)
	require.Equal(t, "1.500s", info["execution_duration"])
	require.Equal(t, `{"input_tokens": 1}`, info["trace_metadata"].(object)["mlflow.trace.tokenUsage"])
	require.Len(t, m.OK(http.MethodGet, a3+"traces/batchGet?trace_ids="+id, nil)["traces"], 1)
}

func TestManyExportersOfOneTrace(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	const each, exporters = 5, 16
	bodies := make([][]byte, exporters)
	for i := range bodies {
		for n := range each { // every exporter has a span of each trace
			spans := []*tracepb.Span{otel(n, 1+i, 0, "s", object{"llm.token_count.prompt": 1})}
			bodies[i] = append(bodies[i], export(t, nil, spans...)...) // messages behind one another are one
		}
	}
	var wg sync.WaitGroup
	for i := range bodies {
		wg.Go(func() { m.spans(bodies[i]) })
	}
	for n := range each {
		wg.Go(func() { m.trace("0", "tr-"+hex32(n), nil) })
	}
	wg.Wait()
	for n := range each {
		whole := m.OK(http.MethodGet, a3+"traces/get?trace_id=tr-"+hex32(n), nil)["trace"].(object)
		require.Len(t, whole["spans"], exporters)
		require.Equal(t, "1.500s", whole["trace_info"].(object)["execution_duration"], "what the client tells is the last word")
		var usage map[string]int
		require.NoError(t, json.Unmarshal([]byte(whole["trace_info"].(object)["trace_metadata"].(object)["mlflow.trace.tokenUsage"].(string)), &usage))
		require.Equal(t, exporters, usage["input_tokens"])
	}
}

func TestARunIsLinkedToItsTraces(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	run := m.run("0")
	m.spans(export(t, nil, otel(1, 1, 0, "s", nil), otel(2, 2, 7, "no root", nil)), "x-mlflow-run-id", run)
	m.post("traces/link-to-run", object{"run_id": run, "trace_ids": []string{"tr-later"}})
	m.trace("0", "tr-later", nil)
	m.trace("0", "tr-within", object{"trace_metadata": object{"mlflow.sourceRun": run}})
	m.trace("0", "tr-other", nil)
	require.ElementsMatch(t, []string{"tr-" + hex32(1), "tr-later", "tr-within"}, m.tracesFound("run_id = '"+run+"'"))
	require.ElementsMatch(t, []string{"tr-" + hex32(1), "tr-later", "tr-within"}, m.tracesFound("metadata.`mlflow.sourceRun` = '"+run+"'"))

	r := m.export(export(t, nil, otel(3, 1, 0, "s", nil)), "x-mlflow-run-id", "unknown")
	require.Equal(t, http.StatusOK, r.Status, "the spans are kept")
	var said collector.ExportTraceServiceResponse
	require.NoError(t, proto.Unmarshal(r.Body, &said))
	require.Contains(t, said.GetPartialSuccess().GetErrorMessage(), "unknown")
	require.Equal(t, "OK", m.traceInfo("tr-" + hex32(3))["state"])
}
