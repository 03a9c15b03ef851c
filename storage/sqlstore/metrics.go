package sqlstore

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"gorm.io/gorm"

	"github.com/slipway-ml/slipway/models"
)

// gauges time transactions and show the pools. On SQLite a write's time
// includes its wait for the writer and for the commit it shares.
type gauges struct {
	duration *prometheus.HistogramVec
}

func newGauges() *gauges {
	return &gauges{prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "slipway_db_transaction_duration_seconds", Help: "Time of one transaction, by what it is for and how it ended.",
		Buckets: []float64{.0002, .0005, .001, .002, .005, .01, .025, .05, .1, .5, 2, 10},
	}, []string{"access", "outcome"})}
}

// Measure shows the database's figures at reg.
func (db *DB) Measure(reg prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{db.gauges.duration, db.watch.duration, db.watch.slowly, queueGauges{db}} {
		if err := reg.Register(c); err != nil {
			return err
		}
	}
	if db.dialect == "postgres" { // one pool for all
		return reg.Register(collectors.NewDBStatsCollector(db.queue, "postgres"))
	}
	pools := map[string]*gorm.DB{"write": db.write, "read": db.read}
	for name, g := range pools {
		pool, err := g.DB()
		if err != nil {
			return err
		}
		if err := reg.Register(collectors.NewDBStatsCollector(pool, name)); err != nil {
			return err
		}
	}
	return reg.Register(collectors.NewDBStatsCollector(db.queue, "queue"))
}

// observe counts a transaction. A refusal that a service decided is no failure
// of the database.
func (g *gauges) observe(access string, began time.Time, err error) {
	outcome := "ok"
	switch kind := models.KindOf(err); {
	case err == nil:
	case kind == models.KindInternal || kind == models.KindUnavailable:
		outcome = "error"
	default:
		outcome = "refused"
	}
	g.duration.WithLabelValues(access, outcome).Observe(time.Since(began).Seconds())
}
