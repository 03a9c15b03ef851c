package storagetest

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// Evaluation tries what the stores of evaluation datasets, issues and scorers
// promise.
func Evaluation(t *testing.T, open Open) {
	t.Run("a dataset is found with its tags and experiments", func(t *testing.T) {
		t.Parallel()
		db := open(t)
		d := models.EvaluationDataset{
			ID: "d-1", Name: "d", Digest: "x", CreatedMS: 1, UpdatedMS: 2, CreatedBy: "ann",
			Tags: []models.Tag{{Key: "a", Value: ""}, {Key: "b", Value: "2"}}, ExperimentIDs: []int64{0},
		}
		write(t, db, func(tx storage.Tx) {
			var err error
			d.Key, err = tx.EvaluationDatasets().Create(d)
			require.NoError(t, err)
		})
		view(t, db, func(tx storage.Tx) {
			found, err := tx.EvaluationDatasets().Find("d-1")
			require.NoError(t, err)
			require.Equal(t, d, found)
			_, err = tx.EvaluationDatasets().Find("d-2")
			require.True(t, models.IsKind(err, models.KindNotFound))
			list, next, err := tx.EvaluationDatasets().Search(models.Search{ExperimentIDs: []int64{0}, Limit: 1})
			require.NoError(t, err)
			require.Nil(t, next)
			require.Equal(t, []models.EvaluationDataset{d}, list)
		})
		write(t, db, func(tx storage.Tx) {
			store := tx.EvaluationDatasets()
			require.NoError(t, store.AddTo(d.Key, []int64{0}))
			n, err := store.RemoveFrom(d.Key, []int64{0, 7})
			require.NoError(t, err)
			require.Equal(t, int64(1), n)
			require.NoError(t, store.DeleteTag(d.Key, "none"))
			require.NoError(t, store.Delete(d.Key))
			_, err = store.Find("d-1")
			require.True(t, models.IsKind(err, models.KindNotFound))
		})
	})
	t.Run("a record's absent parts stay absent, and it goes with its dataset", func(t *testing.T) {
		t.Parallel()
		db := open(t)
		full := models.EvaluationRecord{
			ID: "dr-2", InputHash: "h2", Inputs: json.RawMessage(`{"b": 1, "a": 2}`), Outputs: json.RawMessage(`null`), Expectations: json.RawMessage(`{}`),
			Tags: json.RawMessage(`{"x":"y"}`), Source: json.RawMessage(`{}`), SourceType: "TRACE", SourceID: "tr-1",
			CreatedMS: 2, UpdatedMS: 3, CreatedBy: "ann", UpdatedBy: "bob",
		}
		bare := models.EvaluationRecord{ID: "dr-1", InputHash: "h1", Inputs: json.RawMessage(`{}`), Tags: json.RawMessage(`{}`), CreatedMS: 2, UpdatedMS: 2}
		write(t, db, func(tx storage.Tx) {
			store := tx.EvaluationDatasets()
			key, err := store.Create(models.EvaluationDataset{ID: "d-1", Name: "d", Digest: "x"})
			require.NoError(t, err)
			require.NoError(t, store.AddRecords(key, []models.EvaluationRecord{full, bare}))
			list, next, err := store.Records(key, models.Search{Limit: 1})
			require.NoError(t, err)
			bare.Key, full.Key = list[0].Key, list[0].Key-1
			require.Equal(t, []models.EvaluationRecord{bare}, list)
			list, next, err = store.Records(key, models.Search{Limit: 1, After: next})
			require.NoError(t, err)
			require.Nil(t, next)
			require.Equal(t, []models.EvaluationRecord{full}, list)
			list, err = store.RecordsByHash(key, []string{"h1", "h3"})
			require.NoError(t, err)
			require.Equal(t, []models.EvaluationRecord{bare}, list)
			require.NoError(t, store.Delete(key))
			n, err := store.CountRecords(key)
			require.NoError(t, err)
			require.Zero(t, n)
		})
	})
	t.Run("issues come the worst first", func(t *testing.T) {
		t.Parallel()
		db := open(t)
		issues := []models.Issue{
			{ID: "iss-1", Name: "a", Description: "d", Status: "pending", Severity: "high", CreatedMS: 1, RootCauses: []string{"x", "y"}},
			{ID: "iss-2", Name: "b", Description: "d", Status: "pending", CreatedMS: 9},
			{ID: "iss-3", Name: "c", Description: "d", Status: "resolved", Severity: "high", CreatedMS: 1, SourceRunID: "r", CreatedBy: "ann"},
		}
		write(t, db, func(tx storage.Tx) {
			for _, i := range issues {
				require.NoError(t, tx.Issues().Create(i))
			}
		})
		view(t, db, func(tx storage.Tx) {
			var seen []string
			q := models.Search{ExperimentIDs: []int64{0}, Limit: 1}
			for {
				list, next, err := tx.Issues().Search(q, false)
				require.NoError(t, err)
				seen = append(seen, list[0].ID)
				if q.After = next; next == nil {
					break
				}
			}
			require.Equal(t, []string{"iss-3", "iss-1", "iss-2"}, seen)
			found, err := tx.Issues().Find("iss-1")
			require.NoError(t, err)
			require.Equal(t, []string{"x", "y"}, found.RootCauses)
			require.Empty(t, found.Categories)
		})
	})
	t.Run("issues are counted and ordered by their traces", func(t *testing.T) {
		t.Parallel()
		db := open(t)
		first, second := newTrace(t, db, "tr-1", 1000), newTrace(t, db, "tr-2", 2000)
		refer := func(tx storage.Tx, traceKey int64, assessment, issue string, kind models.AssessmentType) {
			require.NoError(t, tx.Assessments().Save(traceKey, models.Assessment{
				ID: assessment, Name: issue, Type: kind, Value: json.RawMessage(`"x"`), SourceType: "CODE", Valid: true,
			}))
		}
		write(t, db, func(tx storage.Tx) {
			for i, id := range []string{"iss-1", "iss-2", "iss-3"} {
				require.NoError(t, tx.Issues().Create(models.Issue{ID: id, Name: id, Status: "pending", CreatedMS: int64(i)}))
			}
			refer(tx, first.Key, "a-1", "iss-1", models.AssessIssue)
			refer(tx, first.Key, "a-2", "iss-1", models.AssessIssue)
			refer(tx, second.Key, "a-3", "iss-1", models.AssessIssue)
			refer(tx, second.Key, "a-4", "iss-2", models.AssessFeedback)
			refer(tx, second.Key, "a-5", "iss-2", models.AssessIssue)
		})
		view(t, db, func(tx storage.Tx) {
			var seen []string
			q := models.Search{Limit: 2}
			for {
				list, next, err := tx.Issues().Search(q, true)
				require.NoError(t, err)
				for _, i := range list {
					seen = append(seen, fmt.Sprint(i.ID, " ", i.TraceCount))
				}
				if q.After = next; next == nil {
					break
				}
			}
			require.Equal(t, []string{"iss-1 2", "iss-2 1", "iss-3 0"}, seen)
		})
	})
	t.Run("a scorer's versions are numbered on from the highest", func(t *testing.T) {
		t.Parallel()
		db := open(t)
		write(t, db, func(tx storage.Tx) {
			store := tx.Scorers()
			key, err := store.Create(models.Scorer{ID: "s", ExperimentID: 0, Name: "s"})
			require.NoError(t, err)
			for want := int64(1); want <= 3; want++ {
				n, err := store.AddVersion(key, "{}", want)
				require.NoError(t, err)
				require.Equal(t, want, n)
			}
			there, err := store.DeleteVersion(key, 2)
			require.NoError(t, err)
			require.True(t, there)
			there, err = store.DeleteVersion(key, 2)
			require.NoError(t, err)
			require.False(t, there)
			scorer, err := store.Find(0, "s")
			require.NoError(t, err)
			list, err := store.Versions(scorer)
			require.NoError(t, err)
			require.Len(t, list, 2)
			latest, err := store.Latest(nil)
			require.NoError(t, err)
			require.Equal(t, list[1:], latest)
			require.NoError(t, store.SetOnline(key, models.OnlineScoring{ID: "o", SampleRate: 0.25}))
			online, err := store.WithOnline([]string{"s", "t"})
			require.NoError(t, err)
			require.Equal(t, &models.OnlineScoring{ID: "o", SampleRate: 0.25}, online[0].Online)
			require.NoError(t, store.Delete(key))
			latest, err = store.Latest([]int64{0})
			require.NoError(t, err)
			require.Empty(t, latest)
		})
	})
}
