package api_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/tests/world"
)

// receiver is an OTLP receiver over HTTP, or over gRPC.
type receiver struct {
	*httptest.Server
	collector.UnimplementedTraceServiceServer
	mu       sync.Mutex
	spans    []*trace.Span
	services map[string]bool
}

func receive(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		var export collector.ExportTraceServiceRequest
		if err != nil || req.URL.Path != "/v1/traces" || req.Header.Get("X-Team") != "a b" || proto.Unmarshal(body, &export) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.keep(&export)
	}))
	t.Cleanup(r.Close)
	return r
}

// receiveGRPC is receive over gRPC.
func receiveGRPC(t *testing.T) (r *receiver, endpoint string) {
	t.Helper()
	r = &receiver{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	collector.RegisterTraceServiceServer(server, r)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return r, "http://" + listener.Addr().String()
}

// Export implements collector.TraceServiceServer.
func (r *receiver) Export(ctx context.Context, export *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	if m, _ := metadata.FromIncomingContext(ctx); !slices.Equal(m.Get("x-team"), []string{"a b"}) {
		return nil, status.Error(codes.Unauthenticated, "who are you?")
	}
	r.keep(export)
	return &collector.ExportTraceServiceResponse{}, nil
}

func (r *receiver) keep(export *collector.ExportTraceServiceRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, resource := range export.GetResourceSpans() {
		for _, a := range resource.GetResource().GetAttributes() {
			if a.GetKey() == "service.name" {
				if r.services == nil {
					r.services = map[string]bool{}
				}
				r.services[a.GetValue().GetStringValue()] = true
			}
		}
		for _, scope := range resource.GetScopeSpans() {
			r.spans = append(r.spans, scope.GetSpans()...)
		}
	}
}

// of gives the spans of a trace by name.
func (r *receiver) of(id string) map[string]*trace.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := map[string]*trace.Span{}
	for _, s := range r.spans {
		if hexOf(s.GetTraceId()) == id {
			found[s.GetName()] = s
		}
	}
	return found
}

// named gives a span of that name in any trace.
func (r *receiver) named(name string) *trace.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.spans {
		if s.GetName() == name {
			return s
		}
	}
	return nil
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var text strings.Builder
	for _, c := range b {
		text.WriteByte(digits[c>>4])
		text.WriteByte(digits[c&15])
	}
	return text.String()
}

func TestSpansAreSent(t *testing.T) {
	t.Parallel()
	r := receive(t)
	w := world.Start(t, func(c *config.Config) {
		c.Tracing.Endpoint, c.Tracing.Headers, c.Tracing.Sample = r.URL, []string{"X-Team=a%20b"}, 1
	})
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	put := w.Do(http.MethodPut, proxy+"/a/b", []byte("x"), "traceparent", "00-"+id+"-00f067aa0ba902b7-01")
	require.Equal(t, http.StatusOK, put.Status)
	collect(w, object{"dry_run": true})
	w.Do(http.MethodGet, "/no/such/path", nil)

	metrics := string(w.Do(http.MethodGet, "/metrics", nil, "Accept", "application/openmetrics-text").Body)
	require.Contains(t, metrics, `# {trace_id="`+id+`"}`, "a latency names a trace")
	w.Stop()

	const request = "PUT /api/2.0/mlflow-artifacts/artifacts/*path"
	spans := r.of(id)
	require.Contains(t, spans, request)
	require.Equal(t, "00f067aa0ba902b7", hexOf(spans[request].GetParentSpanId()), "it goes on the caller's trace")
	for _, name := range []string{"store put", "database write"} {
		require.Contains(t, spans, name)
		require.Equal(t, spans[request].GetSpanId(), spans[name].GetParentSpanId(), name)
	}
	require.NotNil(t, r.named("job gc"))
	require.NotNil(t, r.named("GET none"), "an unknown path is no name of its own")
	require.Nil(t, r.named("GET /metrics"))
}

func TestTheTraceReachesTheInstance(t *testing.T) {
	t.Parallel()
	needServe(t)
	r := receive(t)
	w := world.Start(t, func(c *config.Config) {
		c.Tracing.Endpoint, c.Tracing.Headers, c.Tracing.Sample = r.URL, []string{"X-Team=a%20b"}, 1
	})
	w.OK(http.MethodPut, "/api/v1/models/shapes/pipeline", deliver, "Content-Type", "application/yaml")
	staged(t, w, "v1")
	const id = "0af7651916cd43dd8448eb211c80319c"
	w.Do(http.MethodGet, "/serve/shapes/staging/health", nil, "traceparent", "00-"+id+"-b7ad6b7169203331-01")
	require.Eventually(t, func() bool { return len(r.of(id)) == 2 }, 30*time.Second, 100*time.Millisecond)
	spans := r.of(id)
	require.Contains(t, spans, "GET /serve/*path")
	require.Equal(t, spans["GET /serve/*path"].GetSpanId(), spans["instance GET"].GetParentSpanId())
}

func TestAReceiverThatIsAwayKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	w := world.Start(t, func(c *config.Config) { c.Tracing.Endpoint, c.Tracing.Sample = away.URL, 1 })
	began := time.Now()
	for range 20 {
		run(w)
	}
	require.Less(t, time.Since(began), 10*time.Second)
}

// OpenTelemetry's own variables are enough, gRPC works as HTTP does, a caller's
// trace is kept or left as the caller says, and every line of the log that a
// request leaves tells its trace.
func TestSpansOverGRPCByOpenTelemetrysVariables(t *testing.T) {
	t.Parallel()
	r, endpoint := receiveGRPC(t)
	w := world.StartProcessWith(t, t.TempDir(), []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_HEADERS=X-Team=a%20b",
		"OTEL_SERVICE_NAME=deliveries", "OTEL_TRACES_SAMPLER=parentbased_always_off", "OTEL_BSP_SCHEDULE_DELAY=100",
	}, "--db-slow", "1ns", "--log-level", "debug")
	const kept, left = "4bf92f3577b34da6a3ce929d0e0e4736", "0af7651916cd43dd8448eb211c80319c"
	for id, flags := range map[string]string{kept: "01", left: "00"} {
		w.Do(http.MethodPost, "/api/2.0/mlflow/experiments/create", object{"name": "e" + flags}, "traceparent", "00-"+id+"-00f067aa0ba902b7-"+flags)
	}
	w.Do(http.MethodPost, "/api/2.0/mlflow/experiments/create", object{"name": "begun here"})
	require.Eventually(t, func() bool { return r.named("POST /api/2.0/mlflow/experiments/create") != nil }, 30*time.Second, 50*time.Millisecond)
	w.Term()
	require.Contains(t, r.of(kept), "database write")
	r.mu.Lock()
	for _, s := range r.spans {
		require.Equal(t, kept, hexOf(s.GetTraceId()), "%s is in no trace that is kept", s.GetName())
	}
	require.Equal(t, map[string]bool{"deliveries": true}, r.services)
	r.mu.Unlock()

	traced := map[string]int{}
	for _, line := range w.Logged() {
		var l struct {
			Statement string `json:"statement"`
			TraceID   string `json:"trace_id"`
			SpanID    string `json:"span_id"`
		}
		if json.Unmarshal([]byte(line), &l) == nil && strings.Contains(l.Statement, "INSERT INTO `experiment`") || strings.Contains(l.Statement, `INSERT INTO "experiment"`) {
			require.Len(t, l.SpanID, 16, line)
			traced[l.TraceID]++
		}
	}
	require.Positive(t, traced[kept])
	require.Positive(t, traced[left])
	require.Len(t, traced, 3, "one of them begun here")
}
