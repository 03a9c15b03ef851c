package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/slipway-ml/slipway/models"
)

// Config says where spans go.
type Config struct {
	Endpoint string   // of an OTLP receiver: http://collector:4318
	Protocol string   // "grpc", or over HTTP
	Headers  []string // NAME=VALUE, sent with each export
	Service  string   // its name; "" is what OTEL_RESOURCE_ATTRIBUTES says, else slipway
	Sampler  string   // as OTEL_TRACES_SAMPLER; "" is parentbased_traceidratio
	Sample   float64  // the share that traceidratio keeps, 0 to 1
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
	out, err := exporter(ctx, cfg)
	if err != nil {
		return nil, err
	}
	sampler, err := cfg.sampler()
	if err != nil {
		return nil, err
	}
	about, err := cfg.resource(ctx)
	if err != nil {
		return nil, err
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(out), sdktrace.WithSampler(sampler), sdktrace.WithResource(about))
	return &Telemetry{provider: provider, tracer: provider.Tracer("github.com/slipway-ml/slipway"), propagate: propagation.TraceContext{}}, nil
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
