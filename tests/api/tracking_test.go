package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

const a2 = "/api/2.0/mlflow/"

// object is JSON.
type object = map[string]any

// mlflow speaks MLflow's API to a server.
type mlflow struct {
	*world.World
	t testing.TB
}

func startMLflow(t *testing.T) mlflow { return mlflow{world.Start(t), t} }

// in is the same server for a subtest.
func (m mlflow) in(t *testing.T) mlflow { return mlflow{m.World, t} }

func (m mlflow) post(path string, body any) object {
	m.t.Helper()
	return m.OK(http.MethodPost, a2+path, body)
}

func (m mlflow) get(path string, query ...string) object {
	m.t.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(query); i += 2 {
		values.Add(query[i], query[i+1])
	}
	return m.OK(http.MethodGet, a2+path+"?"+values.Encode(), nil)
}

// refused posts what must be answered with this error, and no word of a
// database in it.
func (m mlflow) refused(code, message, path string, body any) {
	m.t.Helper()
	m.isError(m.Do(http.MethodPost, a2+path, body), code, message)
}

func (m mlflow) isError(r world.Response, code, message string) {
	m.t.Helper()
	status := map[string]int{"INVALID_PARAMETER_VALUE": 400, "RESOURCE_ALREADY_EXISTS": 400, "RESOURCE_DOES_NOT_EXIST": 404}[code]
	require.Equal(m.t, status, r.Status, "%s", r.Body)
	body := r.JSON(m.t)
	require.Equal(m.t, code, body["error_code"])
	require.Contains(m.t, body["message"], message)
	for _, word := range []string{"SQL", "constraint", "gorm", "sqlite"} {
		require.NotContains(m.t, body["message"], word)
	}
}

const (
	invalid = "INVALID_PARAMETER_VALUE"
	exists  = "RESOURCE_ALREADY_EXISTS"
	absent  = "RESOURCE_DOES_NOT_EXIST"
)

func (m mlflow) experiment(name string) string {
	m.t.Helper()
	return m.post("experiments/create", object{"name": name})["experiment_id"].(string)
}

func (m mlflow) run(experiment string) string {
	m.t.Helper()
	run := m.post("runs/create", object{"experiment_id": experiment, "start_time": 1700000000000})
	return run["run"].(object)["info"].(object)["run_id"].(string)
}

// data is a run's metrics, params and tags by key.
func (m mlflow) data(run string) (metrics, params, tags object) {
	m.t.Helper()
	data := m.get("runs/get", "run_id", run)["run"].(object)["data"].(object)
	return byKey(data["metrics"]), byKey(data["params"]), byKey(data["tags"])
}

func byKey(list any) object {
	out := object{}
	entries, _ := list.([]any)
	for _, e := range entries {
		out[e.(object)["key"].(string)] = e.(object)["value"]
	}
	return out
}

// together runs fn n times at once.
func together(n int, fn func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { fn(i) })
	}
	wg.Wait()
}

