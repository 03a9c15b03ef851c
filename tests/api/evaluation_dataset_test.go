package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

// evaluations speaks the part of MLflow's API for evaluation.
type evaluations struct{ mlflow }

func startEvaluations(t *testing.T) evaluations { return evaluations{startMLflow(t)} }

func (e evaluations) in(t *testing.T) evaluations { return evaluations{e.mlflow.in(t)} }

func (e evaluations) call(method, path string, body any) object {
	e.t.Helper()
	return e.OK(method, a3+path, body)
}

func (e evaluations) fails(code, message, method, path string, body any) {
	e.t.Helper()
	e.isError(e.Do(method, a3+path, body), code, message)
}

// dataset makes an evaluation dataset and gives its id.
func (e evaluations) dataset(body object) string {
	e.t.Helper()
	return e.call(http.MethodPost, "datasets/create", body)["dataset"].(object)["dataset_id"].(string)
}

func (e evaluations) get(id string) object {
	e.t.Helper()
	return e.call(http.MethodGet, "datasets/"+id, nil)["dataset"].(object)
}

// save upserts records, written as JSON, and gives the two counts.
func (e evaluations) save(id, records string) (inserted, updated float64) {
	e.t.Helper()
	out := e.call(http.MethodPost, "datasets/"+id+"/records", object{"records": records})
	return out["inserted_count"].(float64), out["updated_count"].(float64)
}

// records reads a page of records.
func (e evaluations) records(id, query string) (list []object, next string) {
	e.t.Helper()
	out := e.call(http.MethodGet, "datasets/"+id+"/records"+query, nil)
	require.NoError(e.t, json.Unmarshal([]byte(out["records"].(string)), &list))
	next, _ = out["next_page_token"].(string)
	return list, next
}

// names are the names found by a search.
func (e evaluations) names(search object) (names []string) {
	e.t.Helper()
	list, _ := e.call(http.MethodPost, "datasets/search", search)["datasets"].([]any)
	for _, d := range list {
		names = append(names, d.(object)["name"].(string))
	}
	return names
}

