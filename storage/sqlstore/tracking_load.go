package sqlstore

import (
	"cmp"
	"slices"

	"github.com/slipway-ml/slipway/models"
)

// What a row of loadRun holds.
const (
	partRun = iota
	partMetric
	partParam
	partTag
	partInput // says that there are inputs or outputs, which is rare
)

// loadRun reads a run with its data by one statement, which is one snapshot
// and one round trip. Names of keys are not joined: Postgres would plan that
// join once, for as few keys as there were then.
const loadRun = `WITH r AS (SELECT run.*, e.artifact_location FROM run JOIN experiment e ON e.id = run.experiment_id
	WHERE run.uuid = ? AND COALESCE(run.deleted_ms, 1) <> 0)
	SELECT 0, id, name, user_name, status, artifact_location, experiment_id, start_ms, end_ms, deleted_ms, CAST(0 AS DOUBLE PRECISION) FROM r
	UNION ALL SELECT 1, m.key_id, '', '', '', '', m.timestamp_ms, m.step, m.is_nan, NULL, m.value
		FROM r JOIN latest_metric m ON m.run_id = r.id
	UNION ALL SELECT 2, p.key_id, '', p.value, '', '', 0, 0, NULL, NULL, 0 FROM r JOIN run_param p ON p.run_id = r.id
	UNION ALL SELECT 3, t.key_id, '', t.value, '', '', 0, 0, NULL, NULL, 0 FROM r JOIN run_tag t ON t.run_id = r.id
	UNION ALL SELECT 4, 0, '', '', '', '', 0, 0, NULL, NULL, 0 FROM r WHERE EXISTS (SELECT 1 FROM run_dataset x WHERE x.run_id = r.id)
		OR EXISTS (SELECT 1 FROM run_model_input x WHERE x.run_id = r.id) OR EXISTS (SELECT 1 FROM run_model_output x WHERE x.run_id = r.id)`

// byKey orders rows by the numbers of their keys.
func byKey[T any](rows []keyed[T]) []keyed[T] {
	order := func(a, b keyed[T]) int { return cmp.Compare(a.key, b.key) }
	if !slices.IsSortedFunc(rows, order) {
		slices.SortFunc(rows, order)
	}
	return rows
}

// Load implements storage.RunStore.
func (t runs) Load(id string) (models.Run, error) {
	var row runRow
	var found, moreToRead bool
	var metrics []keyed[models.Metric]
	var params, tags []keyed[string]
	err := t.scan(loadRun, []any{id}, func(scan scanner) error {
		var part, number, a, b int64
		var c, d *int64
		var value float64
		var name, text, status, location string
		if err := scan(&part, &number, &name, &text, &status, &location, &a, &b, &c, &d, &value); err != nil {
			return err
		}
		switch part {
		case partRun:
			found = true
			row = runRow{ID: number, UUID: id, ExperimentID: a, Name: name, UserName: text, Status: status, StartMS: b, EndMS: c, DeletedMS: d, ArtifactLocation: location}
		case partMetric:
			metrics = append(metrics, keyed[models.Metric]{key: number, of: models.Metric{TimestampMS: a, Step: b, Value: restored(value, *c)}})
		case partParam:
			params = append(params, keyed[string]{key: number, of: text})
		case partTag:
			tags = append(tags, keyed[string]{key: number, of: text})
		case partInput:
			moreToRead = true
		}
		return nil
	})
	if err != nil {
		return models.Run{}, err
	}
	if !found {
		return models.Run{}, noRun(id)
	}
	run := row.model()
	if err := t.fill(&run, metrics, params, tags); err != nil {
		return run, err
	}
	if moreToRead {
		err = inputs(t).load([]int64{run.Key}, map[int64]*models.Run{run.Key: &run})
	}
	return run, err
}

// fill names a run's metrics, params and tags.
func (t runs) fill(run *models.Run, metrics []keyed[models.Metric], params, tags []keyed[string]) error {
	err := named(t.tx, byKey(metrics), func(_ int64, name string, m models.Metric) {
		m.Key = name
		run.Metrics = append(run.Metrics, m)
	})
	if err == nil {
		err = named(t.tx, byKey(params), func(_ int64, name, value string) {
			run.Params = append(run.Params, models.Param{Key: name, Value: value})
		})
	}
	if err == nil {
		err = named(t.tx, byKey(tags), func(_ int64, name, value string) {
			run.Tags = append(run.Tags, models.Tag{Key: name, Value: value})
		})
	}
	return err
}
