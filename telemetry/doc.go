// Package telemetry sends OpenTelemetry spans: of requests by route template,
// of database transactions, of operations of the artifact store, of jobs, and
// of what the gateway asks of an instance. It wraps what others do from
// outside: no business function mentions a span, and without an endpoint
// nothing is wrapped, so that it costs nothing.
package telemetry