func TestEvaluationDatasets(t *testing.T) {
	t.Parallel()
	all := startEvaluations(t)

	t.Run("a dataset's life", func(t *testing.T) {
		t.Parallel()
		e := all.in(t)
		x, y := e.experiment("life-x"), e.experiment("life-y")
		made := e.call(http.MethodPost, "datasets/create", object{
			"name": "life", "experiment_ids": []string{x, x}, "tags": `{"team": "ml", "n": 1, "yes": true, "mlflow.user": "ann"}`,
		})["dataset"].(object)
		id := made["dataset_id"].(string)
		require.Regexp(t, "^d-[0-9a-f]{32}$", id)
		require.JSONEq(t, `{"team": "ml", "n": "1", "yes": "True", "mlflow.user": "ann"}`, made["tags"].(string))
		require.Equal(t, []any{x}, made["experiment_ids"])
		require.Equal(t, "ann", made["created_by"])
		require.NotContains(t, made, "schema")
		require.NotContains(t, made, "profile")
		require.Equal(t, made, e.get(id))

		e.call(http.MethodPatch, "datasets/"+id+"/tags", object{"tags": `{"team": "data", "n": null, "a/b": "c"}`})
		require.JSONEq(t, `{"team": "data", "yes": "True", "mlflow.user": "ann", "a/b": "c"}`, e.get(id)["tags"].(string))
		for range 2 { // again is the same
			e.call(http.MethodDelete, "datasets/"+id+"/tags/a/b", nil)
		}
		require.JSONEq(t, `{"team": "data", "yes": "True", "mlflow.user": "ann"}`, e.get(id)["tags"].(string))

		for range 2 {
			d := e.call(http.MethodPost, "datasets/"+id+"/add-experiments", object{"experiment_ids": []string{y, x}})["dataset"].(object)
			require.Equal(t, []any{x, y}, d["experiment_ids"])
		}
		require.Equal(t, object{"experiment_ids": []any{x, y}}, e.call(http.MethodGet, "datasets/"+id+"/experiment-ids", nil))
		for range 2 {
			d := e.call(http.MethodPost, "datasets/"+id+"/remove-experiments", object{"experiment_ids": []string{x}})["dataset"].(object)
			require.Equal(t, []any{y}, d["experiment_ids"])
		}
		require.Equal(t, made["digest"], e.get(id)["digest"], "it tells of the records alone")

		for range 2 {
			require.Equal(t, object{}, e.call(http.MethodDelete, "datasets/"+id, nil))
		}
		e.fails(absent, "Evaluation dataset with id '"+id+"' not found", http.MethodGet, "datasets/"+id, nil)
		require.Equal(t, object{}, e.call(http.MethodDelete, "datasets/"+id+"/tags/x", nil), "gone already")
	})
	t.Run("records are one for the same inputs", func(t *testing.T) {
		t.Parallel()
		e := all.in(t)
		id := e.dataset(object{"name": "records"})
		inserted, updated := e.save(id, `[
			{"inputs": {"q": "a", "n": 1}, "expectations": {"x": 1.5}, "tags": {"mlflow.user": "ann", "d": "easy"},
			 "source": {"source_type": "trace", "source_data": {"trace_id": "tr-1"}}},
			{"inputs": {"q": "b"}, "outputs": null, "source": {}},
			{"inputs": {"n": 1, "q": "a"}, "outputs": ["kept", "whole"], "expectations": {"y": null}, "tags": {"mlflow.user": "bob"}}]`)
		require.Equal(t, []float64{2, 1}, []float64{inserted, updated})
		list, next := e.records(id, "")
		require.Empty(t, next)
		require.Len(t, list, 2)
		a, b := list[0], list[1]
		require.Regexp(t, "^dr-[0-9a-f]{32}$", a["dataset_record_id"])
		for _, key := range []string{"dataset_record_id", "created_time", "last_update_time"} {
			delete(a, key)
			delete(b, key)
		}
		require.Equal(t, object{
			"dataset_id": id, "inputs": object{"q": "a", "n": 1.0}, "outputs": []any{"kept", "whole"}, "expectations": object{"x": 1.5, "y": nil},
			"tags":   object{"mlflow.user": "bob", "d": "easy"},
			"source": object{"source_type": "TRACE", "source_data": object{"trace_id": "tr-1"}}, "source_type": "TRACE", "source_id": "tr-1",
			"created_by": "ann", "last_updated_by": "bob",
		}, a)
		require.Equal(t, object{"dataset_id": id, "inputs": object{"q": "b"}, "tags": object{}}, b, "null outputs are none")

		d := e.get(id)
		require.JSONEq(t, `{"num_records": 2}`, d["profile"].(string))
		require.JSONEq(t, `{"inputs": {"q": "string", "n": "integer"}, "outputs": "array", "expectations": {"x": "float", "y": "null"}, "version": "1.0"}`,
			d["schema"].(string))
		require.Equal(t, "bob", d["last_updated_by"])

		inserted, updated = e.save(id, `[{"inputs": {"q": "b"}, "outputs": {"o": {}}}, {"inputs": {"q": "c", "deep": [1]}}]`)
		require.Equal(t, []float64{1, 1}, []float64{inserted, updated})
		list, _ = e.records(id, "")
		require.Equal(t, object{"o": object{}}, list[1]["outputs"])
		require.Equal(t, object{}, list[2]["outputs"], "absent outputs are empty ones")
		more := e.get(id)
		require.NotEqual(t, d["digest"], more["digest"])
		require.NotContains(t, more, "last_updated_by", "nobody said who")

		first, last := list[0]["dataset_record_id"].(string), list[2]["dataset_record_id"].(string)
		out := e.call(http.MethodDelete, "datasets/"+id+"/records", object{"dataset_record_ids": []string{first, last, "dr-none"}})
		require.Equal(t, object{"deleted_count": 2.0}, out)
		require.Equal(t, object{"deleted_count": 0.0}, e.call(http.MethodDelete, "datasets/"+id+"/records", object{"dataset_record_ids": []string{first}}))
		require.JSONEq(t, `{"num_records": 1}`, e.get(id)["profile"].(string))
		e.call(http.MethodDelete, "datasets/"+id+"/records", object{"dataset_record_ids": []string{list[1]["dataset_record_id"].(string)}})
		require.NotContains(t, e.get(id), "profile")
		list, _ = e.records(id, "")
		require.Empty(t, list)
	})
	t.Run("records keep what JSON tells", func(t *testing.T) {
		t.Parallel()
		e := all.in(t)
		id := e.dataset(object{"name": "json"})
		const inputs = `{"z":12345678901234567890,"f":1.0,"<":"\u0000 é 模型 & \ud800"}`
		e.save(id, `[{"inputs": `+inputs+`}]`)
		out := e.call(http.MethodGet, "datasets/"+id+"/records", nil)
		require.Contains(t, out["records"], `"inputs":`+inputs)
		_, updated := e.save(id, `[{"inputs": {"<": "\u0000 é 模型 & \ud800", "f": 1.0, "z": 12345678901234567890}}]`)
		require.InDelta(t, 1, updated, 0)
	})
	t.Run("pages neither skip nor repeat", func(t *testing.T) {
		t.Parallel()
		e := all.in(t)
		id := e.dataset(object{"name": "pages"})
		var records []object
		for i := range 25 {
			records = append(records, object{"inputs": object{"i": i}})
		}
		text, _ := json.Marshal(records)
		e.save(id, string(text))
		var seen []float64
		token := ""
		for {
			list, next := e.records(id, "?max_results=10&page_token="+token)
			for _, r := range list {
				seen = append(seen, r["inputs"].(object)["i"].(float64))
			}
			if token = next; token == "" {
				break
			}
			e.call(http.MethodDelete, "datasets/"+id+"/records", object{"dataset_record_ids": []any{list[0]["dataset_record_id"]}})
		}
		require.Len(t, seen, 25)
		for i, n := range seen {
			require.InDelta(t, i, n, 0, "in the order in which they came")
		}
	})
	t.Run("two upserts at once add a record once", func(t *testing.T) {
		t.Parallel()
		e := all.in(t)
		id := e.dataset(object{"name": "at once"})
		inserted := make([]float64, 10)
		together(10, func(i int) { inserted[i], _ = e.save(id, `[{"inputs": {"q": 1}}, {"inputs": {"q": 2}}]`) })
		sum := 0.0
		for _, n := range inserted {
			sum += n
		}
		require.InDelta(t, 2, sum, 0)
	})
	t.Run("refusals name the parameter", func(t *testing.T) {
		t.Parallel()
		e := all.in(t)
		id := e.dataset(object{"name": "refused"})
		create, records := "datasets/create", "datasets/"+id+"/records"
		e.fails(invalid, "Missing value for required parameter 'name'", http.MethodPost, create, object{})
		e.fails(invalid, "'name' supplied", http.MethodPost, create, object{"name": " "})
		e.fails(invalid, "'tags' supplied", http.MethodPost, create, object{"name": "x", "tags": "[1]"})
		e.fails(invalid, "'tags: the value of k'", http.MethodPost, create, object{"name": "x", "tags": fmt.Sprintf(`{"k": "%05001d"}`, 1)})
		e.fails(invalid, "NUL", http.MethodPost, create, object{"name": "x", "tags": `{"k": "\u0000"}`})
		e.fails(absent, "No Experiment with id=999", http.MethodPost, create, object{"name": "x", "experiment_ids": []string{"999"}})
		e.fails(invalid, "experiment_ids has 1001 entries", http.MethodPost, create, object{"name": "x", "experiment_ids": strings.Split(strings.Repeat("0,", 1000)+"0", ",")})
		e.fails(invalid, "Invalid experiment ID 'x'", http.MethodPost, create, object{"name": "x", "experiment_ids": []string{"x"}})
		for _, tc := range [][2]string{
			{`{}`, "expected a JSON list of objects in a string, such as [{\"inputs\": {}}]; it has a object"},
			{`[1]`, "it has a number"},
			{`[{"inputs": {}}`, "unexpected end of JSON input"},
			{`[null]`, "a record must be an object"},
			{`[{"inputs": {"x": NaN, "y": "z"}}]`, "It has NaN or an infinity, which JSON lacks: send null"},
			{`[{"inputs": {}}, {"inputs": [1]}]`, "'records[1].inputs'"},
			{`[{"inputs": null}]`, "'records[0].inputs'"},
			{`[{"inputs": {}, "expectations": 1}]`, "'records[0].expectations'"},
			{`[{"inputs": {}, "tags": "x"}]`, "'records[0].tags'"},
			{`[{"inputs": {}, "source": {"source_type": "moon"}}]`, "Invalid dataset record source type: moon"},
			{`[{"inputs": {}, "source": "x"}]`, "'records[0].source'"},
			{`[{"inputs": {}, "source": {"source_type": "TRACE", "source_data": {"trace_id": "\u0000"}}}]`, "'records[0].source.source_data.trace_id'"},
			{`[{"inputs": {}, "tags": {"mlflow.user": "\u0000"}}]`, "'records[0].tags.mlflow.user'"},
		} {
			e.fails(invalid, tc[1], http.MethodPost, records, object{"records": tc[0]})
		}
		list, _ := e.records(id, "")
		require.Empty(t, list, "none of it was stored")
		for _, path := range []string{"/records", "/add-experiments", "/remove-experiments"} {
			e.fails(absent, "not found", http.MethodPost, "datasets/d-none"+path, object{"records": "[]", "experiment_ids": []string{"0"}})
		}
		e.fails(absent, "not found", http.MethodGet, "datasets/d-none/records", nil)
		require.Equal(t, object{}, e.call(http.MethodGet, "datasets/d-none/experiment-ids", nil))
		e.fails(absent, "not found", http.MethodPatch, "datasets/d-none/tags", object{"tags": "{}"})
		e.fails(absent, "No Experiment with id=999", http.MethodPost, "datasets/"+id+"/add-experiments", object{"experiment_ids": []string{"999"}})
		e.fails(invalid, "'max_results'", http.MethodGet, "datasets/"+id+"/records?max_results=-1", nil)
		e.fails(invalid, "Invalid page token", http.MethodGet, "datasets/"+id+"/records?page_token=x", nil)
	})
}

