package api_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func (e evaluations) scorer(experiment, name, serialized string) object {
	e.t.Helper()
	return e.call(http.MethodPost, "scorers/register", object{"experiment_id": experiment, "name": name, "serialized_scorer": serialized})
}

// scorers are the names and versions that a list answers.
func (e evaluations) scorers(path string) (list [][2]any) {
	e.t.Helper()
	all, _ := e.call(http.MethodGet, "scorers/"+path, nil)["scorers"].([]any)
	for _, s := range all {
		list = append(list, [2]any{s.(object)["scorer_name"], s.(object)["scorer_version"]})
	}
	return list
}

func TestScorers(t *testing.T) {
	t.Parallel()
	e := startEvaluations(t)
	x, y := e.experiment("x"), e.experiment("y")
	first := e.scorer(x, "b", `{"name": "b"}`)
	require.Equal(t, x, first["experiment_id"], "text here")
	require.InDelta(t, 1, first["version"], 0)
	id := first["scorer_id"].(string)
	second := e.scorer(x, "b", `{"name": "b", "v": 2}`)
	require.InDelta(t, 2, second["version"], 0)
	require.Equal(t, id, second["scorer_id"])
	e.scorer(x, "a", "{}")
	e.scorer(y, "b", "{}")

	require.Equal(t, [][2]any{{"a", 1.0}, {"b", 2.0}}, e.scorers("list?experiment_id="+x))
	require.Equal(t, [][2]any{{"a", 1.0}, {"b", 2.0}, {"b", 1.0}}, e.scorers("list"))
	require.Equal(t, [][2]any{{"b", 1.0}}, e.scorers("list?experiment_ids="+y+"&experiment_ids=999"))
	require.Equal(t, [][2]any{{"b", 1.0}, {"b", 2.0}}, e.scorers("versions?experiment_id="+x+"&name=b"))
	got := e.call(http.MethodGet, "scorers/get?name=b&experiment_id="+x, nil)["scorer"].(object)
	require.InDelta(t, 2, got["scorer_version"], 0)
	require.IsType(t, 0.0, got["experiment_id"], "a number here")
	require.Equal(t, `{"name": "b", "v": 2}`, got["serialized_scorer"])
	got = e.call(http.MethodGet, "scorers/get?name=b&version=1&experiment_id="+x, nil)["scorer"].(object)
	require.Equal(t, []any{`{"name": "b"}`, id, first["creation_time"]}, []any{got["serialized_scorer"], got["scorer_id"], got["creation_time"]})

	remove := func(version any) object { return object{"experiment_id": x, "name": "b", "version": version} }
	e.call(http.MethodDelete, "scorers/delete", remove(1))
	e.fails(absent, "Scorer with name 'b' and version 1 not found", http.MethodDelete, "scorers/delete", remove(1))
	require.Equal(t, [][2]any{{"b", 2.0}}, e.scorers("versions?experiment_id="+x+"&name=b"))
	e.call(http.MethodDelete, "scorers/delete", remove(nil))
	e.fails(absent, "Scorer with name 'b' not found", http.MethodDelete, "scorers/delete", remove(nil))
	e.fails(absent, "Scorer with name 'b' not found", http.MethodGet, "scorers/get?name=b&experiment_id="+x, nil)
	e.fails(absent, "version 9 not found", http.MethodGet, "scorers/get?name=a&version=9&experiment_id="+x, nil)
	e.fails(absent, "No Experiment with id=999", http.MethodGet, "scorers/list?experiment_id=999", nil)
	e.fails(invalid, "Cannot specify both", http.MethodGet, "scorers/list?experiment_id="+x+"&experiment_ids="+y, nil)

	for message, serialized := range map[string]string{
		"must be valid JSON":           "x",
		"an object":                    "[1]",
		"using @scorer decorator":      `{"ensemble_scorer_data": {"scorers": [{"call_source": "import os"}]}}`,
		"Scorer model cannot be empty": `{"instructions_judge_pydantic_data": {"model": " "}}`,
	} {
		e.fails(invalid, message, http.MethodPost, "scorers/register", object{"experiment_id": x, "name": "c", "serialized_scorer": serialized})
	}
	e.fails(absent, "there is no AI gateway here", http.MethodPost, "scorers/register",
		object{"experiment_id": x, "name": "c", "serialized_scorer": `{"memory_augmented_judge_data": {"base_judge": {"builtin_scorer_pydantic_data": {"model": "gateway:/g"}}}}`})
	e.fails(invalid, "only whitespace", http.MethodPost, "scorers/register", object{"experiment_id": x, "name": " ", "serialized_scorer": "{}"})
}

func TestScorersRegisteredAtOnceAreNumberedOnce(t *testing.T) {
	t.Parallel()
	e := startEvaluations(t)
	numbers := make([]float64, 20)
	together(20, func(i int) { numbers[i] = e.scorer("0", "s", "{}")["version"].(float64) })
	slices.Sort(numbers)
	for i, n := range numbers {
		require.InDelta(t, i+1, n, 0)
	}
}

func TestOnlineScoring(t *testing.T) {
	t.Parallel()
	e := startEvaluations(t)
	id := e.scorer("0", "s", "{}")["scorer_id"].(string)
	configs := "scorers/online-configs?scorer_ids=none&scorer_ids=" + id
	require.Equal(t, object{"configs": []any{}}, e.call(http.MethodGet, configs, nil))
	set := func(rate any, more ...any) object {
		body := object{"experiment_id": "0", "name": "s", "sample_rate": rate}
		for i := 0; i+1 < len(more); i += 2 {
			body[more[i].(string)] = more[i+1]
		}
		return body
	}
	made := e.call(http.MethodPut, "scorers/online-config", set(0, "filter_string", "status = 'OK'"))["config"].(object)
	require.Equal(t, []any{id, 0.0, "0", "status = 'OK'"}, []any{made["scorer_id"], made["sample_rate"], made["experiment_id"], made["filter_string"]})
	require.Equal(t, object{"configs": []any{made}}, e.call(http.MethodGet, configs, nil))
	again := e.call(http.MethodPut, "scorers/online-config", set(0))["config"].(object)
	require.NotContains(t, again, "filter_string", "it is replaced whole")

	e.fails(invalid, "does not use a gateway model", http.MethodPut, "scorers/online-config", set(0.5))
	e.fails(invalid, "between 0.0 and 1.0", http.MethodPut, "scorers/online-config", set(1.5))
	e.fails(invalid, "between 0.0 and 1.0", http.MethodPut, "scorers/online-config", set("NaN"))
	e.fails(invalid, "Valid keys are", http.MethodPut, "scorers/online-config", set(0, "filter_string", "zz = 'x'"))
	e.fails(invalid, "'sample_rate'", http.MethodPut, "scorers/online-config", set("much"))
	e.fails(absent, "Scorer with name 'x' not found", http.MethodPut, "scorers/online-config", set(0, "name", "x"))
	e.fails(invalid, "'scorer_ids'", http.MethodGet, "scorers/online-configs", nil)
}
