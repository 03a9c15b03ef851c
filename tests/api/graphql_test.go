package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// ask sends a query and gives its data and its errors.
func (m mlflow) ask(query string, variables object) (data object, errs []any) {
	m.t.Helper()
	r := m.Do(http.MethodPost, "/graphql", object{"query": query, "variables": variables, "operationName": nil})
	require.Equal(m.t, 200, r.Status, "%s", r.Body)
	answer := r.JSON(m.t)
	require.Contains(m.t, answer, "data")
	data, _ = answer["data"].(object)
	errs, _ = answer["errors"].([]any)
	return data, errs
}

// one gives the only field of an answer without errors.
func (m mlflow) one(query string, variables object) object {
	m.t.Helper()
	data, errs := m.ask(query, variables)
	require.Empty(m.t, errs)
	require.Len(m.t, data, 1)
	for _, field := range data {
		return field.(object)
	}
	return nil
}

func TestGraphQL(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	experiment := m.experiment("graph")
	run := m.run(experiment)
	m.post("runs/log-batch", object{
		"run_id": run, "params": []object{{"key": "lr", "value": "0.1"}},
		"metrics": []object{
			{"key": "loss", "value": 0.5, "timestamp": 1700000000001, "step": 1},
			{"key": "loss", "value": 0.25, "timestamp": 1700000000002, "step": 2},
			{"key": "nan", "value": "NaN", "timestamp": 1, "step": 0},
			{"key": "top", "value": "Infinity", "timestamp": 1, "step": 0},
		},
	})
	m.post("runs/log-inputs", object{"run_id": run, "datasets": []object{{
		"dataset": object{"name": "shapes", "digest": "d1", "source_type": "local", "source": "x"},
		"tags":    []object{{"key": "mlflow.data.context", "value": "train"}},
	}}})
	createModel(m.World, "graph")
	m.post("model-versions/create", object{"name": "graph", "source": "runs:/" + run + "/model", "run_id": run})

	t.Run("a run, its experiment and its versions in one answer", func(t *testing.T) {
		t.Parallel()
		got := m.in(t).one(`query GetRun($data: MlflowGetRunInput!) @component(name: "page") {
			mlflowGetRun(input: $data) { __typename apiError { code } run {
				info { runUuid status startTime endTime }
				...rest
				experiment { experimentId name tags { key } }
				modelVersions { name version status creationTimestamp @skip(if: true) }
				inputs { datasetInputs { dataset { name sourceType } tags { key value } } }
			} } }
			fragment rest on MlflowRunExtension { data { params { key value } } info { experimentId } }`, object{"data": object{"runId": run}})
		require.Equal(t, object{
			"__typename": "MlflowGetRunResponse", "apiError": nil, "run": object{
				"info":          object{"runUuid": run, "status": "RUNNING", "startTime": "1700000000000", "endTime": "0", "experimentId": experiment},
				"data":          object{"params": []any{object{"key": "lr", "value": "0.1"}}},
				"experiment":    object{"experimentId": experiment, "name": "graph", "tags": []any{}},
				"modelVersions": []any{object{"name": "graph", "version": "1", "status": "READY"}},
				"inputs": object{"datasetInputs": []any{object{
					"dataset": object{"name": "shapes", "sourceType": "local"}, "tags": []any{object{"key": "mlflow.data.context", "value": "train"}},
				}}},
			},
		}, got)
	})
	t.Run("64 bits are text, what is no number is null", func(t *testing.T) {
		t.Parallel()
		got := m.in(t).one(`mutation { mlflowSearchRuns(input: {experimentIds: ["`+experiment+`"], runViewType: ACTIVE_ONLY}) {
			runs { data { metrics { key value timestamp step } } } nextPageToken } }`, nil)
		require.Empty(t, got["nextPageToken"])
		metrics := got["runs"].([]any)[0].(object)["data"].(object)["metrics"]
		require.ElementsMatch(t, []any{
			object{"key": "loss", "value": 0.25, "timestamp": "1700000000002", "step": "2"},
			object{"key": "nan", "value": nil, "timestamp": "1", "step": "0"},
			object{"key": "top", "value": 1.7976931348623157e308, "timestamp": "1", "step": "0"},
		}, metrics)
	})
	t.Run("a sample of a metric's history", func(t *testing.T) {
		t.Parallel()
		got := m.in(t).one(`query ($data: MlflowGetMetricHistoryBulkIntervalInput!) {
			mlflowGetMetricHistoryBulkInterval(input: $data) { metrics { runId key value step } } }`,
			object{"data": object{"runIds": []string{run}, "metricKey": "loss", "maxResults": 10, "startStep": nil}})
		require.Equal(t, []any{
			object{"runId": run, "key": "loss", "value": 0.5, "step": "1"}, object{"runId": run, "key": "loss", "value": 0.25, "step": "2"},
		}, got["metrics"])
	})
	t.Run("files, data sets and versions", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		for _, name := range []string{"a.txt", "d/b.txt"} {
			require.Equal(t, 200, m.Do(http.MethodPut, "/api/2.0/mlflow-artifacts/artifacts/"+experiment+"/"+run+"/artifacts/"+name, strings.NewReader("hello")).Status)
		}
		files := m.one(`{ mlflowListArtifacts(input: {runId: "`+run+`"}) { rootUri files { path isDir fileSize } } }`, nil)
		require.Equal(t, []any{object{"path": "a.txt", "isDir": false, "fileSize": "5"}, object{"path": "d", "isDir": true, "fileSize": "0"}}, files["files"])
		sets := m.one(`{ mlflowSearchDatasets(input: {experimentIds: ["`+experiment+`"]}) { datasetSummaries { experimentId name digest context } } }`, nil)
		require.Equal(t, []any{object{"experimentId": experiment, "name": "shapes", "digest": "d1", "context": "train"}}, sets["datasetSummaries"])
		versions := m.one(`{ mlflowSearchModelVersions(input: {filter: "name = 'graph'", maxResults: 5}) { modelVersions { version aliases } nextPageToken } }`, nil)
		require.Equal(t, []any{object{"version": "1", "aliases": []any{}}}, versions["modelVersions"])
	})
	t.Run("a GET asks by its URL", func(t *testing.T) {
		t.Parallel()
		query := url.Values{
			"query":     {`query One($in: MlflowGetExperimentInput) { mlflowGetExperiment(input: $in) { experiment { name } } } query Two { __typename }`},
			"variables": {`{"in": {"experimentId": "` + experiment + `"}}`}, "operationName": {"One"},
		}
		r := m.in(t).Do(http.MethodGet, "/graphql?"+query.Encode(), nil)
		require.JSONEq(t, `{"data": {"mlflowGetExperiment": {"experiment": {"name": "graph"}}}, "errors": null}`, string(r.Body))
	})
	t.Run("what is not there is told beside the data", func(t *testing.T) {
		t.Parallel()
		data, errs := m.in(t).ask(`{ mlflowGetRun(input: {runId: "00000000000000000000000000000000"}) { run { info { runId } } }
			mlflowGetExperiment(input: {experimentId: "0"}) { experiment { name } } }`, nil)
		require.Equal(t, object{"mlflowGetRun": nil, "mlflowGetExperiment": object{"experiment": object{"name": "Default"}}}, data)
		require.Equal(t, []any{"Run with id=00000000000000000000000000000000 not found"}, errs)
	})
}