func TestSearchOfEvaluationDatasets(t *testing.T) {
	t.Parallel()
	e := startEvaluations(t)
	x, y := e.experiment("x"), e.experiment("y")
	e.dataset(object{"name": "one", "experiment_ids": []string{x}, "tags": `{"team": "ml", "mlflow.user": "ann"}`})
	e.dataset(object{"name": "two", "experiment_ids": []string{x, y}, "tags": `{"team": "data"}`})
	e.dataset(object{"name": "Three", "experiment_ids": []string{y}, "tags": `{"team": "ml"}`})

	for _, tc := range []struct {
		search object
		want   []string
	}{
		{object{}, []string{"Three", "two", "one"}},
		{object{"experiment_ids": []string{x}}, []string{"two", "one"}},
		{object{"experiment_ids": []string{"999"}}, nil},
		{object{"filter_string": "tags.team = 'ml'"}, []string{"Three", "one"}},
		{object{"filter_string": "tags.team != 'ml'"}, []string{"two"}},
		{object{"filter_string": "name = \"two\""}, []string{"two"}},
		{object{"filter_string": "name IN ('one', 'Three')"}, []string{"Three", "one"}},
		{object{"filter_string": "name ILIKE 't%' AND name LIKE 't%'"}, []string{"two"}},
		{object{"filter_string": "created_by = 'ann'"}, []string{"one"}},
		{object{"filter_string": "created_by != 'bob'"}, []string{"one"}},
		{object{"filter_string": "created_time > 0 AND last_update_time < 1"}, nil},
		{object{"order_by": []string{"name"}}, []string{"Three", "one", "two"}},
		{object{"order_by": []string{"created_time ASC"}, "max_results": 3}, []string{"one", "two", "Three"}},
	} {
		require.Equal(t, tc.want, e.names(tc.search), "%v", tc.search)
	}
	require.Len(t, e.call(http.MethodGet, "datasets/search?experiment_ids="+x+"&experiment_ids="+y, nil)["datasets"], 3)

	search := object{"order_by": []string{"name DESC"}, "max_results": 2}
	page := e.call(http.MethodPost, "datasets/search", search)
	e.dataset(object{"name": "zero"}) // before the page: it comes to nobody
	search["page_token"] = page["next_page_token"]
	require.Equal(t, []string{"Three"}, e.names(search))

	for message, search := range map[string]object{
		"Valid keys are created_by":       {"filter_string": "digest = 'x'"},
		"Invalid comparator '>'":          {"filter_string": "name > 'x'"},
		"ordering by a tag is not":        {"order_by": []string{"tags.team"}},
		"parameter 'max_results'":         {"max_results": 0},
		"Invalid page token":              {"page_token": "x"},
		"Expected a number for attribute": {"filter_string": "created_time = 'x'"},
	} {
		e.fails(invalid, message, http.MethodPost, "datasets/search", search)
	}
}

