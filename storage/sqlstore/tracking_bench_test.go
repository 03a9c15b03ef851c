package sqlstore

import (
	"context"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
)

// seedRuns makes runs of ten metrics, three params and two tags in one
// experiment, by set statements: what is measured is reading them.
func seedRuns(b *testing.B, runs int) (*DB, int64) {
	b.Helper()
	return seedRunsIn(b, "sqlite:///"+filepath.Join(b.TempDir(), "bench.db"), runs)
}

func seedRunsIn(b *testing.B, uri string, runs int) (*DB, int64) {
	b.Helper()
	db, err := Open(context.Background(), uri, Options{})
	require.NoError(b, err)
	b.Cleanup(func() { _ = db.Close() })
	var experiment int64
	require.NoError(b, db.InTx(b.Context(), func(s storage.Tx) error {
		var err error
		if experiment, err = s.Experiments().Create(models.Experiment{Name: "bench", ArtifactLocation: "mlflow-artifacts:/b"}); err != nil {
			return err
		}
		t := s.(*tx)
		ids, err := t.keyIDs(benchKeys())
		if err != nil {
			return err
		}
		hex := "printf('%032x', value)"
		if t.dialect == "postgres" {
			hex = "lpad(to_hex(value), 32, '0')"
		}
		statements := []string{fmt.Sprintf(`INSERT INTO run (uuid, experiment_id, name, user_name, status, start_ms)
			SELECT %s, %d, 'run', 'u', 'FINISHED', value FROM %s`, hex, experiment, t.series(runs))}
		for i := range 10 {
			statements = append(statements, fmt.Sprintf(`INSERT INTO latest_metric (run_id, key_id, step, timestamp_ms, value, is_nan)
				SELECT id, %d, 1, 1, (id * %d %% 1009) / 1009.0, 0 FROM run`, ids[fmt.Sprintf("m%d", i)], 7919+i))
		}
		for i, values := range []int{20, 20, 100} {
			statements = append(statements, fmt.Sprintf("INSERT INTO run_param (run_id, key_id, value) SELECT id, %d, CAST(id %% %d AS TEXT) FROM run", ids[fmt.Sprintf("p%d", i)], values))
		}
		for i := range 2 {
			statements = append(statements, fmt.Sprintf("INSERT INTO run_tag (run_id, key_id, value) SELECT id, %d, CAST(id %% 7 AS TEXT) FROM run", ids[fmt.Sprintf("t%d", i)]))
		}
		for _, statement := range statements {
			if err := t.db.Exec(statement).Error; err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	}))
	return db, experiment
}

func benchKeys() []string {
	var names []string
	for _, kind := range []string{"m", "p", "t"} {
		for i := range 10 {
			names = append(names, fmt.Sprintf("%s%d", kind, i))
		}
	}
	return names
}

// series is a table of the values 1 to n.
func (t *tx) series(n int) string {
	if t.dialect == "postgres" {
		return fmt.Sprintf("generate_series(1, %d) AS value", n)
	}
	return fmt.Sprintf("(WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < %d) SELECT value FROM n)", n)
}

// BenchmarkSearchRuns holds the first page of a filtered search of 100,000 runs
// against that of 2,000: it may take five times as long, where the param keeps
// one in a hundred.
func BenchmarkSearchRuns(b *testing.B) {
	for _, database := range []string{"sqlite", "postgres"} {
		for _, runs := range []int{2_000, 10_000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", database, runs), func(b *testing.B) {
				uri := "sqlite:///" + filepath.Join(b.TempDir(), "bench.db")
				if database == "postgres" {
					uri = postgres.Database(b)
				}
				db, experiment := seedRunsIn(b, uri, runs)
				for _, q := range []struct{ name, param, value string }{{"param keeps 25 %", "p0", "3"}, {"param keeps 5 %", "p1", "3"}, {"param keeps 1 %", "p2", "3"}} {
					b.Run(q.name, func(b *testing.B) {
						search := models.Search{
							ExperimentIDs: []int64{experiment}, Limit: 100, Order: []models.Order{{Entity: models.EntityMetric, Key: "m2", Desc: true}},
							Filter: []models.Condition{
								{Entity: models.EntityMetric, Key: "m1", Op: models.OpGreater, Number: 0.5, Numeric: true},
								{Entity: models.EntityParam, Key: q.param, Op: models.OpEqual, Text: q.value},
							},
						}
						begin := processorTime(b)
						defer func() { b.ReportMetric(float64(processorTime(b)-begin)/1e6/float64(b.N), "cpu-ms/op") }()
						for b.Loop() {
							require.NoError(b, db.View(b.Context(), func(tx storage.Tx) error {
								_, _, err := tx.Runs().Search(search)
								return err
							}))
						}
					})
				}
			})
		}
	}
}

