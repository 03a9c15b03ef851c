package telemetry

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Requests is the middleware that makes a span of each request, named by its
// method and route template; it goes on a caller's trace. nil where it is off.
func (t *Telemetry) Requests() gin.HandlerFunc {
	if t == nil {
		return nil
	}
	return func(c *gin.Context) {
		route := c.FullPath()
		if route == "/health" || route == "/metrics" {
			return // probes would drown the rest
		}
		if route == "" {
			route = "none"
		}
		ctx := t.propagate.Extract(c.Request.Context(), propagation.HeaderCarrier(c.Request.Header))
		ctx, span := t.tracer.Start(ctx, c.Request.Method+" "+route, trace.WithSpanKind(trace.SpanKindServer),
			trace.WithAttributes(attribute.String("http.request.method", c.Request.Method), attribute.String("http.route", route)))
		defer span.End()
		c.Request = c.Request.WithContext(ctx)
		c.Next()
		status := c.Writer.Status()
		span.SetAttributes(attribute.Int("http.response.status_code", status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, http.StatusText(status))
		}
	}
}

// Transport makes a span of each request that is sent on, and tells its
// receiver the trace.
func (t *Telemetry) Transport(inner http.RoundTripper) http.RoundTripper {
	if t == nil {
		return inner
	}
	return transport{t, inner}
}

type transport struct {
	*Telemetry
	inner http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, span := t.tracer.Start(r.Context(), "instance "+r.Method, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("http.request.method", r.Method), attribute.String("server.address", r.URL.Host)))
	defer span.End()
	out := r.WithContext(ctx)
	out.Header = r.Header.Clone()
	t.propagate.Inject(ctx, propagation.HeaderCarrier(out.Header))
	resp, err := t.inner.RoundTrip(out)
	if err != nil {
		span.SetStatus(codes.Error, "no answer")
		return nil, err
	}
	span.SetAttributes(attribute.Int("http.response.status_code", resp.StatusCode))
	if resp.StatusCode >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, resp.Status)
	}
	return resp, nil
}
