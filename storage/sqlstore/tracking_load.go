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
// and one round trip.
const loadRun = `WITH r AS (SELECT run.*, e.artifact_location FROM run JOIN experiment e ON e.id = run.experiment_id
	WHERE run.uuid = ? AND COALESCE(run.deleted_ms, 1) <> 0)
	SELECT 0, id, name, user_name, status, artifact_location, experiment_id, start_ms, end_ms, deleted_ms, CAST(0 AS DOUBLE PRECISION) FROM r
	UNION ALL SELECT 1, m.key_id, k.name, '', '', '', m.timestamp_ms, m.step, m.is_nan, NULL, m.value
		FROM r JOIN latest_metric m ON m.run_id = r.id JOIN tracking_key k ON k.id = m.key_id
	UNION ALL SELECT 2, p.key_id, k.name, p.value, '', '', 0, 0, NULL, NULL, 0
		FROM r JOIN run_param p ON p.run_id = r.id JOIN tracking_key k ON k.id = p.key_id
	UNION ALL SELECT 3, t.key_id, k.name, t.value, '', '', 0, 0, NULL, NULL, 0
		FROM r JOIN run_tag t ON t.run_id = r.id JOIN tracking_key k ON k.id = t.key_id
	UNION ALL SELECT 4, 0, '', '', '', '', 0, 0, NULL, NULL, 0 FROM r WHERE EXISTS (SELECT 1 FROM run_dataset x WHERE x.run_id = r.id)
		OR EXISTS (SELECT 1 FROM run_model_input x WHERE x.run_id = r.id) OR EXISTS (SELECT 1 FROM run_model_output x WHERE x.run_id = r.id)`

// numbered is a metric, param or tag with the number of its key, by which they
// are ordered.
type numbered[T any] struct {
	key int64
	of  T
}

func inOrder[T any](list []numbered[T]) []T {
	byKey := func(a, b numbered[T]) int { return cmp.Compare(a.key, b.key) }
	if !slices.IsSortedFunc(list, byKey) {
		slices.SortFunc(list, byKey)
	}
	out := make([]T, len(list))
	for i, n := range list {
		out[i] = n.of
	}
	return out
}

// Load implements storage.RunStore.
func (t runs) Load(id string) (models.Run, error) {
	var row runRow
	var found, moreToRead bool
	var metrics []numbered[models.Metric]
	var params []numbered[models.Param]
	var tags []numbered[models.Tag]
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
			m := models.Metric{Key: name, TimestampMS: a, Step: b, Value: restored(value, *c)}
			metrics = append(metrics, numbered[models.Metric]{number, m})
		case partParam:
			params = append(params, numbered[models.Param]{number, models.Param{Key: name, Value: text}})
		case partTag:
			tags = append(tags, numbered[models.Tag]{number, models.Tag{Key: name, Value: text}})
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
	run.Metrics, run.Params, run.Tags = inOrder(metrics), inOrder(params), inOrder(tags)
	if moreToRead {
		err = inputs(t).load([]int64{run.Key}, map[int64]*models.Run{run.Key: &run})
	}
	return run, err
}
