package telemetry

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/slipway-ml/slipway/models"
)

// Config says where spans go.
type Config struct {
	Endpoint string   // of an OTLP receiver over HTTP: http://collector:4318
	Headers  []string // NAME=VALUE, sent with each export
	Sample   float64  // the share of traces begun here that is kept, 0 to 1
	Version  string   // of this program
	Instance string   // of this process
}

// Telemetry makes spans. A nil one is off: its wrappers give what they got.
type Telemetry struct {
	provider  *sdktrace.TracerProvider
	tracer    trace.Tracer
	propagate propagation.TextMapPropagator
}

// New opens an exporter; nil where there is no endpoint. Nothing is sent until
// spans end, and a receiver that is away keeps nobody waiting.
func New(ctx context.Context, cfg Config) (*Telemetry, error) {
	if cfg.Endpoint == "" {
		return nil, nil //nolint:nilnil // off is no error
	}
	options, err := exporter(cfg)
	if err != nil {
		return nil, err
	}
	out, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("open the exporter of spans: %w", err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(out),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(cfg.Sample))),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "slipway"), attribute.String("service.version", cfg.Version),
			attribute.String("service.instance.id", cfg.Instance),
		)),
	)
	return &Telemetry{provider: provider, tracer: provider.Tracer("github.com/slipway-ml/slipway"), propagate: propagation.TraceContext{}}, nil
}

// exporter reads the settings; an endpoint without a path gets /v1/traces, as
// OpenTelemetry's own variable has it.
func exporter(cfg Config) ([]otlptracehttp.Option, error) {
	u, err := url.Parse(cfg.Endpoint)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("--otlp-endpoint %q: use the address of an OTLP receiver over HTTP, such as http://127.0.0.1:4318", cfg.Endpoint)
	}
	if !strings.HasSuffix(u.Path, "/v1/traces") {
		u.Path = strings.TrimSuffix(u.Path, "/") + "/v1/traces"
	}
	headers := map[string]string{}
	for _, h := range cfg.Headers {
		name, value, ok := strings.Cut(h, "=")
		if !ok {
			return nil, fmt.Errorf("--otlp-headers: %q is not NAME=VALUE", name)
		}
		if plain, err := url.QueryUnescape(value); err == nil {
			value = plain
		}
		headers[strings.TrimSpace(name)] = value
	}
	return []otlptracehttp.Option{otlptracehttp.WithEndpointURL(u.String()), otlptracehttp.WithHeaders(headers)}, nil
}

// Close sends what is left, for as long as ctx lasts.
func (t *Telemetry) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// within begins a span below what ctx carries.
func (t *Telemetry) within(ctx context.Context, name string) (context.Context, trace.Span) {
	return t.tracer.Start(ctx, name) //nolint:spancheck // its caller ends it
}

// end ends a span. What a caller asked wrongly is no failure of what was asked.
func end(span trace.Span, err error) {
	if err != nil {
		kind := models.KindOf(err)
		span.SetAttributes(attribute.String("slipway.error", string(kind)))
		if kind == models.KindInternal || kind == models.KindUnavailable {
			span.SetStatus(codes.Error, string(kind))
		}
	}
	span.End()
}

// Names is TraceID, or nil where it is off.
func (t *Telemetry) Names() func(context.Context) string {
	if t == nil {
		return nil
	}
	return TraceID
}

// TraceID gives the id of the trace that ctx is part of and that is kept; ""
// where there is none.
func TraceID(ctx context.Context) string {
	if c := trace.SpanContextFromContext(ctx); c.IsValid() && c.IsSampled() {
		return c.TraceID().String()
	}
	return ""
}
