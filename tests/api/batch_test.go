package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
	"github.com/slipway-ml/slipway/tests/world"
)

// onBoth runs a test on a server of each database.
func onBoth(t *testing.T, test func(t *testing.T, m mlflow)) {
	t.Helper()
	for name, change := range map[string]func(*config.Config){
		"sqlite":   func(c *config.Config) { c.BackendStoreURI = "sqlite:///" + t.TempDir() + "/slipway.db" },
		"postgres": func(c *config.Config) { c.BackendStoreURI = postgres.Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, mlflow{world.Start(t, change), t})
		})
	}
}

// One element that is wrong, at the end of a batch that is right: nothing of
// the batch is stored.
func TestABatchIsWholeOrAbsent(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, m mlflow) {
		run := m.run("0")
		m.post("runs/log-parameter", object{"run_id": run, "key": "stored", "value": "1"})
		metric := func(changes object) object {
			point := object{"key": "bad", "value": 1, "timestamp": 1, "step": 1}
			for name, value := range changes {
				point[name] = value
			}
			return point
		}
		long := func(n int) string { return strings.Repeat("x", n) }
		for name, tc := range map[string]struct {
			list string
			bad  object
			says string
		}{
			"a param of another value":      {"params", object{"key": "stored", "value": "2"}, "Changing param values is not allowed"},
			"a param that contradicts":      {"params", object{"key": "good", "value": "other"}, "good"},
			"a param without a key":         {"params", object{"value": "1"}, "key"},
			"a param's key that is long":    {"params", object{"key": long(251), "value": "1"}, "250"},
			"a param's key that leads out":  {"params", object{"key": "../x", "value": "1"}, "../x"},
			"a param's key with a sign":     {"params", object{"key": "a\"b", "value": "1"}, "Names may only contain"},
			"a param's value that is none":  {"params", object{"key": "bad", "value": 1}, "value"},
			"a param with a NUL":            {"params", object{"key": "bad", "value": "\x00"}, "NUL"},
			"a metric without a key":        {"metrics", object{"value": 1, "timestamp": 1}, "key"},
			"a metric without a value":      {"metrics", object{"key": "bad", "timestamp": 1}, "value"},
			"a metric without a time":       {"metrics", object{"key": "bad", "value": 1}, "timestamp"},
			"a metric that is no number":    {"metrics", metric(object{"value": "much"}), "value"},
			"a metric before all time":      {"metrics", metric(object{"timestamp": -1}), "timestamp"},
			"a metric at a step of text":    {"metrics", metric(object{"step": "one"}), "step"},
			"a metric's key that is long":   {"metrics", metric(object{"key": long(251)}), "250"},
			"a metric's key that leads out": {"metrics", metric(object{"key": "a/../.."}), "Names may be treated as files"},
			"a metric with a NUL":           {"metrics", metric(object{"key": "a\x00"}), "NUL"},
			"a metric beyond 64 bits":       {"metrics", metric(object{"step": 1e30}), "step"},
			"a tag without a key":           {"tags", object{"value": "1"}, "key"},
			"a tag's key that is long":      {"tags", object{"key": long(251), "value": "1"}, "250"},
			"a tag with a NUL":              {"tags", object{"key": "bad", "value": "\x00"}, "NUL"},
			"a tag's value that is none":    {"tags", object{"key": "bad", "value": object{}}, "value"},
		} {
			t.Run(name, func(t *testing.T) {
				m := m.in(t)
				batch := object{
					"run_id":  run,
					"metrics": []object{{"key": "good", "value": 1, "timestamp": 1}},
					"params":  []object{{"key": "good", "value": "1"}},
					"tags":    []object{{"key": "good", "value": "1"}},
				}
				batch[tc.list] = append(batch[tc.list].([]object), tc.bad)
				m.refused(invalid, tc.says, "runs/log-batch", batch)
				metrics, params, tags := m.data(run)
				require.Empty(t, metrics)
				require.Equal(t, object{"stored": "1"}, params)
				require.NotContains(t, tags, "good")
			})
		}
	})
}

// What is made with tags of which one is wrong is not made.
func TestWhatIsMadeIsWholeOrAbsent(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, m mlflow) {
		wrong := []object{{"key": "good", "value": "1"}, {"key": strings.Repeat("k", 300), "value": "1"}}
		m.post("registered-models/create", object{"name": "there"})
		for path, body := range map[string]object{
			"experiments/create":       {"name": "none"},
			"runs/create":              {"experiment_id": "0"},
			"registered-models/create": {"name": "none"},
			"model-versions/create":    {"name": "there", "source": "s3://elsewhere/x"},
		} {
			body["tags"] = wrong
			m.refused(invalid, "250", path, body)
		}
		m.isError(m.Do(get, a2+"experiments/get-by-name?experiment_name=none", nil), absent, "none")
		m.isError(m.Do(get, a2+"registered-models/get?name=none", nil), absent, "none")
		require.Empty(t, m.post("runs/search", object{"experiment_ids": []string{"0"}})["runs"])
		version := m.post("model-versions/create", object{"name": "there", "source": "s3://elsewhere/x"})["model_version"].(object)
		require.Equal(t, "1", version["version"], "a number that was refused is not used up")
	})
}

// The same param twice at once with two values, many times: one is stored and
// the other refused.
func TestAParamIsLoggedOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, m mlflow) {
		run := m.run("0")
		stored := object{}
		for round := range 60 {
			key := fmt.Sprintf("p%d", round)
			answers := make([]world.Response, 2)
			together(2, func(i int) {
				if (round+i)%3 == 0 {
					answers[i] = m.Do(post, a2+"runs/log-batch", object{"run_id": run, "params": []object{{"key": key, "value": fmt.Sprint(i)}}})
					return
				}
				answers[i] = m.Do(post, a2+"runs/log-parameter", object{"run_id": run, "key": key, "value": fmt.Sprint(i)})
			})
			won := 0
			if answers[0].Status != 200 {
				won = 1
			}
			require.Equal(t, 200, answers[won].Status, "%s", answers[won].Body)
			m.isError(answers[1-won], invalid, fmt.Sprintf("was already logged with value='%d'", won))
			stored[key] = fmt.Sprint(won)
		}
		_, params, _ := m.data(run)
		require.Equal(t, stored, params)
	})
}

// Eight clients that set one experiment at once, as the stock client does it:
// who is too late to make it gets it.
func TestAnExperimentIsSetByManyAtOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, m mlflow) {
		for round := range 10 {
			name := fmt.Sprintf("e%d", round)
			ids := make([]any, 8)
			together(len(ids), func(i int) {
				if r := m.Do(get, a2+"experiments/get-by-name?experiment_name="+name, nil); r.Status == 200 {
					ids[i] = r.JSON(t)["experiment"].(object)["experiment_id"]
					return
				}
				r := m.Do(post, a2+"experiments/create", object{"name": name})
				if r.Status == 200 {
					ids[i] = r.JSON(t)["experiment_id"]
					return
				}
				if r.JSON(t)["error_code"] != exists {
					t.Errorf("%s", r.Body)
				}
				ids[i] = m.get("experiments/get-by-name", "experiment_name", name)["experiment"].(object)["experiment_id"]
			})
			require.NotEmpty(t, ids[0])
			for _, id := range ids {
				require.Equal(t, ids[0], id)
			}
		}
	})
}