func TestGCOfAnExperimentTakesWhatItsEvaluationsHad(t *testing.T) {
	t.Parallel()
	e := startEvaluations(t)
	gone, kept := e.experiment("gone"), e.experiment("kept")
	id := e.dataset(object{"name": "d", "experiment_ids": []string{gone, kept}})
	e.save(id, `[{"inputs": {"q": 1}}]`)
	issue := e.call(http.MethodPost, "issues", object{"experiment_id": gone, "name": "i", "description": "d"})["issue"].(object)["issue_id"].(string)
	e.call(http.MethodPost, "scorers/register", object{"experiment_id": gone, "name": "s", "serialized_scorer": "{}"})
	e.post("experiments/delete", object{"experiment_id": gone})
	e.fails(invalid, "must be in the 'active' state", http.MethodGet, "scorers/list?experiment_id="+gone, nil)
	require.Empty(t, e.call(http.MethodGet, "scorers/list", nil))
	e.call(http.MethodGet, "issues/"+issue, nil)
	require.Equal(t, []any{gone, kept}, e.get(id)["experiment_ids"], "it can be restored still")

	require.Equal(t, "done", collect(e.World, object{})["state"])
	require.Equal(t, []any{kept}, e.get(id)["experiment_ids"])
	list, _ := e.records(id, "")
	require.Len(t, list, 1)
	e.fails(absent, "not found", http.MethodGet, "issues/"+issue, nil)
	e.fails(absent, "No Experiment", http.MethodGet, "scorers/list?experiment_id="+gone, nil)
}

func TestEvaluationsOutliveARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := evaluations{mlflow{world.StartIn(t, dir), t}}
	id := e.dataset(object{"name": "d", "experiment_ids": []string{"0"}})
	e.save(id, `[{"inputs": {"q": 1}}]`)
	before := e.get(id)
	e.Stop()
	again := evaluations{mlflow{world.StartIn(t, dir), t}}
	require.Equal(t, before, again.get(id))
}