func TestExperiments(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)

	t.Run("the first one is there", func(t *testing.T) {
		t.Parallel()
		e := m.in(t).get("experiments/get", "experiment_id", "0")["experiment"].(object)
		require.Equal(t, "Default", e["name"])
		require.Equal(t, "mlflow-artifacts:/0", e["artifact_location"])
	})
	t.Run("a name is taken also while its experiment is deleted", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		id := m.experiment("gone")
		m.refused(exists, "already exists", "experiments/create", object{"name": "gone"})
		run := m.run(id)
		m.post("experiments/delete", object{"experiment_id": id})
		m.refused(exists, "deleted state. You can restore", "experiments/create", object{"name": "gone"})
		m.refused(invalid, "must be in the 'active' state", "runs/create", object{"experiment_id": id})
		m.refused(invalid, "must be in the 'active' state", "experiments/set-experiment-tag", object{"experiment_id": id, "key": "k", "value": "v"})
		m.refused(invalid, "must be in the 'active' state", "experiments/update", object{"experiment_id": id, "new_name": "n"})
		m.refused(absent, "No Experiment", "experiments/delete", object{"experiment_id": id})
		info := m.get("runs/get", "run_id", run)["run"].(object)["info"].(object)
		require.Equal(t, "deleted", info["lifecycle_stage"])
		m.post("experiments/restore", object{"experiment_id": id})
		m.refused(absent, "No Experiment", "experiments/restore", object{"experiment_id": id})
		info = m.get("runs/get", "run_id", run)["run"].(object)["info"].(object)
		require.Equal(t, "active", info["lifecycle_stage"])
	})
	t.Run("20 at once with one name make one", func(t *testing.T) {
		t.Parallel()
		var mu sync.Mutex
		statuses := map[int]int{}
		together(20, func(int) {
			r := m.Do(http.MethodPost, a2+"experiments/create", object{"name": "raced"})
			mu.Lock()
			defer mu.Unlock()
			statuses[r.Status]++
			if r.Status != 200 {
				m.in(t).isError(r, exists, "already exists")
			}
		})
		require.Equal(t, map[int]int{200: 1, 400: 19}, statuses)
	})
	t.Run("locations from which a path could escape are refused", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		for _, location := range []string{"s3://b/../x", "s3://b/%2e%2e/x", "s3://b/%252e%252e/x", "s3://b/x#f", "s3://b/x;p", "runs:/x/y"} {
			m.refused(invalid, "artifact_location", "experiments/create", object{"name": location, "artifact_location": location})
		}
	})
	t.Run("a location with a query keeps it behind the run's path", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		id := m.post("experiments/create", object{"name": "query", "artifact_location": "db://h:port/x?driver=d"})["experiment_id"].(string)
		run := m.run(id)
		info := m.get("runs/get", "run_id", run)["run"].(object)["info"].(object)
		require.Equal(t, "db://h:port/x/"+run+"/artifacts?driver=d", info["artifact_uri"])
	})
	t.Run("what a field lacks is named", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		m.refused(invalid, "Missing value for required parameter 'name'. See the API docs", "experiments/create", object{})
		m.refused(invalid, "Missing value for required parameter 'name'", "experiments/create", object{"name": ""})
		m.refused(invalid, "'name' exceeds the maximum length of 500", "experiments/create", object{"name": strings.Repeat("é", 501)})
		m.refused(invalid, "Invalid experiment ID 'x'", "experiments/delete", object{"experiment_id": "x"})
		m.refused(absent, "No Experiment with id=999999 exists", "runs/create", object{"experiment_id": "999999"})
		m.isError(m.Do(http.MethodGet, a2+"experiments/get-by-name?experiment_name=nobody", nil), absent, "Could not find experiment with name 'nobody'")
		m.refused(absent, "No tag with name: k", "experiments/delete-experiment-tag", object{"experiment_id": "0", "key": "k"})
	})
	t.Run("NUL is refused everywhere", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		run := m.run("0")
		for path, body := range map[string]object{
			"experiments/create":             {"name": "a\x00"},
			"experiments/set-experiment-tag": {"experiment_id": "0", "key": "k", "value": "a\x00"},
			"runs/set-tag":                   {"run_id": run, "key": "k", "value": "a\x00"},
			"runs/log-parameter":             {"run_id": run, "key": "k\x00", "value": "a"},
			"runs/log-batch":                 {"run_id": run, "tags": []object{{"key": "k", "value": "\x00"}}},
			"runs/update":                    {"run_id": run, "run_name": "a\x00"},
			"logged-models":                  {"experiment_id": "0", "tags": []object{{"key": "k", "value": "\x00"}}},
		} {
			m.refused(invalid, "NUL", path, body)
		}
		m.isError(m.Do(http.MethodGet, a2+"experiments/get-by-name?experiment_name=a%00", nil), invalid, "NUL")
		m.isError(m.Do(http.MethodGet, a2+"experiments/get-by-name?experiment_name=%ff", nil), invalid, "UTF-8")
	})
	t.Run("the twin under ajax-api answers the same", func(t *testing.T) {
		t.Parallel()
		r := m.OK(http.MethodGet, "/ajax-api/2.0/mlflow/experiments/get?experiment_id=0", nil)
		require.Equal(t, "0", r["experiment"].(object)["experiment_id"])
		require.Equal(t, "SqlStore", m.OK(http.MethodGet, "/api/3.0/mlflow/server-info", nil)["store_type"])
	})
	t.Run("a page leads to the next", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		for i := range 5 {
			m.experiment(fmt.Sprintf("page-%d", i))
		}
		query := object{"max_results": 2, "filter": "name LIKE 'page-%'", "order_by": []string{"name ASC"}}
		var names []string
		for {
			page := m.post("experiments/search", query)
			for _, e := range page["experiments"].([]any) {
				names = append(names, e.(object)["name"].(string))
			}
			if page["next_page_token"] == nil {
				break
			}
			query["page_token"] = page["next_page_token"]
		}
		require.Equal(t, []string{"page-0", "page-1", "page-2", "page-3", "page-4"}, names)
		m.refused(invalid, "max_results", "experiments/search", object{})
		m.refused(invalid, "max_results", "experiments/search", object{"max_results": 50001})
		m.refused(invalid, "Invalid page token", "experiments/search", object{"max_results": 1, "page_token": "rubbish"})
	})
}
