package storagetest

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// Tracking tries what the stores of experiments, runs, metrics, inputs and
// logged models promise.
func Tracking(t *testing.T, open Open) {
	t.Run("an experiment's name is taken once", func(t *testing.T) {
		t.Parallel()
		db := open(t)
		create := func() error {
			return db.InTx(t.Context(), func(tx storage.Tx) error {
				_, err := tx.Experiments().Create(models.Experiment{Name: "e", ArtifactLocation: "a:/", Tags: []models.Tag{{Key: "k", Value: "v"}}})
				return err
			})
		}
		require.NoError(t, create())
		require.True(t, models.IsKind(create(), models.KindExists))
		view(t, db, func(tx storage.Tx) {
			e, err := tx.Experiments().ByName("e")
			require.NoError(t, err)
			require.Equal(t, int64(1), e.ID)
			require.Equal(t, []models.Tag{{Key: "k", Value: "v"}}, e.Tags)
			_, err = tx.Experiments().Get(7)
			require.True(t, models.IsKind(err, models.KindNotFound))
		})
	})
	t.Run("params are written once", func(t *testing.T) {
		t.Parallel()
		db := open(t)
		run := newRun(t, db)
		write(t, db, func(tx storage.Tx) {
			for range 2 {
				old, err := tx.Runs().LogParams(run.Key, []models.Param{{Key: "a", Value: "1"}, {Key: "b", Value: ""}})
				require.NoError(t, err)
				require.Empty(t, old)
			}
			old, err := tx.Runs().LogParams(run.Key, []models.Param{{Key: "a", Value: "2"}, {Key: "b", Value: ""}})
			require.NoError(t, err)
			require.Equal(t, []models.Param{{Key: "a", Value: "1"}}, old)
		})
	})
	t.Run("metrics keep NaN, the latest, and each point once", func(t *testing.T) {
		t.Parallel()
		db := open(t)
		run := newRun(t, db)
		points := []models.Metric{
			{Key: "m", Value: math.NaN(), TimestampMS: 3, Step: 1},
			{Key: "m", Value: math.Inf(1), TimestampMS: 1, Step: 2},
			{Key: "m", Value: 0.1, TimestampMS: 2, Step: -3},
			{Key: "n", Value: math.NaN(), TimestampMS: 1},
		}
		for i := range 300 { // more than one statement holds
			points = append(points, models.Metric{Key: "many", Value: float64(i) / 3, TimestampMS: int64(i), Step: int64(i)})
		}
		for range 2 {
			write(t, db, func(tx storage.Tx) { require.NoError(t, tx.Metrics().Log(run, points)) })
		}
		view(t, db, func(tx storage.Tx) {
			found, err := tx.Runs().Load(run.ID)
			require.NoError(t, err)
			require.Len(t, found.Metrics, 3)
			for _, m := range found.Metrics {
				switch m.Key {
				case "m":
					require.InDelta(t, math.MaxFloat64, m.Value, 0)
				case "n":
					require.True(t, math.IsNaN(m.Value))
				default:
					require.InDelta(t, 299.0/3, m.Value, 0)
				}
			}
			history, err := tx.Metrics().History(run.Key, models.HistoryQuery{Key: "m"})
			require.NoError(t, err)
			require.Len(t, history, 3)
			require.Equal(t, []int64{1, 2, 3}, []int64{history[0].TimestampMS, history[1].TimestampMS, history[2].TimestampMS})
			rest, err := tx.Metrics().History(run.Key, models.HistoryQuery{Key: "m", After: &history[0], Limit: 5})
			require.NoError(t, err)
			require.Len(t, rest, 2)
			sample, err := tx.Metrics().Sample(run.Key, "many", &models.StepRange{From: 10, To: 109}, 3)
			require.NoError(t, err)
			require.Equal(t, []int64{10, 60, 109}, []int64{sample[0].Step, sample[1].Step, sample[2].Step})
			one, err := tx.Metrics().Sample(run.Key, "n", nil, 2)
			require.NoError(t, err)
			require.Len(t, one, 1)
		})
	})
	t.Run("searches compare, order and page", func(t *testing.T) {
		t.Parallel()
		searches(t, open(t))
	})
	t.Run("inputs, outputs and logged models are linked", func(t *testing.T) {
		t.Parallel()
		db := open(t)
		run := newRun(t, db)
		write(t, db, func(tx storage.Tx) {
			_, err := tx.LoggedModels().Create(models.LoggedModel{
				ID: "m-1", Name: "n", Status: models.LoggedModelPending, Params: []models.Param{{Key: "p", Value: "1"}}, Tags: []models.Tag{{Key: "t", Value: "1"}},
			})
			require.NoError(t, err)
			for range 2 {
				require.NoError(t, tx.Inputs().LogDatasets(run, []models.DatasetInput{{
					Dataset: models.InputDataset{Name: "d", Digest: "1"}, Tags: []models.Tag{{Key: models.TagDatasetContext, Value: "train"}},
				}}))
				require.NoError(t, tx.Inputs().LogModels(run, []string{"m-1"}))
				require.NoError(t, tx.Inputs().LogOutputs(run, []models.ModelOutput{{ModelID: "m-1", Step: 2}}))
			}
			require.True(t, models.IsKind(tx.Inputs().LogModels(run, []string{"m-2"}), models.KindNotFound))
			require.NoError(t, tx.Metrics().Log(run, []models.Metric{{Key: "acc", Value: 1, ModelID: "m-1", DatasetName: "d", DatasetDigest: "1"}}))
		})
		view(t, db, func(tx storage.Tx) {
			found, err := tx.Runs().Load(run.ID)
			require.NoError(t, err)
			require.Equal(t, []models.DatasetInput{{
				Dataset: models.InputDataset{Name: "d", Digest: "1"}, Tags: []models.Tag{{Key: models.TagDatasetContext, Value: "train"}},
			}}, found.DatasetInputs)
			require.Equal(t, []string{"m-1"}, found.ModelInputs)
			require.Equal(t, []models.ModelOutput{{ModelID: "m-1", Step: 2}}, found.ModelOutputs)
			uses, err := tx.Inputs().Summaries([]int64{0})
			require.NoError(t, err)
			require.Equal(t, []models.DatasetSummary{{Name: "d", Digest: "1", Context: "train"}}, uses)
			listed, _, err := tx.LoggedModels().Search(models.Search{
				ExperimentIDs: []int64{0}, Limit: 5, Datasets: []models.DatasetRefByDigest{{Name: "d"}},
				Order:  []models.Order{{Entity: models.EntityMetric, Key: "acc", DatasetName: "d"}},
				Filter: []models.Condition{{Entity: models.EntityMetric, Key: "acc", Op: models.OpGreater, Number: 0.5, Numeric: true}},
			})
			require.NoError(t, err)
			require.Len(t, listed, 1)
			require.Equal(t, "d", listed[0].Metrics[0].DatasetName)
		})
	})
}

