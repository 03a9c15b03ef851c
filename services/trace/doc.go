// Package trace keeps what programs tell of their requests: traces, their
// spans and the assessments of them. It takes them from MLflow's clients and
// from any OpenTelemetry exporter, and judges nothing.
package trace
