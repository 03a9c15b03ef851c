package api_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/tests/world"
)

func TestRuns(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)

	t.Run("a name and its tag are one", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		m.refused(invalid, "different values", "runs/create", object{
			"experiment_id": "0", "run_name": "a", "tags": []object{{"key": "mlflow.runName", "value": "b"}},
		})
		run := m.run("0")
		_, _, tags := m.data(run)
		require.Regexp(t, `^\w+-\w+-\d+$`, tags["mlflow.runName"])
		m.post("runs/set-tag", object{"run_id": run, "key": "mlflow.runName", "value": "second"})
		require.Equal(t, "second", m.get("runs/get", "run_uuid", run)["run"].(object)["info"].(object)["run_name"])
		m.post("runs/update", object{"run_id": run, "run_name": "third"})
		_, _, tags = m.data(run)
		require.Equal(t, "third", tags["mlflow.runName"])
		m.post("runs/log-batch", object{"run_id": run, "tags": []object{{"key": "mlflow.runName", "value": "fourth"}}})
		require.Equal(t, "fourth", m.get("runs/get", "run_id", run)["run"].(object)["info"].(object)["run_name"])
	})
	t.Run("ends, resumes, and is restored", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		run := m.run("0")
		info := m.post("runs/update", object{"run_uuid": run, "status": "FINISHED", "end_time": "1700000000009"})["run_info"].(object)
		require.Equal(t, "FINISHED", info["status"])
		require.InDelta(t, 1700000000009, info["end_time"], 0)
		require.Equal(t, "RUNNING", m.post("runs/update", object{"run_id": run, "status": 1})["run_info"].(object)["status"])
		m.refused(invalid, "use one of RUNNING, SCHEDULED, FINISHED, FAILED, KILLED", "runs/update", object{"run_id": run, "status": "DONE"})
		m.post("runs/delete", object{"run_id": run})
		m.post("runs/delete", object{"run_id": run})
		m.refused(invalid, "The run "+run+" must be in the 'active' state. Current state is deleted.", "runs/set-tag", object{"run_id": run, "key": "k"})
		m.post("runs/restore", object{"run_id": run})
		m.post("runs/set-tag", object{"run_id": run, "key": "k", "value": ""})
		_, _, tags := m.data(run)
		require.Empty(t, tags["k"])
		require.Contains(t, tags, "k")
	})
	t.Run("an unknown run is not found", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		m.isError(m.Do(http.MethodGet, a2+"runs/get?run_id=nobody", nil), absent, "Run with id=nobody not found")
		m.isError(m.Do(http.MethodGet, a2+"runs/get?run_id=..%2fx", nil), invalid, "run_id")
		m.refused(invalid, "Missing value for required parameter 'run_id'", "runs/delete", object{})
		m.refused(absent, "No tag with name: k", "runs/delete-tag", object{"run_id": m.run("0"), "key": "k"})
	})
	t.Run("a long value is cut, never refused", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		run := m.run("0")
		for _, n := range []int{6000, 6001, 8000} {
			key := fmt.Sprintf("p%d", n)
			m.post("runs/log-parameter", object{"run_id": run, "key": key, "value": strings.Repeat("é", n)})
			m.post("runs/log-batch", object{"run_id": run, "params": []object{{"key": "b" + key, "value": strings.Repeat("x", n)}}})
			_, params, _ := m.data(run)
			require.Len(t, []rune(params[key].(string)), 6000)
			require.Len(t, params["b"+key], 6000)
		}
		m.post("runs/set-tag", object{"run_id": run, "key": "t", "value": strings.Repeat("x", 8001)})
		_, _, tags := m.data(run)
		require.Len(t, tags["t"], 8000)
		m.refused(invalid, "exceeds the maximum length of 250", "runs/set-tag", object{"run_id": run, "key": strings.Repeat("k", 251)})
	})
	t.Run("a param is written once", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		run := m.run("0")
		for range 2 {
			m.post("runs/log-parameter", object{"run_id": run, "key": "k", "value": "A"})
			m.post("runs/log-batch", object{"run_id": run, "params": []object{{"key": "k", "value": "A"}, {"key": "e", "value": ""}}})
		}
		m.refused(invalid, "Changing param values is not allowed. Param with key='k' was already logged with value='A' for run ID='"+run+"'. Attempted logging new value 'B'.",
			"runs/log-parameter", object{"run_id": run, "key": "k", "value": "B"})
		m.refused(invalid, "Duplicate parameter keys have been submitted: ['k']", "runs/log-batch", object{
			"run_id": run, "params": []object{{"key": "k", "value": "A"}, {"key": "k", "value": "A"}},
		})
		_, params, _ := m.data(run)
		require.Equal(t, object{"k": "A", "e": ""}, params)
	})
	t.Run("a batch is whole or absent", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		run := m.run("0")
		m.post("runs/log-parameter", object{"run_id": run, "key": "k", "value": "A"})
		batch := object{
			"run_id": run, "params": []object{{"key": "new", "value": "1"}, {"key": "k", "value": "B"}},
			"metrics": []object{{"key": "m", "value": 1, "timestamp": 1}}, "tags": []object{{"key": "t", "value": "1"}},
		}
		m.refused(invalid, "{'key': 'k', 'old_value': 'A', 'new_value': 'B'}", "runs/log-batch", batch)
		metrics, params, tags := m.data(run)
		require.Empty(t, metrics)
		require.Equal(t, object{"k": "A"}, params)
		require.NotContains(t, tags, "t")
	})
	t.Run("a batch beyond its limits is refused with the count", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		run := m.run("0")
		many := func(n int, entry object) []object {
			out := make([]object, n)
			for i := range out {
				out[i] = object{"key": fmt.Sprintf("k%d", i)}
				for key, value := range entry {
					out[i][key] = value
				}
			}
			return out
		}
		m.refused(invalid, "at most 1000 metrics. Got 1001 metrics", "runs/log-batch", object{"run_id": run, "metrics": many(1001, object{"value": 1, "timestamp": 1})})
		m.refused(invalid, "at most 100 params. Got 101 params", "runs/log-batch", object{"run_id": run, "params": many(101, object{"value": "1"})})
		m.refused(invalid, "at most 100 tags. Got 101 tags", "runs/log-batch", object{"run_id": run, "tags": many(101, object{"value": "1"})})
		m.refused(invalid, "at most 1000 metrics, params, and tags. Got 1001", "runs/log-batch", object{
			"run_id": run, "metrics": many(1000, object{"value": 1, "timestamp": 1}), "tags": many(1, object{"value": "1"}),
		})
		m.refused(invalid, "'metrics[0].timestamp'", "runs/log-batch", object{"run_id": run, "metrics": []object{{"key": "m", "value": 1}}})
		m.refused(invalid, `Invalid value "a//b" for parameter 'metrics[1].name'`, "runs/log-batch", object{
			"run_id": run, "metrics": []object{{"key": "m", "value": 1, "timestamp": 1}, {"key": "a//b", "value": 1, "timestamp": 1}},
		})
		metrics, _, _ := m.data(run)
		require.Empty(t, metrics)
		m.post("runs/log-batch", object{"run_id": run, "metrics": many(900, object{"value": 1, "timestamp": 1}), "tags": many(100, object{"value": "1"})})
		metrics, _, _ = m.data(run)
		require.Len(t, metrics, 900)
	})
	t.Run("20 writers of one tag leave one value", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		run := m.run("0")
		together(20, func(i int) {
			r := m.Do(http.MethodPost, a2+"runs/set-tag", object{"run_id": run, "key": "raced", "value": fmt.Sprint(i)})
			require.Equal(t, 200, r.Status)
		})
		_, _, tags := m.data(run)
		require.Regexp(t, `^\d+$`, tags["raced"])
	})
	t.Run("50 writers at once lose nothing", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		run := m.run("0")
		together(50, func(i int) {
			for step := range 4 {
				r := m.Do(http.MethodPost, a2+"runs/log-metric", object{"run_id": run, "key": fmt.Sprintf("w%d", i), "value": step, "timestamp": 1, "step": step})
				require.Equal(t, 200, r.Status, "%s", r.Body)
			}
		})
		metrics, _, _ := m.data(run)
		require.Len(t, metrics, 50)
		for _, value := range metrics {
			require.InDelta(t, 3, value, 0)
		}
	})
	t.Run("inputs and outputs are linked once", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		experiment := m.experiment("inputs")
		run := m.run(experiment)
		model := m.post("logged-models", object{"experiment_id": experiment, "name": "n"})["model"].(object)["info"].(object)["model_id"].(string)
		in := object{
			"run_id": run, "models": []object{{"model_id": model}},
			"datasets": []object{{
				"tags":    []object{{"key": "mlflow.data.context", "value": "train"}},
				"dataset": object{"name": "d", "digest": "1", "source_type": "local", "source": "{}"},
			}},
		}
		for range 2 {
			m.post("runs/log-inputs", in)
			m.post("runs/outputs", object{"run_id": run, "models": []object{{"model_id": model, "step": 3}}})
		}
		got := m.get("runs/get", "run_id", run)["run"].(object)
		require.Len(t, got["inputs"].(object)["dataset_inputs"], 1)
		require.Len(t, got["inputs"].(object)["model_inputs"], 1)
		require.Equal(t, []any{object{"model_id": model, "step": 3.0}}, got["outputs"].(object)["model_outputs"])
		summaries := m.post("experiments/search-datasets", object{"experiment_ids": []string{experiment}})["dataset_summaries"]
		require.Equal(t, []any{object{"experiment_id": experiment, "name": "d", "digest": "1", "context": "train"}}, summaries)
		m.refused(absent, "Logged model with ID 'm-0' not found", "runs/outputs", object{"run_id": run, "models": []object{{"model_id": "m-0"}}})
		m.refused(invalid, "'datasets[0].dataset.digest'", "runs/log-inputs", object{"run_id": run, "datasets": []object{{"dataset": object{"name": "d"}}}})
	})
	t.Run("the way old clients log a model", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		run := m.run("0")
		m.refused(invalid, "missing mandatory fields: flavors, utc_time_created", "runs/log-model", object{"run_id": run, "model_json": `{"artifact_path": "a", "run_id": "r"}`})
		for range 2 {
			m.post("runs/log-model", object{"run_id": run, "model_json": `{"artifact_path": "a", "run_id": "r", "flavors": {}, "utc_time_created": "t"}`})
		}
		_, _, tags := m.data(run)
		require.Equal(t, 2, strings.Count(tags["mlflow.log-model.history"].(string), "artifact_path"))
	})
}

