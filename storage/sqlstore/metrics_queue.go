package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/slipway-ml/slipway/models"
)

// scrapeTime bounds what a scrape asks of the database, well below the time
// that Prometheus gives to a scrape.
const scrapeTime = 2 * time.Second

var (
	upDesc      = prometheus.NewDesc("slipway_db_up", "1 where the database answers, else 0.", nil, nil)
	jobsDesc    = prometheus.NewDesc("slipway_jobs", "Unfinished jobs of all servers on the database: queued (due, or due within seconds), running, retrying (failed, due later) or later (due later).", []string{"queue", "kind", "state"}, nil)
	ageDesc     = prometheus.NewDesc("slipway_job_queue_age_seconds", "Time for which the oldest job that is due has waited for a worker; 0 where none waits.", []string{"queue"}, nil)
	workersDesc = prometheus.NewDesc("slipway_job_workers", "Servers on the database that work jobs.", nil, nil)
)

// jobStates are River's states and ours.
var jobStates = map[string]string{"available": "queued", "running": "running", "retryable": "retrying", "scheduled": "later"}

// queueGauges asks the database at each scrape for what all servers on it
// share: whether it answers, and what its jobs are doing.
type queueGauges struct{ *DB }

// Describe implements prometheus.Collector.
func (queueGauges) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{upDesc, jobsDesc, ageDesc, workersDesc} {
		out <- d
	}
}

// Collect implements prometheus.Collector. Of a database that is away only that
// is told.
func (q queueGauges) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	found, err := q.jobs(ctx)
	workers := 0
	if err == nil {
		const living = "SELECT count(*) FROM worker WHERE expires_us > {now}"
		err = q.queue.QueryRowContext(ctx, q.sql(living, living)).Scan(&workers)
	}
	if err != nil {
		q.log.WarnContext(ctx, "the database did not answer a scrape", "error", err)
		out <- prometheus.MustNewConstMetric(upDesc, prometheus.GaugeValue, 0)
		return
	}
	out <- prometheus.MustNewConstMetric(upDesc, prometheus.GaugeValue, 1)
	out <- prometheus.MustNewConstMetric(workersDesc, prometheus.GaugeValue, float64(workers))
	age := map[string]float64{}
	for _, j := range found {
		out <- prometheus.MustNewConstMetric(jobsDesc, prometheus.GaugeValue, float64(j.count), j.queue, j.kind, jobStates[j.state])
		if j.state != "running" {
			age[j.queue] = max(age[j.queue], j.age)
		}
	}
	for _, queue := range models.Queues {
		out <- prometheus.MustNewConstMetric(ageDesc, prometheus.GaugeValue, age[queue], queue)
	}
}

type jobCount struct {
	queue, kind, state string
	count              int64
	age                float64 // since the first of them was due; negative where it will be
}

func (q queueGauges) jobs(ctx context.Context) (found []jobCount, err error) {
	rows, err := q.queue.QueryContext(ctx, q.sql(
		`SELECT queue, kind, state, count(*), (julianday('now', 'subsec') - julianday(min(scheduled_at))) * 86400.0 FROM river_job
			WHERE state IN ('available', 'running', 'retryable', 'scheduled') GROUP BY queue, kind, state`,
		`SELECT queue, kind, state::text, count(*), extract(epoch FROM clock_timestamp() - min(scheduled_at))::float8 FROM river_job
			WHERE state IN ('available', 'running', 'retryable', 'scheduled') GROUP BY queue, kind, state`))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var j jobCount
		var age sql.NullFloat64
		if err := rows.Scan(&j.queue, &j.kind, &j.state, &j.count, &age); err != nil {
			return nil, err
		}
		j.age = age.Float64
		found = append(found, j)
	}
	return found, rows.Err()
}
