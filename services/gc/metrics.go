package gc

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/slipway-ml/slipway/models"
)

// Metrics count what collections that ended here removed.
type Metrics struct {
	collections *prometheus.CounterVec
	removed     *prometheus.CounterVec
	bytes       prometheus.Counter
}

// NewMetrics registers them.
func NewMetrics(reg prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		collections: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "slipway_gc_collections_total", Help: "Collections of garbage that ended, by their last state; a dry run is none.",
		}, []string{"state"}),
		removed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "slipway_gc_removed_total", Help: "What collections removed, by kind.",
		}, []string{"kind"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "slipway_gc_removed_bytes_total", Help: "Bytes that collections removed from the artifact store.",
		}),
	}
	for _, c := range []prometheus.Collector{m.collections, m.removed, m.bytes} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// count adds a collection that has ended.
func (m *Metrics) count(g models.GC) {
	if g.DryRun {
		return
	}
	m.collections.WithLabelValues(string(g.State)).Inc()
	for kind, t := range g.Report.Totals {
		m.removed.WithLabelValues(string(kind)).Add(float64(t.Count))
		m.bytes.Add(float64(t.Bytes))
	}
}
