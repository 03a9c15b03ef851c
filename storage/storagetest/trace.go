package storagetest

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// Traces tries what the stores of traces, spans and assessments promise.
func Traces(t *testing.T, open Open) {
	t.Run("a trace is made once and read whole", func(t *testing.T) {
		t.Parallel()
		db := open(t)
		trace := newTrace(t, db, "tr-1", 1000)
		write(t, db, func(tx storage.Tx) {
			_, made, err := tx.Traces().Create(models.Trace{ID: "tr-1", State: models.TraceOK})
			require.NoError(t, err)
			require.False(t, made)
			got, err := tx.Traces().Lock("tr-1")
			require.NoError(t, err)
			require.Equal(t, trace, got)
			told := models.Told{Times: true, Cost: true}
			got.State, got.Told, got.DurationMS = models.TraceError, told, nil
			require.NoError(t, tx.Traces().Update(got))
			require.NoError(t, tx.Traces().SetTags(got.Key, []models.Tag{{Key: "k", Value: "w"}}))
			require.True(t, models.IsKind(tx.Traces().DeleteTag(got.Key, "x"), models.KindNotFound))
			a := models.Assessment{ID: "a-1", Name: "good", Type: models.AssessFeedback, Value: json.RawMessage(`true`), SourceType: "HUMAN", Valid: true, Metadata: []models.Tag{{Key: "m", Value: "1"}}}
			require.NoError(t, tx.Assessments().Save(got.Key, a))
			a.Value = json.RawMessage(`{"a":1}`)
			a.Error = &models.AssessmentError{Code: "E"}
			require.NoError(t, tx.Assessments().Save(got.Key, a))
			require.True(t, models.IsKind(tx.Assessments().Delete(got.Key, "a-2"), models.KindNotFound))
			_, err = tx.Traces().Lock("tr-2")
			require.True(t, models.IsKind(err, models.KindNotFound))
		})
		view(t, db, func(tx storage.Tx) {
			list, err := tx.Traces().Load([]string{"tr-9", "tr-1", "tr-1"})
			require.NoError(t, err)
			require.Len(t, list, 1)
			require.Equal(t, models.Told{Times: true, Cost: true}, list[0].Told)
			require.Nil(t, list[0].DurationMS)
			require.Equal(t, "w", models.ValueOf(list[0].Tags, "k"))
			require.Len(t, list[0].Assessments, 1)
			require.Equal(t, "tr-1", list[0].Assessments[0].TraceID)
			require.JSONEq(t, `{"a":1}`, string(list[0].Assessments[0].Value))
			require.Equal(t, "E", list[0].Assessments[0].Error.Code)
		})
	})
	t.Run("spans are replaced, and read in order", func(t *testing.T) {
		t.Parallel()
		db := open(t)
		trace := newTrace(t, db, "tr-1", 1000)
		child := models.Span{
			TraceID: "000000000000000000000000000000ff", ID: "0000000000000002", ParentID: "0000000000000001", Name: "c", StartNS: 5, EndNS: 9, Status: models.SpanError, Message: "why",
			Attributes: []models.Attribute{{Key: models.AttrType, Value: json.RawMessage(`"TOOL"`)}, {Key: `a "b".c`, Value: json.RawMessage(`"it's <é>"`)}, {Key: models.AttrCost, Value: json.RawMessage(`{"total_cost":0.5}`)}},
			Events:     []models.SpanEvent{{Name: "e", AtNS: 6, Attributes: []models.Attribute{{Key: "n", Value: json.RawMessage(`1.5`)}}}},
			Links:      []models.SpanLink{{TraceID: "000000000000000000000000000000fe", SpanID: "0000000000000009"}},
		}
		root := models.Span{TraceID: child.TraceID, ID: child.ParentID, Name: "r", StartNS: 7, Status: models.SpanOK}
		write(t, db, func(tx storage.Tx) {
			require.NoError(t, tx.Spans().Log(trace.Key, []models.Span{{TraceID: child.TraceID, ID: child.ID, Status: models.SpanUnset}}))
			require.NoError(t, tx.Spans().Log(trace.Key, []models.Span{child, root, root}))
		})
		view(t, db, func(tx storage.Tx) {
			got, err := tx.Spans().Of([]int64{trace.Key})
			require.NoError(t, err)
			require.Equal(t, map[int64][]models.Span{trace.Key: {root, child}}, got)
			for _, want := range []struct {
				c     models.Condition
				found int64
			}{
				{models.Condition{Entity: models.EntitySpan, Key: "type", Op: models.OpEqual, Text: "TOOL"}, 1},
				{models.Condition{Entity: models.EntitySpan, Key: "content", Op: models.OpLike, Text: "%<é>%"}, 1},
				{models.Condition{Entity: models.EntitySpan, Key: `attributes.a "b".c`, Op: models.OpEqual, Text: "it's <é>"}, 1},
				{models.Condition{Entity: models.EntitySpan, Key: `attributes.a "b".c`, Op: models.OpRLike, Text: "^it.s"}, 1},
				{models.Condition{Entity: models.EntitySpan, Key: `attributes.a "b".c`, Op: models.OpRLike, Text: "^s"}, 0},
				{models.Condition{Entity: models.EntitySpan, Key: "attributes." + models.AttrCost, Op: models.OpLike, Text: "%0.5%"}, 1},
				{models.Condition{Entity: models.EntitySpan, Key: "attributes.absent", Op: models.OpNotEqual, Text: "x"}, 0},
				{models.Condition{Entity: models.EntitySpan, Key: "name", Op: models.OpILike, Text: "C"}, 1},
				{models.Condition{Entity: models.EntityAttribute, Key: "end_time_ms", Op: models.OpEqual, Number: 1500, Numeric: true}, 1},
				{models.Condition{Entity: models.EntityAttribute, Key: "client_request_id", Op: models.OpEqual, Text: "client"}, 1},
				{models.Condition{Entity: models.EntityAttribute, Key: "prompt", Op: models.OpEqual, Text: "p/1"}, 0},
				{models.Condition{Entity: models.EntityMetadata, Key: "meta", Op: models.OpIsNotNull}, 1},
				{models.Condition{Entity: models.EntityTag, Key: "k", Op: models.OpRLike, Text: "^v$"}, 1},
				{models.Condition{Entity: models.EntityFeedback, Key: "good", Op: models.OpIsNull}, 1},
				{models.Condition{Entity: models.EntityFeedback, Key: "good", Op: models.OpGreater, Number: 0.5, Numeric: true}, 0},
				{models.Condition{Entity: models.EntityIssue, Key: "id", Op: models.OpEqual, Text: "i-1"}, 0},
			} {
				c := want.c
				n, err := tx.Traces().Count(models.Search{ExperimentIDs: []int64{0}, Filter: []models.Condition{c}})
				require.NoError(t, err)
				require.Equal(t, want.found, n, "%+v", c)
			}
		})
	})
	t.Run("links, metrics and deletion", func(t *testing.T) {
		t.Parallel()
		db := open(t)
		run := newRun(t, db)
		for i := range int64(5) {
			newTrace(t, db, "tr-"+string(rune('a'+i)), 1000*i)
		}
		write(t, db, func(tx storage.Tx) {
			require.NoError(t, tx.Traces().LinkRun(run.Key, []string{"tr-b", "tr-b", "tr-still-to-come"}))
			require.NoError(t, tx.Traces().LinkRun(run.Key, []string{"tr-b"}))
		})
		ofRun := models.Search{ExperimentIDs: []int64{0}, Limit: 2, Filter: []models.Condition{{Entity: models.EntityAttribute, Key: "run_id", Op: models.OpEqual, Text: run.ID}}}
		view(t, db, func(tx storage.Tx) {
			list, next, err := tx.Traces().Search(ofRun)
			require.NoError(t, err)
			require.Nil(t, next)
			require.Len(t, list, 1)
			require.Equal(t, "tr-b", list[0].ID)
			list, next, err = tx.Traces().Search(models.Search{ExperimentIDs: []int64{0}, Limit: 2})
			require.NoError(t, err)
			require.Equal(t, []string{"tr-e", "tr-d"}, []string{list[0].ID, list[1].ID})
			list, _, err = tx.Traces().Search(models.Search{ExperimentIDs: []int64{0}, Limit: 2, After: next})
			require.NoError(t, err)
			require.Equal(t, []string{"tr-c", "tr-b"}, []string{list[0].ID, list[1].ID})
			points, err := tx.Traces().Metrics(models.TraceMetricQuery{
				ExperimentIDs: []int64{0}, View: models.ViewTraces, Metric: "latency", Limit: 10, IntervalS: 2, Dimensions: []string{"trace_name"},
				Filter:       []models.Condition{{Entity: models.EntityTag, Key: "k", Op: models.OpEqual, Text: "v"}},
				Aggregations: []models.Aggregation{{Type: "AVG"}, {Type: "PERCENTILE", Percentile: 75}},
			})
			require.NoError(t, err)
			require.Len(t, points, 3) // 0 and 1 s, 2 and 3 s, 4 s
			require.Equal(t, int64(2000), *points[1].BucketMS)
			require.Equal(t, []string{"name"}, points[1].Dimensions)
			require.InDelta(t, 2500, *points[1].Values[0], 1e-9)
			require.InDelta(t, 2750, *points[1].Values[1], 1e-9)
		})
		until := int64(3000)
		write(t, db, func(tx storage.Tx) {
			n, err := tx.Traces().Delete(models.TraceDeletion{UntilMS: &until, Limit: 1})
			require.NoError(t, err)
			require.Equal(t, 1, n) // tr-a, the oldest
			n, err = tx.Traces().Delete(models.TraceDeletion{IDs: []string{"tr-a", "tr-b"}, Limit: 10})
			require.NoError(t, err)
			require.Equal(t, 1, n)
			n64, err := tx.Traces().Count(models.Search{ExperimentIDs: []int64{0}})
			require.NoError(t, err)
			require.Equal(t, int64(3), n64)
		})
	})
}

func newTrace(t *testing.T, db storage.DB, id string, startMS int64) models.Trace {
	t.Helper()
	duration, client, tokens := int64(500), "client", int64(7)
	if startMS != 1000 {
		duration = startMS
	}
	trace := models.Trace{
		ID: id, StartMS: startMS, DurationMS: &duration, State: models.TraceInProgress, ClientRequestID: &client, Tokens: models.TokenUsage{Input: &tokens},
		Tags: []models.Tag{{Key: "k", Value: "v"}, {Key: models.TagTraceName, Value: "name"}}, Metadata: []models.Tag{{Key: "meta", Value: "1"}},
	}
	write(t, db, func(tx storage.Tx) {
		key, made, err := tx.Traces().Create(trace)
		require.NoError(t, err)
		require.True(t, made)
		trace.Key = key
	})
	return trace
}