func BenchmarkSearchOf100000Runs(b *testing.B) {
	db, experiment := seedRuns(b, 100_000)
	metric := func(key string, op models.Op, n float64) models.Condition {
		return models.Condition{Entity: models.EntityMetric, Key: key, Op: op, Number: n, Numeric: true}
	}
	for name, q := range map[string]models.Search{
		"newest":          {},
		"metric":          {Filter: []models.Condition{metric("m1", models.OpGreater, 0.5)}},
		"rare metric":     {Filter: []models.Condition{metric("m1", models.OpGreater, 0.998)}},
		"metric by param": {Filter: []models.Condition{metric("m1", models.OpGreater, 0.5), {Entity: models.EntityParam, Key: "p1", Op: models.OpEqual, Text: "3"}}, Order: []models.Order{{Entity: models.EntityMetric, Key: "m2", Desc: true}}},
		"order by metric": {Order: []models.Order{{Entity: models.EntityMetric, Key: "m2", Desc: true}}},
		"page 900":        {Offset: 90_000},
	} {
		b.Run(name, func(b *testing.B) {
			q.ExperimentIDs, q.Limit = []int64{experiment}, 101
			begin := processorTime(b)
			defer func() { b.ReportMetric(float64(processorTime(b)-begin)/1e6/float64(b.N), "cpu-ms/op") }()
			for b.Loop() {
				require.NoError(b, db.View(b.Context(), func(tx storage.Tx) error {
					found, _, err := tx.Runs().Search(q)
					require.NotEmpty(b, found)
					return err
				}))
			}
		})
	}
}

// processorTime is what this process took so far: it says more than the clock
// on a machine that others use too.
func processorTime(b *testing.B) int64 {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return u.Utime.Nano() + u.Stime.Nano()
}

func BenchmarkLogBatch(b *testing.B) {
	db, _ := seedRuns(b, 1)
	var run models.Run
	require.NoError(b, db.View(b.Context(), func(tx storage.Tx) (err error) {
		run, err = tx.Runs().Find(fmt.Sprintf("%032x", 1))
		return err
	}))
	for _, n := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			points := make([]models.Metric, n)
			begin := processorTime(b)
			defer func() { b.ReportMetric(float64(processorTime(b)-begin)/1e6/float64(b.N), "cpu-ms/op") }()
			step := int64(0)
			for b.Loop() {
				step++
				for i := range points {
					points[i] = models.Metric{Key: fmt.Sprintf("k%d", i), Value: float64(i) / 7, TimestampMS: step, Step: step}
				}
				require.NoError(b, db.InTx(b.Context(), func(tx storage.Tx) error { return tx.Metrics().Log(run, points) }))
			}
		})
	}
}

func BenchmarkGetRun(b *testing.B) {
	db, _ := seedRuns(b, 1000)
	begin := processorTime(b)
	defer func() { b.ReportMetric(float64(processorTime(b)-begin)/1e6/float64(b.N), "cpu-ms/op") }()
	for b.Loop() {
		require.NoError(b, db.View(b.Context(), func(tx storage.Tx) error {
			_, err := tx.Runs().Load(fmt.Sprintf("%032x", 500))
			return err
		}))
	}
}

func BenchmarkHistory(b *testing.B) {
	for _, database := range []string{"sqlite", "postgres"} {
		b.Run(database, func(b *testing.B) {
			uri := "sqlite:///" + filepath.Join(b.TempDir(), "bench.db")
			if database == "postgres" {
				uri = postgres.Database(b)
			}
			db, _ := seedRunsIn(b, uri, 1)
			var run models.Run
			require.NoError(b, db.InTx(b.Context(), func(tx storage.Tx) (err error) {
				if run, err = tx.Runs().Find(fmt.Sprintf("%032x", 1)); err != nil {
					return err
				}
				points := make([]models.Metric, 25_000)
				for i := range points {
					points[i] = models.Metric{Key: "long", Value: float64(i) / 7, TimestampMS: int64(i), Step: int64(i)}
				}
				return tx.Metrics().Log(run, points)
			}))
			begin := processorTime(b)
			defer func() { b.ReportMetric(float64(processorTime(b)-begin)/1e6/float64(b.N), "cpu-ms/op") }()
			for b.Loop() {
				require.NoError(b, db.View(b.Context(), func(tx storage.Tx) error {
					list, err := tx.Metrics().History(run.Key, models.HistoryQuery{Key: "long", Limit: 25_000})
					require.Len(b, list, 25_000)
					return err
				}))
			}
		})
	}
}
