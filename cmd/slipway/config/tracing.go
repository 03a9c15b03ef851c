package config

import (
	"fmt"

	"github.com/slipway-ml/slipway/telemetry"
)

// Tracing says where OpenTelemetry's spans go. OpenTelemetry's own variables
// mean what they mean elsewhere.
type Tracing struct {
	Endpoint    string   `env:"SLIPWAY_OTLP_ENDPOINT,OTEL_EXPORTER_OTLP_ENDPOINT" help:"Receiver of OpenTelemetry spans, such as http://127.0.0.1:4318; https:// is TLS. None are made without."`
	Protocol    string   `default:"http/protobuf" enum:",http/protobuf,grpc" env:"SLIPWAY_OTLP_PROTOCOL,OTEL_EXPORTER_OTLP_PROTOCOL" help:"How spans are sent: http/protobuf (usually port 4318) or grpc (4317)."`
	Headers     []string `env:"SLIPWAY_OTLP_HEADERS,OTEL_EXPORTER_OTLP_HEADERS" help:"NAME=VALUE, sent along with spans."`
	ServiceName string   `env:"SLIPWAY_OTLP_SERVICE_NAME,OTEL_SERVICE_NAME" help:"Name of the service in its spans (default: service.name of OTEL_RESOURCE_ATTRIBUTES, else slipway)."`
	Sampler     string   `default:"parentbased_traceidratio" enum:",always_on,always_off,traceidratio,parentbased_always_on,parentbased_always_off,parentbased_traceidratio" env:"SLIPWAY_OTLP_SAMPLER,OTEL_TRACES_SAMPLER" help:"Which traces are kept: always_on, always_off or traceidratio; with parentbased_ before it a caller's own trace goes on as the caller says."`
	Sample      float64  `default:"1" env:"SLIPWAY_OTLP_SAMPLE,OTEL_TRACES_SAMPLER_ARG" help:"Share of the traces begun here that traceidratio keeps, 0 to 1."`
}

func (t Tracing) problems() []error {
	if t.Sample < 0 || t.Sample > 1 {
		return []error{fmt.Errorf("--otlp-sample %g: use 0 to 1", t.Sample)}
	}
	return nil
}

// Options are what package telemetry needs.
func (t Tracing) Options(version, instance string) telemetry.Config {
	return telemetry.Config{
		Endpoint: t.Endpoint, Protocol: t.Protocol, Headers: t.Headers, Service: t.ServiceName,
		Sampler: t.Sampler, Sample: t.Sample, Version: version, Instance: instance,
	}
}