func write(t *testing.T, db storage.DB, fn func(tx storage.Tx)) {
	t.Helper()
	require.NoError(t, db.InTx(t.Context(), func(tx storage.Tx) error {
		err := errors.New("a requirement failed")
		done := make(chan struct{})
		go func() { // so that a failed require does not end the database's writer
			defer close(done)
			fn(tx)
			err = nil
		}()
		<-done
		return err
	}))
}

func view(t *testing.T, db storage.DB, fn func(tx storage.Tx)) {
	t.Helper()
	require.NoError(t, db.View(t.Context(), func(tx storage.Tx) error { fn(tx); return nil }))
}

func newRun(t *testing.T, db storage.DB) models.Run {
	t.Helper()
	run := models.Run{ID: "r1", Name: "first", Status: models.RunRunning, StartMS: 1}
	write(t, db, func(tx storage.Tx) {
		var err error
		run.Key, err = tx.Runs().Create(run)
		require.NoError(t, err)
	})
	return run
}

// searches makes runs a, b and c and asks for them in many ways.
func searches(t *testing.T, db storage.DB) {
	t.Helper()
	write(t, db, func(tx storage.Tx) {
		for i, name := range []string{"a", "b", "c"} {
			run := models.Run{ID: name, Name: "Run " + name, Status: models.RunFinished, StartMS: int64(i), Tags: []models.Tag{{Key: "t", Value: name + "%_*"}}}
			var err error
			run.Key, err = tx.Runs().Create(run)
			require.NoError(t, err)
			if name != "c" {
				require.NoError(t, tx.Metrics().Log(run, []models.Metric{{Key: "m", Value: float64(-i)}}))
				_, err = tx.Runs().LogParams(run.Key, []models.Param{{Key: "p", Value: name}})
				require.NoError(t, err)
			}
		}
	})
	text := func(entity models.Entity, key string, op models.Op, value string, list ...string) models.Condition {
		return models.Condition{Entity: entity, Key: key, Op: op, Text: value, List: list}
	}
	number := func(entity models.Entity, key string, op models.Op, n float64) models.Condition {
		return models.Condition{Entity: entity, Key: key, Op: op, Number: n, Numeric: true}
	}
	const attribute, metric, param, tag = models.EntityAttribute, models.EntityMetric, models.EntityParam, models.EntityTag
	for name, tc := range map[string]struct {
		q    models.Search
		want []string
	}{
		"the newest first":          {models.Search{}, []string{"c", "b", "a"}},
		"a page":                    {models.Search{Offset: 1, Limit: 1}, []string{"b"}},
		"equal":                     {models.Search{Filter: []models.Condition{text(attribute, "run_id", models.OpEqual, "a")}}, []string{"a"}},
		"in":                        {models.Search{Filter: []models.Condition{text(attribute, "run_id", models.OpIn, "", "a", "c")}}, []string{"c", "a"}},
		"not in":                    {models.Search{Filter: []models.Condition{text(attribute, "run_id", models.OpNotIn, "", "a", "c")}}, []string{"b"}},
		"like tells case":           {models.Search{Filter: []models.Condition{text(attribute, "run_name", models.OpLike, "run%")}}, []string{}},
		"ilike does not":            {models.Search{Filter: []models.Condition{text(attribute, "run_name", models.OpILike, "run _")}}, []string{"c", "b", "a"}},
		"like has no escapes":       {models.Search{Filter: []models.Condition{text(tag, "t", models.OpLike, `a%\%`)}}, []string{}},
		"like takes odd signs":      {models.Search{Filter: []models.Condition{text(tag, "t", models.OpLike, "a%_*")}}, []string{"a"}},
		"artifact uri":              {models.Search{Filter: []models.Condition{text(attribute, "artifact_uri", models.OpLike, "%/b/artifacts")}}, []string{"b"}},
		"lifecycle":                 {models.Search{Filter: []models.Condition{text(attribute, "lifecycle_stage", models.OpEqual, "active")}}, []string{"c", "b", "a"}},
		"a number":                  {models.Search{Filter: []models.Condition{number(attribute, "start_time", models.OpGreaterEqual, 0.5)}}, []string{"c", "b"}},
		"a metric":                  {models.Search{Filter: []models.Condition{number(metric, "m", models.OpLess, 0)}}, []string{"b"}},
		"not equal needs the key":   {models.Search{Filter: []models.Condition{text(param, "p", models.OpNotEqual, "a")}}, []string{"b"}},
		"null":                      {models.Search{Filter: []models.Condition{text(param, "p", models.OpIsNull, "")}}, []string{"c"}},
		"not null":                  {models.Search{Filter: []models.Condition{text(param, "p", models.OpIsNotNull, "")}}, []string{"b", "a"}},
		"a dataset":                 {models.Search{Filter: []models.Condition{text(models.EntityDataset, "context", models.OpEqual, "x")}}, []string{}},
		"by metric, absent last":    {models.Search{Order: []models.Order{{Entity: metric, Key: "m"}}}, []string{"b", "a", "c"}},
		"and last in the other way": {models.Search{Order: []models.Order{{Entity: metric, Key: "m", Desc: true}}}, []string{"a", "b", "c"}},
		"by param":                  {models.Search{Order: []models.Order{{Entity: param, Key: "p", Desc: true}}}, []string{"b", "a", "c"}},
		"by an end nobody has":      {models.Search{Order: []models.Order{{Entity: attribute, Key: "end_time"}}}, []string{"c", "b", "a"}},
		"the deleted":               {models.Search{View: models.ViewDeleted}, []string{}},
		"of several experiments":    {models.Search{ExperimentIDs: []int64{0, 5}}, []string{"c", "b", "a"}},
	} {
		q := tc.q
		if q.ExperimentIDs == nil {
			q.ExperimentIDs = []int64{0}
		}
		if q.Limit == 0 {
			q.Limit = 10
		}
		view(t, db, func(tx storage.Tx) {
			found, _, err := tx.Runs().Search(q)
			require.NoError(t, err, name)
			ids := []string{}
			for _, run := range found {
				ids = append(ids, run.ID)
			}
			require.Equal(t, tc.want, ids, name)
		})
	}
	view(t, db, func(tx storage.Tx) {
		found, _, err := tx.Experiments().Search(models.Search{Limit: 5, Order: []models.Order{{Entity: attribute, Key: "experiment_id"}}, Filter: []models.Condition{
			text(attribute, "experiment_id", models.OpIn, "", "0"), text(attribute, "name", models.OpLike, "Def%"), text(tag, "x", models.OpIsNull, ""),
		}})
		require.NoError(t, err)
		require.Len(t, found, 1)
	})
}
