package delivery

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/slipway-ml/slipway/models"
)

// Metrics count what became of promotions.
type Metrics struct {
	promotions *prometheus.CounterVec
	deaths     *prometheus.CounterVec
}

// NewMetrics registers them.
func NewMetrics(reg prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		promotions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "slipway_delivery_promotions_total", Help: "Promotions that ended, by how; a rollback is one of its own.",
		}, []string{"model", "environment", "cause", "state"}),
		deaths: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "slipway_delivery_instance_deaths_total", Help: "Instances that ended unasked.",
		}, []string{"model", "environment"}),
	}
	for _, c := range []prometheus.Collector{m.promotions, m.deaths} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Metrics) count(list ...models.Promotion) {
	for _, p := range list {
		if p.ID != 0 && p.State.Final() {
			m.promotions.WithLabelValues(p.Model, p.Environment, string(p.Cause), string(p.State)).Inc()
		}
	}
}
