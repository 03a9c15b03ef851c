package serving

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what a release is watched by. The routes are few and known.
type metrics struct {
	requests *prometheus.CounterVec
	errors   *prometheus.CounterVec
	latency  *prometheus.HistogramVec
	inFlight *prometheus.GaugeVec
	runs     prometheus.Histogram
	failures prometheus.Counter
}

func newMetrics(registry prometheus.Registerer, name, version string) *metrics {
	buckets := []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "slipway_serve_requests_total", Help: "Requests answered, by route and status.",
		}, []string{"route", "status"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "slipway_serve_errors_total", Help: "Requests that failed through the model or this program (5xx), by route and code.",
		}, []string{"route", "code"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "slipway_serve_request_duration_seconds", Help: "Time from a request's headers to its answer.",
			Buckets: buckets, NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100,
			NativeHistogramMinResetDuration: time.Hour,
		}, []string{"route"}),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "slipway_serve_requests_in_flight", Help: "Requests being answered.",
		}, []string{"route"}),
		runs: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "slipway_serve_inference_duration_seconds", Help: "Time the model itself took.",
			Buckets: buckets, NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100,
			NativeHistogramMinResetDuration: time.Hour,
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "slipway_serve_model_failures_total", Help: "Runs of the model that failed or ran out of time.",
		}),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "slipway_serve_model_info", Help: "The model that is served; always 1.",
		ConstLabels: prometheus.Labels{"model": name, "version": version},
	})
	info.Set(1)
	registry.MustRegister(m.requests, m.errors, m.latency, m.inFlight, m.runs, m.failures, info)
	return m
}
