package webhook

import "github.com/prometheus/client_golang/prometheus"

// Metrics count and time deliveries.
type Metrics struct {
	deliveries *prometheus.CounterVec // by outcome: delivered, retried, given_up
	duration   prometheus.Histogram
}

// NewMetrics registers them.
func NewMetrics(reg prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "slipway_webhook_deliveries_total", Help: "Attempts to deliver a webhook's message, by how they ended: delivered, retried or given_up.",
		}, []string{"outcome"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "slipway_webhook_request_duration_seconds", Help: "Time until a webhook's address had answered, or had not.",
			Buckets: []float64{.01, .05, .1, .5, 1, 5, 10, 30, 60},
		}),
	}
	for _, outcome := range []string{delivered, retried, givenUp} {
		m.deliveries.WithLabelValues(outcome) // a rate sees the first one, too
	}
	for _, c := range []prometheus.Collector{m.deliveries, m.duration} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// How an attempt ends.
const (
	delivered = "delivered"
	retried   = "retried"
	givenUp   = "given_up"
)
