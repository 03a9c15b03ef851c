package sqlstore

import (
	"cmp"
	"math"
	"slices"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

type metrics struct{ *tx }

// Metrics implements storage.TrackingTx.
func (t *tx) Metrics() storage.MetricStore { return metrics{t} }

// stored gives the two columns of a value: no database column holds NaN on
// both, and an infinity is kept as the largest number.
func stored(f float64) (value float64, isNaN int64) {
	switch {
	case math.IsNaN(f):
		return 0, 1
	case math.IsInf(f, 1):
		return math.MaxFloat64, 0
	case math.IsInf(f, -1):
		return -math.MaxFloat64, 0
	}
	return f, 0
}

func restored(value float64, isNaN int64) float64 {
	if isNaN != 0 {
		return math.NaN()
	}
	return value
}

// Log implements storage.MetricStore.
func (t metrics) Log(run models.Run, points []models.Metric) error {
	if len(points) == 0 {
		return nil
	}
	names := make([]string, len(points))
	for i, p := range points {
		names[i] = p.Key
	}
	ids, err := t.keyIDs(names)
	if err != nil {
		return err
	}
	if err := t.store(run.Key, points, latestOf(points, ids), ids); err != nil {
		return err
	}
	return loggedModels(t).logMetrics(run, points, ids)
}

// latestOf gives the latest point of each key, by the key's number: the order
// in which two writers meet the same rows.
func latestOf(points []models.Metric, ids map[string]int64) []models.Metric {
	latest := points
	if len(ids) < len(points) { // some key comes twice
		at := make(map[string]int, len(ids))
		latest = make([]models.Metric, 0, len(ids))
		for _, p := range points {
			i, seen := at[p.Key]
			switch {
			case !seen:
				at[p.Key] = len(latest)
				latest = append(latest, p)
			case p.After(latest[i]):
				latest[i] = p
			}
		}
	}
	byID := func(a, b models.Metric) int { return cmp.Compare(ids[a.Key], ids[b.Key]) }
	if !slices.IsSortedFunc(latest, byID) {
		latest = slices.SortedFunc(slices.Values(latest), byID)
	}
	return latest
}

const metricColumns = " (run_id, key_id, timestamp_ms, step, value, is_nan)"

// store writes points and the latest of them.
func (t metrics) store(run int64, points, latest []models.Metric, ids map[string]int64) error {
	if t.dialect == "postgres" {
		return t.storeArrays(run, points, latest, ids)
	}
	for _, into := range []struct {
		head, tail string
		points     []models.Metric
	}{
		// FAIL: a statement that may fail and takes back what it did has SQLite
		// copy the pages it changes. Here the transaction ends, too.
		{"INSERT OR FAIL INTO metric", "ON CONFLICT DO NOTHING", points},
		{"INSERT OR FAIL INTO latest_metric", onlyNewer("latest_metric", "run_id, key_id"), latest},
	} {
		values := make([]any, 0, 6*len(into.points))
		for _, p := range into.points {
			value, nan := stored(p.Value)
			values = append(values, run, ids[p.Key], p.TimestampMS, p.Step, value, nan)
		}
		if _, err := t.insertFlat(into.head+metricColumns, into.tail, 6, values); err != nil {
			return err
		}
	}
	return nil
}

// storeArrays is store for Postgres: one statement, whatever the number of
// points, that reads an array for each column.
func (t metrics) storeArrays(run int64, points, latest []models.Metric, ids map[string]int64) error {
	const unnest = " SELECT ?::bigint, * FROM unnest(?::bigint[], ?::bigint[], ?::bigint[], ?::float8[], ?::smallint[]) "
	args := make([]any, 0, 12)
	for _, list := range [][]models.Metric{points, latest} {
		keys, times, steps := make([]int64, len(list)), make([]int64, len(list)), make([]int64, len(list))
		values, nans := make([]float64, len(list)), make([]int16, len(list))
		for i, p := range list {
			value, nan := stored(p.Value)
			keys[i], times[i], steps[i], values[i], nans[i] = ids[p.Key], p.TimestampMS, p.Step, value, int16(nan)
		}
		args = append(args, run, keys, times, steps, values, nans)
	}
	return t.later("WITH every AS (INSERT INTO metric"+metricColumns+unnest+"ON CONFLICT DO NOTHING) "+
		"INSERT INTO latest_metric"+metricColumns+unnest+onlyNewer("latest_metric", "run_id, key_id"), args...)
}

// onlyNewer replaces a latest metric by a greater (step, time, value).
func onlyNewer(table, key string) string {
	return "ON CONFLICT (" + key + ") DO UPDATE SET step = excluded.step, timestamp_ms = excluded.timestamp_ms, value = excluded.value, is_nan = excluded.is_nan" +
		" WHERE (excluded.step, excluded.timestamp_ms, excluded.value) > (" + table + ".step, " + table + ".timestamp_ms, " + table + ".value)"
}

// History implements storage.MetricStore.
func (t metrics) History(runKey int64, q models.HistoryQuery) ([]models.Metric, error) {
	after := models.Metric{TimestampMS: -1}
	if q.After != nil {
		after = *q.After
	}
	limit := int64(math.MaxInt64)
	if q.Limit > 0 {
		limit = int64(q.Limit)
	}
	value, nan := stored(after.Value)
	// That it names a place even for the first page keeps Postgres, which may
	// not have looked at the table's size yet, to the index and its order.
	return t.points(q.Key, "SELECT "+t.pointColumns()+" FROM metric WHERE run_id = ? AND key_id = "+keyOf+`
		AND (timestamp_ms, step, value, is_nan) > (?, ?, ?, ?) ORDER BY timestamp_ms, step, value, is_nan LIMIT ?`,
		[]any{runKey, q.Key, after.TimestampMS, after.Step, value, nan, limit})
}

// pointColumns are the columns of points. SQLite keeps no NaN: there it is NULL.
func (t metrics) pointColumns() string {
	if t.dialect == "postgres" {
		return "timestamp_ms, step, CASE is_nan WHEN 0 THEN value ELSE 'NaN' END"
	}
	return "timestamp_ms, step, CASE is_nan WHEN 0 THEN value END"
}

// points reads rows of pointColumns.
func (t metrics) points(key, query string, args []any) ([]models.Metric, error) {
	var out []models.Metric
	// By database/sql the driver's value goes into any as it is; anything else
	// is reflected on.
	var at, step, value any
	loose := t.dialect == "sqlite"
	err := t.scan(query, args, func(scan scanner) error {
		if len(out) == cap(out) {
			out = slices.Grow(out, max(64, len(out))) // append alone grows by a quarter, and copies the more
		}
		out = append(out, models.Metric{Key: key})
		p := &out[len(out)-1]
		if !loose {
			return scan(&p.TimestampMS, &p.Step, &p.Value)
		}
		err := scan(&at, &step, &value)
		p.TimestampMS, _ = at.(int64)
		p.Step, _ = step.(int64)
		p.Value = math.NaN()
		if number, ok := value.(float64); ok {
			p.Value = number
		}
		return err
	})
	return out, err
}

// Sample implements storage.MetricStore. Of n points in order the k-th is
// kept where (k-1)(limit-1)/(n-1) reaches the next whole number.
func (t metrics) Sample(runKey int64, key string, within *models.StepRange, limit int) ([]models.Metric, error) {
	query := `SELECT timestamp_ms, step, value, is_nan, ROW_NUMBER() OVER (ORDER BY step, timestamp_ms, value, is_nan) AS k, COUNT(*) OVER () AS n
		FROM metric WHERE run_id = ? AND key_id = ` + keyOf
	args := []any{runKey, key}
	if within != nil {
		query += " AND step >= ? AND step <= ?"
		args = append(args, within.From, within.To)
	}
	parts := int64(limit) - 1
	query = "SELECT " + t.pointColumns() + " FROM (" + query + `) p
		WHERE k = n OR (? > 0 AND (k = 1 OR (k - 1) * ? / NULLIF(n - 1, 0) > (k - 2) * ? / NULLIF(n - 1, 0))) ORDER BY k`
	return t.points(key, query, append(args, parts, parts, parts))
}

// latest reads the latest metrics of runs.
func (t runs) latest(ids []int64, at map[int64]*models.Run) error {
	var rows []keyed[models.Metric]
	err := t.scan("SELECT run_id, key_id, timestamp_ms, step, value, is_nan FROM latest_metric WHERE run_id "+t.inInts()+" ORDER BY run_id, key_id",
		[]any{jsonList(ids)}, func(scan scanner) error {
			var nan int64
			var r keyed[models.Metric]
			err := scan(&r.owner, &r.key, &r.of.TimestampMS, &r.of.Step, &r.of.Value, &nan)
			r.of.Value = restored(r.of.Value, nan)
			rows = append(rows, r)
			return err
		})
	if err != nil {
		return err
	}
	return named(t.tx, rows, func(run int64, name string, m models.Metric) {
		m.Key = name
		at[run].Metrics = append(at[run].Metrics, m)
	})
}