func TestLongValuesAreRefusedWhereTheOperatorSaysSo(t *testing.T) {
	t.Parallel()
	t.Run("by MLflow's variable", func(t *testing.T) {
		t.Parallel()
		truncate := false
		refusesLongValues(t, func(c *config.Config) { c.TruncateLongValues = &truncate })
	})
	t.Run("by the flag", func(t *testing.T) {
		t.Parallel()
		refusesLongValues(t, func(c *config.Config) { c.RefuseLongValues = true })
	})
}

func refusesLongValues(t *testing.T, change func(*config.Config)) {
	t.Helper()
	m := mlflow{world.Start(t, change), t}
	run := m.run("0")
	long := strings.Repeat("x", 6001)
	m.refused(invalid, "'value of k' exceeds the maximum length of 6000 characters", "runs/log-parameter", object{"run_id": run, "key": "k", "value": long})
	m.refused(invalid, "exceeds the maximum length of 6000", "runs/log-batch", object{"run_id": run, "params": []object{{"key": "k", "value": long}}})
	_, params, _ := m.data(run)
	require.Empty(t, params)
}

func TestABodyThatIsTooLargeIsRefused(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	// Its size is not told: the server knows when it has read too much.
	body := io.MultiReader(strings.NewReader(`{"run_id": "`), io.LimitReader(endless{}, 8<<20), strings.NewReader(`"}`))
	r := m.Do(http.MethodPost, a2+"runs/delete", body, "Content-Type", "application/json", "Expect", "100-continue")
	require.Equal(t, http.StatusRequestEntityTooLarge, r.Status, "%s", r.Body)
	require.Contains(t, r.JSON(t)["message"], "larger than 8388608 bytes")
}
