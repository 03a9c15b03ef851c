package sqlstore

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
)

// TestSearchAtScale makes what the design promises to hold and prints how long
// searches of it take: a hundred runs in each experiment, ten times as many
// runs as versions. SLIPWAY_TEST_SCALE is the number of runs, 1000000 there.
func TestSearchAtScale(t *testing.T) {
	runs, _ := strconv.Atoi(os.Getenv("SLIPWAY_TEST_SCALE"))
	if runs == 0 {
		t.Skip("set SLIPWAY_TEST_SCALE to a number of runs, such as 1000000")
	}
	for _, database := range []string{"sqlite", "postgres"} {
		t.Run(database, func(t *testing.T) {
			uri := "sqlite:///" + filepath.Join(t.TempDir(), "scale.db")
			if database == "postgres" {
				uri = postgres.Database(t)
			}
			db, err := Open(context.Background(), uri, Options{})
			require.NoError(t, err)
			t.Cleanup(func() { _ = db.Close() })
			began := time.Now()
			scaled(t, db, runs)
			t.Logf("made in %s", time.Since(began).Round(time.Second))
			measureScale(t, db, runs)
		})
	}
}

func scaled(t *testing.T, db *DB, runs int) {
	t.Helper()
	require.NoError(t, db.InTx(t.Context(), func(s storage.Tx) error {
		tx := s.(*tx)
		ids, err := tx.keyIDs(benchKeys())
		if err != nil {
			return err
		}
		hex := func(value string) string {
			if tx.dialect == "postgres" {
				return "lpad(to_hex(" + value + "), 32, '0')"
			}
			return "printf('%032x', " + value + ")"
		}
		statements := []string{
			"INSERT INTO experiment (name, artifact_location, created_ms, updated_ms) SELECT 'e' || value, 'x', value, value FROM " + tx.series(runs/100),
			fmt.Sprintf(`INSERT INTO run (uuid, experiment_id, name, user_name, status, start_ms)
				SELECT %s, 1 + (value - 1) / 100, 'run', 'u', 'FINISHED', value FROM %s`, hex("value"), tx.series(runs)),
		}
		for _, i := range []int{1, 2} {
			statements = append(statements,
				fmt.Sprintf("INSERT INTO latest_metric SELECT id, %d, 1, 1, (id * %d %% 1009) / 1009.0, 0 FROM run", ids[fmt.Sprint("m", i)], 7919+i),
				fmt.Sprintf("INSERT INTO run_param SELECT id, %d, CAST(id %% %d AS TEXT) FROM run", ids[fmt.Sprint("p", i)], 20*i*i*i))
		}
		statements = append(statements,
			// One run of 12,000 metrics, one metric of a million points.
			"INSERT INTO tracking_key (name) SELECT 'wide' || value FROM "+tx.series(12_000),
			"INSERT INTO latest_metric SELECT 1, id, 1, 1, 0.5, 0 FROM tracking_key WHERE name LIKE 'wide%'",
			fmt.Sprintf("INSERT INTO metric SELECT 2, %d, value, value, value / 7.0, 0 FROM %s", ids["m1"], tx.series(runs)),
			fmt.Sprintf("INSERT INTO registered_model (name, description, created_us, updated_us) SELECT 'm' || value, '', value, value FROM %s", tx.series(runs/1000)),
			fmt.Sprintf(`INSERT INTO model_version (model_id, number, created_us, updated_us, stage, description, source, download_uri, run_id, run_link, logged_model_id, files, digest)
				SELECT 1 + value %% %d, value, value, value, 'None', '', 's', 's', '', '', '', '', '' FROM %s`, runs/1000, tx.series(runs/10)),
			"INSERT INTO model_version_tag SELECT id, 'k', CAST(id % 50 AS TEXT) FROM model_version")
		for _, statement := range statements {
			if err := tx.db.Exec(statement).Error; err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	}))
}

func measureScale(t *testing.T, db *DB, runs int) {
	t.Helper()
	metric := models.Condition{Entity: models.EntityMetric, Key: "m1", Op: models.OpGreater, Number: 0.5, Numeric: true}
	param := func(key string) models.Condition {
		return models.Condition{Entity: models.EntityParam, Key: key, Op: models.OpEqual, Text: "3"}
	}
	byMetric := []models.Order{{Entity: models.EntityMetric, Key: "m2", Desc: true}}
	experiments := func(n int) []int64 {
		ids := make([]int64, n)
		for i := range ids {
			ids[i] = int64(i + 1)
		}
		return ids
	}
	of := func(q models.Search) func(storage.Tx) (int, error) {
		q.Limit = 100
		return func(tx storage.Tx) (int, error) {
			found, _, err := tx.Runs().Search(q)
			return len(found), err
		}
	}
	versions := func(q models.Search) func(storage.Tx) (int, error) {
		q.Limit = 100
		return func(tx storage.Tx) (int, error) {
			found, _, err := tx.Versions().Search(q)
			return len(found), err
		}
	}
	for _, tc := range []struct {
		name string
		do   func(storage.Tx) (int, error)
	}{
		{"runs of one experiment", of(models.Search{ExperimentIDs: experiments(1)})},
		{"… by param and metric, by metric", of(models.Search{ExperimentIDs: experiments(1), Filter: []models.Condition{param("p1"), metric}, Order: byMetric})},
		{"runs of 100 experiments", of(models.Search{ExperimentIDs: experiments(100)})},
		{"… by param and metric, by metric", of(models.Search{ExperimentIDs: experiments(100), Filter: []models.Condition{param("p1"), metric}, Order: byMetric})},
		{"runs of all experiments", of(models.Search{ExperimentIDs: experiments(runs / 100)})},
		{"… by a param that keeps 1 in 160", of(models.Search{ExperimentIDs: experiments(runs / 100), Filter: []models.Condition{param("p2")}, Order: byMetric})},
		{"… by a param that keeps 1 in 20, and a metric", of(models.Search{ExperimentIDs: experiments(runs / 100), Filter: []models.Condition{param("p1"), metric}, Order: byMetric})},
		{"experiments", func(tx storage.Tx) (int, error) {
			found, _, err := tx.Experiments().Search(models.Search{Limit: 100})
			return len(found), err
		}},
		{"experiments by a part of the name", func(tx storage.Tx) (int, error) {
			found, _, err := tx.Experiments().Search(models.Search{Limit: 100, Filter: []models.Condition{{Entity: models.EntityAttribute, Key: "name", Op: models.OpLike, Text: "%99"}}})
			return len(found), err
		}},
		{"versions", versions(models.Search{})},
		{"versions of a model", versions(models.Search{Filter: []models.Condition{{Entity: models.EntityAttribute, Key: "name", Op: models.OpEqual, Text: "m5"}}})},
		{"versions by tag", versions(models.Search{Filter: []models.Condition{{Entity: models.EntityTag, Key: "k", Op: models.OpEqual, Text: "7"}}})},
		{"a run of 12,000 metrics", func(tx storage.Tx) (int, error) {
			run, err := tx.Runs().Load(fmt.Sprintf("%032x", 1))
			return len(run.Metrics), err
		}},
	} {
		took, found := time.Hour, 0
		for range 3 { // the best of three
			began := time.Now()
			require.NoError(t, db.View(t.Context(), func(tx storage.Tx) (err error) {
				found, err = tc.do(tx)
				return err
			}))
			took = min(took, time.Since(began))
		}
		t.Logf("%-46s %5d found %10s", tc.name, found, took.Round(10*time.Microsecond))
		require.Less(t, took, 10*time.Second, tc.name)
	}
}