func TestGraphQLRefuses(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	many := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format+" ", i)
		}
		return b.String()
	}
	const in = `{ mlflowGetExperiment(input: {experimentId: "0"}) { `
	for name, c := range map[string]struct{ query, message string }{
		"text that is no query":       {"{ mlflowGetRun(", "The query is not GraphQL: "},
		"a field that is not there":   {in + "experiment { color } } }", "color"},
		"an operation not there":      {"query A { __typename } query B { __typename }", "name one of its 2"},
		"what types there are":        {"{ __schema { types { name } } }", "__schema is not offered here"},
		"eleven root fields":          {"{ " + many(11, `k%d: mlflowGetExperiment(input: {experimentId: "0"}) { apiError { code } }`) + " }", "should have at most 10 root fields, got 11 root fields"},
		"eleven names for one field":  {in + many(11, "e%d: experiment { name }") + "} }", "should have at most 10 aliases, got 11 aliases"},
		"names spread over fragments": {in + many(6, "... { a%[1]d: experiment { name } b%[1]d: experiment { name } }") + "} }", "got 12 aliases"},
		"eleven levels":               {in + strings.Repeat("experiment { ", 9) + "name" + strings.Repeat("}", 9) + "} }", "Query exceeds maximum depth of 10"},
		"a thousand selections":       {in + many(1001, "field_%d") + "} }", "Query exceeds maximum total selections of 1000"},
		"fragments without an end":    {"{ ...a } fragment a on Query { mlflowGetRun { run { ...b } } } fragment b on MlflowRunExtension { data { ...c } } fragment c on MlflowRunData { params { ...c } }", "Query exceeds maximum depth of 10"},
		"brackets without an end":     {strings.Repeat("{ a ", 20_000), "exceeded maximum nesting depth"},
		"a number that is too large":  {`{ mlflowSearchRuns(input: {experimentIds: ["0"], maxResults: 99999999999999999999}) { nextPageToken } }`, ""},
		"a change":                    {`mutation { createExperiment(name: "x") { id } }`, "createExperiment"},
		"a subscription":              {"subscription { runs { id } }", "subscription"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, errs := m.in(t).ask(c.query, nil)
			require.NotEmpty(t, errs)
			require.Contains(t, errs[0], c.message)
		})
	}
	t.Run("a request without a query", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		badRequest(t, m.Do(http.MethodPost, "/graphql", object{}))
		badRequest(t, m.Do(http.MethodGet, "/graphql", nil))
		badRequest(t, m.Do(http.MethodPost, "/graphql", object{"query": "{ __typename }", "variables": "x"}))
		badRequest(t, m.Do(http.MethodPost, "/graphql", strings.NewReader("query={__typename}"), "Content-Type", "application/x-www-form-urlencoded"))
	})
	t.Run("a page of another origin", func(t *testing.T) {
		t.Parallel()
		r := m.in(t).Do(http.MethodPost, "/graphql", object{"query": "{ __typename }"}, "Origin", "http://evil.example")
		refused(t, r, 403, "PERMISSION_DENIED")
	})
}
