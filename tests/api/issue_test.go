package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func (e evaluations) issue(experiment, name string, more ...string) object {
	e.t.Helper()
	body := object{"experiment_id": experiment, "name": name, "description": "about " + name}
	for i := 0; i+1 < len(more); i += 2 {
		body[more[i]] = more[i+1]
	}
	return e.call(http.MethodPost, "issues", body)["issue"].(object)
}

// issues are the names found by a search, and the token behind them.
func (e evaluations) issues(search object) (names []string, next string) {
	e.t.Helper()
	out := e.call(http.MethodPost, "issues/search", search)
	list, _ := out["issues"].([]any)
	for _, i := range list {
		names = append(names, i.(object)["name"].(string))
	}
	return names, out["next_page_token"].(string)
}

func TestIssues(t *testing.T) {
	t.Parallel()
	e := startEvaluations(t)
	x := e.experiment("x")
	run := e.run(x)
	full := e.call(http.MethodPost, "issues", object{
		"experiment_id": x, "name": "slow", "description": "it takes long", "status": "rejected", "severity": "high",
		"root_causes": []string{"a", "b"}, "categories": []string{"latency"}, "source_run_id": run, "created_by": "ann",
	})["issue"].(object)
	id := full["issue_id"].(string)
	require.Regexp(t, "^iss-[0-9a-f]{32}$", id)
	require.Equal(t, full, e.call(http.MethodGet, "issues/"+id, nil)["issue"])
	at := full["created_timestamp"]
	require.Equal(t, object{
		"issue_id": id, "experiment_id": x, "name": "slow", "description": "it takes long", "status": "rejected", "severity": "high",
		"root_causes": []any{"a", "b"}, "categories": []any{"latency"}, "source_run_id": run, "created_by": "ann",
		"created_timestamp": at, "last_updated_timestamp": at,
	}, full)
	plain := e.issue(x, "plain")
	require.Equal(t, "pending", plain["status"])
	for _, key := range []string{"severity", "root_causes", "categories", "source_run_id", "created_by", "trace_count"} {
		require.NotContains(t, plain, key)
	}

	changed := e.call(http.MethodPatch, "issues/"+id, object{"issue_id": id, "status": "resolved", "name": ""})["issue"].(object)
	require.Equal(t, "resolved", changed["status"])
	require.Equal(t, "slow", changed["name"], "an empty name is none given")
	changed = e.call(http.MethodPatch, "issues/"+id, object{"name": "fast", "description": "no more", "severity": "low"})["issue"].(object)
	require.Equal(t, []any{"fast", "no more", "low", "resolved"}, []any{changed["name"], changed["description"], changed["severity"], changed["status"]})
	require.Equal(t, []any{"a", "b"}, changed["root_causes"])

	e.fails(absent, "Issue with ID 'none' not found", http.MethodGet, "issues/none", nil)
	e.fails(absent, "Issue with ID 'none' not found", http.MethodPatch, "issues/none", object{"status": "resolved"})
	e.fails(invalid, "use one of pending, rejected, resolved", http.MethodPatch, "issues/"+id, object{"status": "done"})
	create := object{"experiment_id": x, "name": "n", "description": "d"}
	with := func(key string, value any) object {
		body := object{}
		for k, v := range create {
			body[k] = v
		}
		body[key] = value
		return body
	}
	e.fails(invalid, "required parameter 'description'", http.MethodPost, "issues", with("description", ""))
	e.fails(invalid, "not_an_issue, low, medium, high", http.MethodPost, "issues", with("severity", "worst"))
	e.fails(invalid, "'name' exceeds the maximum length of 250", http.MethodPost, "issues", with("name", strings.Repeat("x", 251)))
	e.fails(absent, "No Experiment with id=999", http.MethodPost, "issues", with("experiment_id", "999"))
	e.fails(absent, "not found", http.MethodPost, "issues", with("source_run_id", strings.Repeat("0", 32)))
	e.post("experiments/delete", object{"experiment_id": x})
	e.fails(absent, "No Experiment", http.MethodPost, "issues", create)
}

func TestSearchOfIssues(t *testing.T) {
	t.Parallel()
	e := startEvaluations(t)
	x, y := e.experiment("x"), e.experiment("y")
	run := e.run(x)
	e.issue(x, "untold")
	e.issue(x, "bad", "severity", "high", "status", "resolved")
	e.issue(y, "none", "severity", "not_an_issue", "source_run_id", run)
	e.issue(y, "low", "severity", "low")
	e.issue(x, "newer bad", "severity", "high")

	all := []string{"newer bad", "bad", "low", "none", "untold"}
	for _, tc := range []struct {
		search object
		want   []string
	}{
		{object{}, all},
		{object{"include_trace_count": true}, all},
		{object{"experiment_id": x}, []string{"newer bad", "bad", "untold"}},
		{object{"filter_string": "status = 'resolved'"}, []string{"bad"}},
		{object{"filter_string": "status != 'resolved'"}, []string{"newer bad", "low", "none", "untold"}},
		{object{"filter_string": fmt.Sprintf("source_run_id = '%s' AND status = 'pending'", run)}, []string{"none"}},
		{object{"filter_string": "source_run_id != 'other'"}, []string{"none"}},
		{object{"experiment_id": "999"}, nil},
	} {
		names, next := e.issues(tc.search)
		require.Equal(t, tc.want, names, "%v", tc.search)
		require.Empty(t, next)
	}

	var seen []string
	search := object{"max_results": 2}
	for {
		names, next := e.issues(search)
		seen = append(seen, names...)
		if next == "" {
			break
		}
		search["page_token"] = next
	}
	require.Equal(t, all, seen)

	found := e.call(http.MethodPost, "issues/search", object{"include_trace_count": true})["issues"].([]any)
	require.InDelta(t, 0, found[0].(object)["trace_count"], 0)

	e.fails(invalid, "Valid keys are source_run_id, status", http.MethodPost, "issues/search", object{"filter_string": "name = 'x'"})
	e.fails(invalid, "Invalid comparator 'LIKE'", http.MethodPost, "issues/search", object{"filter_string": "status LIKE 'x'"})
	e.fails(invalid, "'max_results'", http.MethodPost, "issues/search", object{"max_results": 0})
	e.fails(invalid, "Invalid page token", http.MethodPost, "issues/search", object{"page_token": "x"})
}
