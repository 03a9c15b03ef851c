package api_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSearchOfRuns(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	experiment := m.experiment("search")
	names := map[string]string{}
	for i, name := range []string{"a", "b", "c", "d"} {
		created := m.post("runs/create", object{"experiment_id": experiment, "run_name": name, "start_time": 1000 + i, "user_id": "u" + name})
		run := created["run"].(object)["info"].(object)["run_id"].(string)
		names[run] = name
	}
	for run, name := range names {
		switch name {
		case "a":
			m.post("runs/log-batch", object{
				"run_id": run, "metrics": []object{{"key": "avg model score", "value": 0.4, "timestamp": 1}, {"key": "m", "value": 1, "timestamp": 1}},
				"params": []object{{"key": "q", "value": "it's"}}, "tags": []object{{"key": "t", "value": "X_1"}},
			})
		case "b":
			m.post("runs/log-batch", object{
				"run_id": run, "metrics": []object{{"key": "avg model score", "value": 0.9, "timestamp": 1}, {"key": "m", "value": "NaN", "timestamp": 1}},
				"params": []object{{"key": "q", "value": "50%*[a]?"}}, "tags": []object{{"key": "t", "value": "xx1"}},
			})
		case "c":
			m.post("runs/log-batch", object{"run_id": run, "metrics": []object{{"key": "m", "value": -3, "timestamp": 1}}})
			m.post("runs/log-inputs", object{"run_id": run, "datasets": []object{{
				"tags":    []object{{"key": "mlflow.data.context", "value": "train"}},
				"dataset": object{"name": "set", "digest": "9", "source_type": "l", "source": "s"},
			}}})
			m.post("runs/update", object{"run_id": run, "status": "FINISHED", "end_time": 2000})
		}
	}
	search := func(t *testing.T, body object) []string {
		t.Helper()
		body["experiment_ids"] = []string{experiment}
		found, _ := m.in(t).post("runs/search", body)["runs"].([]any)
		out := []string{}
		for _, run := range found {
			out = append(out, names[run.(object)["info"].(object)["run_id"].(string)])
		}
		return out
	}

	t.Run("filters", func(t *testing.T) {
		t.Parallel()
		for filter, want := range map[string][]string{
			"":                                     {"d", "c", "b", "a"},
			`params.q = "it's"`:                    {"a"},
			"params.q = 'it''s'":                   {"a"},
			"params.q LIKE '%''s'":                 {"a"},
			"params.q LIKE '50%*[a]?'":             {"b"},
			"params.q != 'x'":                      {"b", "a"},
			"params.q IS NULL":                     {"d", "c"},
			"params.q IS NOT NULL":                 {"b", "a"},
			"metrics.`avg model score` > 0.5":      {"b"},
			`metrics."avg model score" > 0.5`:      {"b"},
			"metrics.m > -100":                     {"c", "a"},
			"metrics.m = 0":                        {},
			"tags.t LIKE 'x%'":                     {"b"},
			"tags.t ILIKE 'x%'":                    {"b", "a"},
			"tags.t LIKE 'X_1' AND metrics.m <= 1": {"a"},
			"datasets.name = 'set'":                {"c"},
			"datasets.context IN ('train', 'x')":   {"c"},
			"datasets.digest != '9'":               {},
			"attributes.status = 'FINISHED'":       {"c"},
			"run_name = 'd' and start_time > 1":    {"d"},
			"user_id LIKE 'u_'":                    {"d", "c", "b", "a"},
			"end_time < 3000":                      {"c"},
			"start_time = 1001":                    {"b"},
			"artifact_uri LIKE 'mlflow-artifacts:/" + experiment + "/%/artifacts'": {"d", "c", "b", "a"},
			"run_id IN ('nobody')":       {},
			"params.q = 'x'' OR 1=1 --'": {},
		} {
			require.Equal(t, want, search(t, object{"filter": filter}), filter)
		}
	})
	t.Run("orders", func(t *testing.T) {
		t.Parallel()
		for order, want := range map[string][]string{
			"start_time ASC":                {"a", "b", "c", "d"},
			"attribute.start_time DESC":     {"d", "c", "b", "a"},
			"attributes.start_time desc":    {"d", "c", "b", "a"},
			"metrics.m":                     {"c", "a", "b", "d"},
			"metrics.m DESC":                {"a", "c", "b", "d"},
			"params.q DESC":                 {"a", "b", "d", "c"},
			`metrics."avg model score" ASC`: {"a", "b", "d", "c"},
			"tags.t":                        {"a", "b", "d", "c"},
			"end_time":                      {"c", "d", "b", "a"},
			"Run Name DESC":                 {"d", "c", "b", "a"},
		} {
			require.Equal(t, want, search(t, object{"order_by": []string{order}}), order)
		}
	})
	t.Run("pages", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		first := m.post("runs/search", object{"experiment_ids": []string{experiment}, "max_results": 3})
		require.Len(t, first["runs"], 3)
		second := m.post("runs/search", object{"experiment_ids": []string{experiment}, "max_results": 3, "page_token": first["next_page_token"]})
		require.Len(t, second["runs"], 1)
		require.Nil(t, second["next_page_token"])
	})
	t.Run("views", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		other := m.experiment("views")
		gone, here := m.run(other), m.run(other)
		m.post("runs/delete", object{"run_id": gone})
		ids := func(view any) []string {
			var out []string
			found, _ := m.post("runs/search", object{"experiment_ids": []string{other}, "run_view_type": view, "order_by": []string{"run_id"}})["runs"].([]any)
			for _, run := range found {
				out = append(out, run.(object)["info"].(object)["run_id"].(string))
			}
			return out
		}
		require.Equal(t, []string{here}, ids("ACTIVE_ONLY"))
		require.Equal(t, []string{gone}, ids(2))
		require.Equal(t, []string{gone, here}, ids("ALL"))
	})
	t.Run("refusals", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		for _, tc := range []struct {
			body object
			want string
		}{
			{object{"filter": "params.q = 'it"}, "character 12"},
			{object{"filter": "metrics.m-1.x > 1"}, "metrics.`m-1.x`"},
			{object{"filter": "params.q RLIKE 'x'"}, "use one of =, !=, LIKE, ILIKE"},
			{object{"filter": "metrics.m = '1'"}, "Expected a number"},
			{object{"order_by": []string{"metrics"}}, "Valid keys are run_id"},
			{object{"max_results": 0}, "Invalid value 0 for parameter 'max_results'"},
			{object{"max_results": -1}, "'max_results'"},
			{object{"max_results": 50001}, "'max_results'"},
			{object{"page_token": "rubbish"}, "Invalid page token"},
			{object{"experiment_ids": []string{"x"}}, "Invalid experiment ID 'x'"},
			{object{"run_view_type": "SOME"}, "use one of ACTIVE_ONLY"},
		} {
			if tc.body["experiment_ids"] == nil {
				tc.body["experiment_ids"] = []string{experiment}
			}
			m.refused(invalid, tc.want, "runs/search", tc.body)
		}
		require.Equal(t, object{}, m.post("runs/search", object{"experiment_ids": []string{}}))
		require.Equal(t, object{}, m.post("runs/search", object{"experiment_ids": []string{"424242"}}))
	})
}

