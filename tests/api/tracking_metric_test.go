package api_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMetrics(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)

	t.Run("NaN and infinities stay valid JSON", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		experiment := m.experiment("nan")
		run := m.run(experiment)
		for key, value := range map[string]string{"nan": "NaN", "up": "Infinity", "down": "-Infinity"} {
			m.post("runs/log-metric", object{"run_id": run, "key": key, "value": value, "timestamp": 1})
		}
		r := m.Do(http.MethodPost, a2+"runs/log-metric", `{"run_id": "`+run+`", "key": "bare", "value": NaN, "timestamp": 1}`)
		require.Equal(t, 200, r.Status)
		want := object{"nan": "NaN", "bare": "NaN", "up": 1.7976931348623157e308, "down": -1.7976931348623157e308}
		metrics, _, _ := m.data(run)
		require.Equal(t, want, metrics)
		found := m.post("runs/search", object{"experiment_ids": []string{experiment}})["runs"].([]any)
		require.Equal(t, want, byKey(found[0].(object)["data"].(object)["metrics"]))
		require.Equal(t, "NaN", m.get("metrics/get-history", "run_id", run, "metric_key", "nan")["metrics"].([]any)[0].(object)["value"])
		require.Nil(t, m.post("runs/search", object{"experiment_ids": []string{experiment}, "filter": "metrics.nan < 1"})["runs"])
	})
	t.Run("the latest is of the greatest step, time and value", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		run := m.run("0")
		for _, point := range [][3]int{{5, 2, 100}, {9, 1, 100}, {1, 2, 100}, {3, 2, 100}, {7, 2, 99}} {
			m.post("runs/log-metric", object{"run_id": run, "key": "m", "value": point[0], "step": point[1], "timestamp": point[2]})
		}
		metrics, _, _ := m.data(run)
		require.InDelta(t, 5, metrics["m"], 0)
		m.post("runs/log-batch", object{"run_id": run, "metrics": []object{
			{"key": "m", "value": 1, "step": 3, "timestamp": 5}, {"key": "m", "value": 2, "step": 4, "timestamp": 4}, {"key": "m", "value": 3, "step": 3, "timestamp": 9},
		}})
		metrics, _, _ = m.data(run)
		require.InDelta(t, 2, metrics["m"], 0)
	})
	t.Run("a point that arrives twice is one", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		run := m.run("0")
		for range 3 {
			m.post("runs/log-metric", object{"run_id": run, "key": "m", "value": 1, "timestamp": 1})
			m.post("runs/log-metric", object{"run_id": run, "key": "m", "value": "NaN", "timestamp": 1})
		}
		require.Len(t, m.get("metrics/get-history", "run_id", run, "metric_key", "m")["metrics"], 2)
	})
	t.Run("a history is read page by page, or whole", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		run := m.run("0")
		var points []object
		for i := range 10 {
			points = append(points, object{"key": "m", "value": float64(i) / 3, "step": 9 - i, "timestamp": i / 2})
		}
		m.post("runs/log-batch", object{"run_id": run, "metrics": points})
		whole := m.get("metrics/get-history", "run_id", run, "metric_key", "m")
		require.Len(t, whole["metrics"], 10)
		require.Nil(t, whole["next_page_token"])
		var paged []any
		token := ""
		for range 4 {
			page := m.get("metrics/get-history", "run_id", run, "metric_key", "m", "max_results", "3", "page_token", token)
			paged = append(paged, page["metrics"].([]any)...)
			token, _ = page["next_page_token"].(string)
		}
		require.Equal(t, whole["metrics"], paged)
		require.Empty(t, token)
		require.Equal(t, object{}, m.get("metrics/get-history", "run_id", run, "metric_key", "none"))
		for _, query := range []string{"&max_results=0", "&max_results=-1", "&page_token=rubbish"} {
			m.isError(m.Do(http.MethodGet, a2+"metrics/get-history?metric_key=m&run_id="+run+query, nil), invalid, "")
		}
	})
	t.Run("a sample keeps the first and the last", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		run := m.run("0")
		var points []object
		for i := range 1000 {
			points = append(points, object{"key": "m", "value": i, "step": i, "timestamp": 1})
		}
		m.post("runs/log-batch", object{"run_id": run, "metrics": points})
		for size, from := range map[int]int{1: 999, 2: 0, 7: 0, 999: 0, 1000: 0, 2500: 0} {
			got := m.get("metrics/get-history-bulk-interval", "run_ids", run, "metric_key", "m", "max_results", fmt.Sprint(size))["metrics"].([]any)
			require.Len(t, got, min(size, 1000))
			require.InDelta(t, from, got[0].(object)["step"], 0)
			require.InDelta(t, 999, got[len(got)-1].(object)["step"], 0)
			require.Equal(t, run, got[0].(object)["run_id"])
		}
		got := m.get("metrics/get-history-bulk-interval", "run_ids", run, "metric_key", "m", "start_step", "10", "end_step", "19", "max_results", "4")["metrics"].([]any)
		require.Len(t, got, 4)
		require.InDelta(t, 10, got[0].(object)["step"], 0)
		require.InDelta(t, 19, got[3].(object)["step"], 0)
	})
	t.Run("a metric of a logged model is both's", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		run := m.run("0")
		model := m.post("logged-models", object{"experiment_id": "0"})["model"].(object)["info"].(object)["model_id"].(string)
		m.post("runs/log-metric", object{
			"run_id": run, "key": "acc", "value": 0.9, "timestamp": 1, "model_id": model, "dataset_name": "d", "dataset_digest": "1",
		})
		metrics, _, _ := m.data(run)
		require.InDelta(t, 0.9, metrics["acc"], 0)
		data := m.get("logged-models/" + model)["model"].(object)["data"].(object)
		require.Equal(t, []any{object{
			"key": "acc", "value": 0.9, "timestamp": 1.0, "step": 0.0, "run_id": run, "model_id": model, "dataset_name": "d", "dataset_digest": "1",
		}}, data["metrics"])
		m.refused(absent, "m-nobody", "runs/log-metric", object{"run_id": run, "key": "acc", "value": 1, "timestamp": 1, "model_id": "m-nobody"})
	})
	t.Run("what is no metric is refused by name", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		run := m.run("0")
		for _, tc := range []struct {
			body object
			want string
		}{
			{object{"key": "m", "timestamp": 1}, "Missing value for required parameter 'value'"},
			{object{"key": "m", "value": 1}, "Missing value for required parameter 'timestamp'"},
			{object{"key": "m", "value": "much", "timestamp": 1}, `Invalid value "much" for parameter 'value'`},
			{object{"key": "m", "value": true, "timestamp": 1}, "Invalid value true for parameter 'value'"},
			{object{"key": "m", "value": 1, "timestamp": -1}, "nonnegative"},
			{object{"key": "a//b", "value": 1, "timestamp": 1}, "would resolve to 'a/b'"},
			{object{"key": "..", "value": 1, "timestamp": 1}, "Names may be treated as files"},
			{object{"key": "a\nb", "value": 1, "timestamp": 1}, "Names may only contain"},
		} {
			tc.body["run_id"] = run
			m.refused(invalid, tc.want, "runs/log-metric", tc.body)
		}
		for _, key := range []string{"a/b", "größe", "a b:c-d.e_f", "模"} {
			m.post("runs/log-metric", object{"run_id": run, "key": key, "value": 1, "timestamp": 1})
		}
	})
}
