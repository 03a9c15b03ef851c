package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/slipway-ml/slipway/services/job"
)

// Jobs makes a span of each run of a job.
func (t *Telemetry) Jobs(workers []job.Worker) []job.Worker {
	if t == nil {
		return workers
	}
	traced := make([]job.Worker, len(workers))
	for i, w := range workers {
		traced[i] = worker{w, t}
	}
	return traced
}

type worker struct {
	inner job.Worker
	t     *Telemetry
}

// Kind implements job.Worker.
func (w worker) Kind() string { return w.inner.Kind() }

// Timeout implements job.Worker.
func (w worker) Timeout() time.Duration { return w.inner.Timeout() }

// Wait implements job.Patient.
func (w worker) Wait(j job.Job) time.Duration {
	if patient, ok := w.inner.(job.Patient); ok {
		return patient.Wait(j)
	}
	return 0
}

// Work implements job.Worker. Waiting for later is no failure.
func (w worker) Work(ctx context.Context, j job.Job) error {
	ctx, span := w.t.tracer.Start(ctx, "job "+j.Kind, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
		attribute.Int64("slipway.job", j.ID), attribute.Int("slipway.attempt", j.Attempt)))
	err := w.inner.Work(ctx, j)
	if job.IsLater(err) {
		span.SetAttributes(attribute.Bool("slipway.later", true))
		span.End()
		return err
	}
	end(span, err)
	return err
}