func TestLoggedModels(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	experiment := m.experiment("models")
	run := m.run(experiment)
	ids := map[string]string{}
	for i, name := range []string{"x", "y", "z"} {
		info := m.post("logged-models", object{
			"experiment_id": experiment, "name": name, "source_run_id": run, "model_type": "t",
			"params": []object{{"key": "p", "value": fmt.Sprint(i)}}, "tags": []object{{"key": "k", "value": "v"}},
		})["model"].(object)["info"].(object)
		require.Equal(t, "LOGGED_MODEL_PENDING", info["status"])
		id := info["model_id"].(string)
		require.Equal(t, "mlflow-artifacts:/"+experiment+"/models/"+id+"/artifacts", info["artifact_uri"])
		ids[id] = name
		m.post("runs/log-metric", object{"run_id": run, "key": "acc", "value": 10 - i, "timestamp": 1, "model_id": id, "dataset_name": "d" + name, "dataset_digest": "1"})
	}
	search := func(body object) []string {
		body["experiment_ids"] = []string{experiment}
		found, _ := m.post("logged-models/search", body)["models"].([]any)
		out := []string{}
		for _, model := range found {
			out = append(out, ids[model.(object)["info"].(object)["model_id"].(string)])
		}
		return out
	}
	require.Equal(t, []string{"x"}, search(object{"filter": "name = 'x' AND params.p = '0' AND tags.k = 'v'"}))
	require.Equal(t, []string{"z"}, search(object{"filter": "metrics.acc < 9"}))
	require.Equal(t, []string{"z", "y", "x"}, search(object{"order_by": []object{{"field_name": "metrics.acc"}}}))
	require.Equal(t, []string{"x", "y", "z"}, search(object{"order_by": []object{{"field_name": "metrics.acc", "ascending": false}}}))
	require.Equal(t, []string{"y"}, search(object{"datasets": []object{{"dataset_name": "dy"}}}))
	require.Empty(t, search(object{"filter": "status = 'READY'"}))

	for id, name := range ids {
		if name == "x" {
			path := a2 + "logged-models/" + id
			require.Equal(t, "LOGGED_MODEL_READY", m.OK("PATCH", path, object{"model_id": id, "status": "LOGGED_MODEL_READY"})["model"].(object)["info"].(object)["status"])
			require.Equal(t, []string{"x"}, search(object{"filter": "status = 'READY'"}))
			m.OK("PATCH", path+"/tags", object{"tags": []object{{"key": "a/b", "value": "1"}}})
			m.OK("DELETE", path+"/tags/a%2Fb", nil)
			m.isError(m.Do("DELETE", path+"/tags/a%2Fb", nil), absent, "No tag with key")
			m.OK("POST", path+"/params", object{"params": []object{{"key": "late", "value": "1"}}})
			m.isError(m.Do("POST", path+"/params", object{"params": []object{{"key": "late", "value": "2"}}}), invalid, "Changing param values")
			m.isError(m.Do("PATCH", path, object{"status": "X"}), invalid, "status")
			m.OK("DELETE", path, nil)
			m.isError(m.Do("GET", path, nil), absent, "not found")
		}
	}
	require.Equal(t, []string{"z", "y"}, search(object{}))
	m.refused(invalid, "cannot contain the following characters", "logged-models", object{"experiment_id": experiment, "name": "a/b"})

	first := m.post("logged-models/search", object{"experiment_ids": []string{experiment}, "max_results": 1})
	require.Len(t, first["models"], 1)
	m.refused(invalid, "another filter", "logged-models/search", object{"experiment_ids": []string{experiment}, "filter": "name = 'y'", "page_token": first["next_page_token"]})
	second := m.post("logged-models/search", object{"experiment_ids": []string{experiment}, "max_results": 1, "page_token": first["next_page_token"]})
	require.Nil(t, second["next_page_token"])
}
