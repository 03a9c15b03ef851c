package telemetry

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// exporter reads the settings and opens an exporter, which connects when it has
// something to send. An endpoint over HTTP without a path gets /v1/traces, as
// OpenTelemetry's own variable has it.
func exporter(ctx context.Context, cfg Config) (out sdktrace.SpanExporter, err error) {
	u, err := url.Parse(cfg.Endpoint)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("--otlp-endpoint %q: use the address of an OTLP receiver, such as http://127.0.0.1:4318, or with --otlp-protocol grpc http://127.0.0.1:4317", cfg.Endpoint)
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
	if cfg.Protocol == "grpc" {
		for name, value := range headers { // gRPC takes small letters only
			delete(headers, name)
			headers[strings.ToLower(name)] = value
		}
		out, err = otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(u.String()), otlptracegrpc.WithHeaders(headers))
	} else {
		if !strings.HasSuffix(u.Path, "/v1/traces") {
			u.Path = strings.TrimSuffix(u.Path, "/") + "/v1/traces"
		}
		out, err = otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(u.String()), otlptracehttp.WithHeaders(headers))
	}
	if err != nil {
		return nil, fmt.Errorf("open the exporter of spans: %w", err)
	}
	return out, nil
}

// sampler decides which traces are kept.
func (c Config) sampler() (sdktrace.Sampler, error) {
	name, byParent := strings.CutPrefix(c.Sampler, "parentbased_")
	var own sdktrace.Sampler
	switch name {
	case "always_on":
		own = sdktrace.AlwaysSample()
	case "always_off":
		own = sdktrace.NeverSample()
	case "traceidratio":
		own = sdktrace.TraceIDRatioBased(c.Sample)
	case "":
		own, byParent = sdktrace.TraceIDRatioBased(c.Sample), true
	default:
		return nil, fmt.Errorf("--otlp-sampler %q: use always_on, always_off or traceidratio, or one of them after parentbased_", c.Sampler)
	}
	if byParent {
		return sdktrace.ParentBased(own), nil
	}
	return own, nil
}

// resource says what makes the spans; OTEL_RESOURCE_ATTRIBUTES may add to it.
func (c Config) resource(ctx context.Context) (*resource.Resource, error) {
	options := []resource.Option{
		resource.WithTelemetrySDK(),
		resource.WithAttributes(
			attribute.String("service.name", "slipway"), attribute.String("service.version", c.Version),
			attribute.String("service.instance.id", c.Instance),
		),
		resource.WithFromEnv(),
	}
	if c.Service != "" {
		options = append(options, resource.WithAttributes(attribute.String("service.name", c.Service)))
	}
	r, err := resource.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	return r, nil
}
