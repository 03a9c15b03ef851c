package api_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

const a3 = "/api/3.0/mlflow/"

// trace starts a trace by API 3.0; more sets fields of its own.
func (m mlflow) trace(experiment, id string, more object) object {
	m.t.Helper()
	info := object{
		"trace_id": id, "trace_location": object{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": object{"experiment_id": experiment}},
		"request_time": "2026-01-02T03:04:05.678Z", "execution_duration": "1.500s", "state": "OK",
	}
	for key, value := range more {
		info[key] = value
	}
	return m.OK(http.MethodPost, a3+"traces", object{"trace": object{"trace_info": info}})["trace"].(object)["trace_info"].(object)
}

func (m mlflow) traceInfo(id string) object {
	m.t.Helper()
	return m.OK(http.MethodGet, a3+"traces/"+id, nil)["trace"].(object)["trace_info"].(object)
}

func TestATraceIsKeptAsItsClientTellsIt(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	e := m.experiment("traced")
	told := object{
		"client_request_id": "c-1", "request_preview": "q", "response_preview": "é",
		"tags": object{"mlflow.traceName": "f", "k": "v"}, "trace_metadata": object{"mlflow.user": "u", "mlflow.trace.session": "s1"},
		"assessments": []object{{
			"assessment_name": "good", "feedback": object{"value": true}, "source": object{"source_type": "CODE"},
			"create_time": "2026-01-02T03:04:05Z", "last_update_time": "2026-01-02T03:04:05Z",
		}},
	}
	want := object{
		"trace_id": "tr-1", "trace_location": object{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": object{"experiment_id": e}},
		"request_time": "2026-01-02T03:04:05.678Z", "execution_duration": "1.500s", "state": "OK",
		"client_request_id": "c-1", "request_preview": "q", "response_preview": "é",
		"tags":           object{"mlflow.traceName": "f", "k": "v", "mlflow.artifactLocation": "mlflow-artifacts:/" + e + "/traces/tr-1/artifacts"},
		"trace_metadata": object{"mlflow.user": "u", "mlflow.trace.session": "s1"},
	}
	got := m.trace(e, "tr-1", told)
	assessed := got["assessments"].([]any)[0].(object)
	require.Regexp(t, `^a-[0-9a-f]{32}$`, assessed["assessment_id"])
	require.Equal(t, object{
		"assessment_id": assessed["assessment_id"], "trace_id": "tr-1", "assessment_name": "good", "feedback": object{"value": true}, "source": object{"source_type": "CODE"},
		"create_time": "2026-01-02T03:04:05Z", "last_update_time": "2026-01-02T03:04:05Z", "valid": true,
	}, assessed)
	delete(got, "assessments")
	require.Equal(t, want, got)
	again := m.trace(e, "tr-1", object{"state": "ERROR", "execution_duration": "2s", "tags": object{"k": "w"}})
	require.Equal(t, "2s", again["execution_duration"])
	require.Equal(t, "ERROR", again["state"])
	require.Equal(t, "q", again["request_preview"], "what is not told again stays")
	require.Equal(t, "w", again["tags"].(object)["k"])
	require.Equal(t, again, m.traceInfo("tr-1"))
	require.Equal(t, again, m.OK(http.MethodPost, "/ajax-api/3.0/mlflow/traces/batchGetInfos", object{"trace_ids": []string{"tr-0", "tr-1"}})["trace_infos"].([]any)[0])
	require.Empty(t, m.OK(http.MethodPost, a3+"traces/batchGetInfos", object{"trace_ids": []string{"tr-1"}, "experiment_ids": []string{"0"}}))
}

func TestTagsOfTraces(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	m.trace("0", "tr-1", nil)
	for _, api := range []string{a2, a3} {
		require.Equal(t, object{}, m.OK(http.MethodPatch, api+"traces/tr-1/tags", object{"key": "a/b", "value": "1"}))
		require.Equal(t, "1", m.traceInfo("tr-1")["tags"].(object)["a/b"])
		require.Equal(t, object{}, m.OK(http.MethodDelete, api+"traces/tr-1/tags", object{"key": "a/b"}))
		require.NotContains(t, m.traceInfo("tr-1")["tags"], "a/b")
	}
	m.isError(m.Do(http.MethodDelete, a3+"traces/tr-1/tags", object{"key": "a/b"}), absent, "a/b")
	m.isError(m.Do(http.MethodPatch, a3+"traces/tr-2/tags", object{"key": "a", "value": "1"}), absent, "tr-2")
	m.isError(m.Do(http.MethodPatch, a3+"traces/tr-1/tags", object{"key": "mlflow.trace.spansLocation", "value": "x"}), invalid, "immutable")
	m.isError(m.Do(http.MethodPatch, a3+"traces/tr-1/tags", object{"value": "1"}), invalid, "'key'")
}

func TestTracesAreDeleted(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	for i := range 5 {
		m.trace("0", fmt.Sprintf("tr-%d", i), object{"request_time": fmt.Sprintf("2026-01-0%dT00:00:00Z", i+1)})
	}
	other := m.experiment("other")
	m.trace(other, "tr-x", nil)
	remove := func(body object) any {
		body["experiment_id"] = "0"
		return m.OK(http.MethodPost, a3+"traces/delete-traces", body)["traces_deleted"]
	}
	require.EqualValues(t, 1, remove(object{"request_ids": []string{"tr-4", "tr-x", "tr-none"}}))
	require.EqualValues(t, 1, remove(object{"max_timestamp_millis": "1767571200000", "max_traces": 1}), "the oldest")
	m.isError(m.Do(http.MethodGet, a3+"traces/tr-0", nil), absent, "tr-0")
	require.EqualValues(t, 2, remove(object{"max_timestamp_millis": 1767398400000}))
	require.Equal(t, "tr-3", m.traceInfo("tr-3")["trace_id"])
	require.Equal(t, "tr-x", m.traceInfo("tr-x")["trace_id"])
	for want, body := range map[string]object{
		"must be specified":       {},
		"Only one of":             {"request_ids": []string{"a"}, "max_timestamp_millis": 1},
		"`max_traces` can't":      {"request_ids": []string{"a"}, "max_traces": 1},
		"must be a positive":      {"max_timestamp_millis": 1, "max_traces": 0},
		"must be a valid integer": {"experiment_id": "x", "max_timestamp_millis": 1},
	} {
		if body["experiment_id"] == nil {
			body["experiment_id"] = "0"
		}
		m.isError(m.Do(http.MethodPost, a2+"traces/delete-traces", body), invalid, want)
	}
}

func TestAssessmentsOfTraces(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	m.trace("0", "tr-1", nil)
	at := a3 + "traces/tr-1/assessments"
	create := func(body object) object {
		return m.OK(http.MethodPost, at, object{"assessment": body})["assessment"].(object)
	}
	get := func(id any) object {
		return m.OK(http.MethodGet, at+"/"+id.(string), nil)["assessment"].(object)
	}
	first := create(object{
		"assessment_name": "score", "source": object{"source_type": "HUMAN", "source_id": "me"}, "rationale": "why", "span_id": "00ff",
		"feedback": object{"value": object{"a": []any{1.5, nil, "x"}}, "error": object{"error_code": "E", "error_message": "m"}}, "metadata": object{"k": "1"},
	})
	require.Equal(t, first, get(first["assessment_id"]))
	require.Equal(t, object{"value": object{"a": []any{1.5, nil, "x"}}, "error": object{"error_code": "E", "error_message": "m"}}, first["feedback"])
	require.Equal(t, true, first["valid"])

	update := func(id any, mask string, body object) object {
		return m.OK(http.MethodPatch, at+"/"+id.(string), object{"assessment": body, "update_mask": mask})["assessment"].(object)
	}
	changed := update(first["assessment_id"], "assessmentName,feedback,metadata", object{
		"assessment_name": "renamed", "feedback": object{"value": nil}, "metadata": object{"l": "2"}, "rationale": "not in the mask",
	})
	require.Equal(t, object{"value": nil}, changed["feedback"])
	require.Equal(t, "renamed", changed["assessment_name"])
	require.Equal(t, "why", changed["rationale"])
	require.Equal(t, object{"k": "1", "l": "2"}, changed["metadata"])

	second := create(object{"assessment_name": "score", "source": object{"source_type": "CODE"}, "feedback": object{"value": 1}, "overrides": first["assessment_id"]})
	require.Equal(t, false, get(first["assessment_id"])["valid"])
	for range 2 { // again is the same
		require.Equal(t, object{}, m.OK(http.MethodDelete, at+"/"+second["assessment_id"].(string), nil))
	}
	require.Equal(t, true, get(first["assessment_id"])["valid"])

	expected := create(object{"assessment_name": "is", "source": object{"source_type": "HUMAN"}, "expectation": object{"value": "Paris"}})
	require.Equal(t, object{"value": "Paris"}, expected["expectation"])
	whole := create(object{
		"assessment_name": "is", "source": object{"source_type": "HUMAN"},
		"expectation": object{"serialized_value": object{"serialization_format": "JSON_FORMAT", "value": `{"a":[1]}`}},
	})
	require.Equal(t, object{"serialized_value": object{"serialization_format": "JSON_FORMAT", "value": `{"a":[1]}`}}, whole["expectation"])
	issue := create(object{"assessment_name": "issue-1", "source": object{"source_type": "LLM_JUDGE"}, "issue": object{"issue_name": "slow"}})
	require.Equal(t, object{"issue_name": "slow"}, issue["issue"])
	require.Len(t, m.traceInfo("tr-1")["assessments"], 4)

	source := object{"source_type": "HUMAN"}
	for want, body := range map[string]object{
		"Exactly one of":             {"assessment_name": "n", "source": source},
		"Exactly one":                {"assessment_name": "n", "source": source, "feedback": object{"value": 1}, "expectation": object{"value": 1}},
		"assessment_name":            {"source": source, "feedback": object{"value": 1}},
		"assessment.source":          {"assessment_name": "n", "source": object{"source_type": "GOD"}, "feedback": object{"value": 1}},
		"it is no JSON":              {"assessment_name": "n", "source": source, "expectation": object{"serialized_value": object{"value": "{"}}},
		"`value` field":              {"assessment_name": "n", "source": source, "expectation": object{}},
		"NUL":                        {"assessment_name": "n", "source": source, "feedback": object{"value": []string{"a\x00b"}}},
		"assessment.create_time":     {"assessment_name": "n", "source": source, "feedback": object{"value": 1}, "create_time": "yesterday"},
		"assessment.assessment_name": {"assessment_name": string(make([]rune, 251)), "source": source, "feedback": object{"value": 1}},
	} {
		m.isError(m.Do(http.MethodPost, at, object{"assessment": body}), invalid, want)
	}
	m.isError(m.Do(http.MethodPost, at, object{"assessment": object{"assessment_name": "n", "source": source, "feedback": object{}, "overrides": "a-x"}}), absent, "a-x")
	m.isError(m.Do(http.MethodGet, at+"/a-x", nil), absent, "a-x")
	m.isError(m.Do(http.MethodPost, a3+"traces/tr-9/assessments", object{"assessment": object{"assessment_name": "n", "feedback": object{}}}), absent, "tr-9")
	m.isError(m.Do(http.MethodPatch, at+"/"+first["assessment_id"].(string), object{"assessment": object{"expectation": object{"value": 1}}, "update_mask": "expectation"}), invalid, "Cannot update")
}

func TestTracesAsClientsBefore3TellThem(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	begun := m.post("traces", object{
		"experiment_id": "0", "timestamp_ms": 1000, "request_metadata": []object{{"key": "a", "value": "1"}}, "tags": []object{{"key": "t", "value": "1"}},
	})["trace_info"].(object)
	id := begun["request_id"].(string)
	require.Regexp(t, "^[0-9a-f]{32}$", id)
	require.Equal(t, "IN_PROGRESS", begun["status"])
	require.EqualValues(t, 0, begun["execution_time_ms"])
	location := object{"key": "mlflow.artifactLocation", "value": "mlflow-artifacts:/0/traces/" + id + "/artifacts"}
	require.ElementsMatch(t, []any{object{"key": "t", "value": "1"}, location}, begun["tags"])
	require.Equal(t, http.StatusOK, m.Do(http.MethodPut, "/api/2.0/mlflow-artifacts/artifacts/0/traces/"+id+"/artifacts/traces.json", []byte(`{"spans":[]}`)).Status)
	ended := m.OK(http.MethodPatch, a2+"traces/"+id, object{
		"timestamp_ms": 3500, "status": "ERROR", "request_metadata": []object{{"key": "a", "value": "2"}, {"key": "b", "value": "3"}}, "tags": []object{{"key": "u", "value": "1"}},
	})["trace_info"].(object)
	require.EqualValues(t, 2500, ended["execution_time_ms"])
	require.ElementsMatch(t, []any{object{"key": "a", "value": "2"}, object{"key": "b", "value": "3"}}, ended["request_metadata"])
	require.Equal(t, ended, m.get("traces/" + id + "/info")["trace_info"])
	found := m.get("traces", "experiment_ids", "0", "filter", "status = 'ERROR'", "max_results", "5")["traces"].([]any)
	require.Equal(t, []any{ended}, found)
	file := m.Do(http.MethodGet, "/ajax-api/2.0/mlflow/get-trace-artifact?request_id="+id, nil)
	require.Equal(t, `{"spans":[]}`, string(file.Body), "its spans are in its files")
	m.isError(m.Do(http.MethodGet, a3+"traces/get?trace_id="+id, nil), invalid, "traces.json")
	m.isError(m.Do(http.MethodPatch, a2+"traces/0000", object{"timestamp_ms": 1, "status": "OK"}), absent, "0000")
}

func TestTracesGoWithTheirExperiment(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	e := m.experiment("gone")
	id := "tr-" + hex32(7)
	m.trace(e, id, nil)
	m.trace("0", "tr-"+hex32(8), nil)
	for _, path := range []string{e + "/traces/" + id, "0/traces/tr-" + hex32(8), "0/traces/tr-" + hex32(9)} { // of the last there is no trace
		upload(t, m.World, path+"/artifacts/traces.json", "{}")
	}
	m.post("experiments/delete", object{"experiment_id": e})
	m.isError(m.Do(http.MethodPost, a3+"traces", object{"trace": object{"trace_info": object{
		"trace_id": "tr-2", "trace_location": object{"mlflow_experiment": object{"experiment_id": e}},
	}}}), invalid, "must be in the 'active' state")
	require.Equal(t, map[string]float64{"experiment": 1, "orphan": 1}, counts(collect(m.World, object{})))
	m.isError(m.Do(http.MethodGet, a3+"traces/"+id, nil), absent, id)
	require.Equal(t, []string{"0/traces/tr-" + hex32(8) + "/artifacts/traces.json"}, m.Stored(t))
}

func TestTracesThatAreRefused(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	location := object{"mlflow_experiment": object{"experiment_id": "0"}}
	for want, info := range map[string]object{
		"trace.trace_info.trace_id'":             {"trace_location": location},
		"parameter 'trace_id'":                   {"trace_id": "../x", "trace_location": location},
		"experiment_id":                          {"trace_id": "tr-1"},
		"trace.trace_info.request_time":          {"trace_id": "tr-1", "trace_location": location, "request_time": "noon"},
		"trace.trace_info.execution_duration":    {"trace_id": "tr-1", "trace_location": location, "execution_duration": "1h"},
		"use one of OK":                          {"trace_id": "tr-1", "trace_location": location, "state": "DONE"},
		"trace.trace_info.tags.k":                {"trace_id": "tr-1", "trace_location": location, "tags": object{"k": 1}},
		"'trace.trace_info.tags' supplied":       {"trace_id": "tr-1", "trace_location": location, "tags": []string{"k"}},
		"trace.trace_info.trace_metadata.a":      {"trace_id": "tr-1", "trace_location": location, "trace_metadata": object{"a": "b\x00"}},
		"must be a valid integer":                {"trace_id": "tr-1", "trace_location": object{"mlflow_experiment": object{"experiment_id": "x"}}},
		"trace.trace_info.assessments[0].source": {"trace_id": "tr-1", "trace_location": location, "assessments": []object{{"source": 1}}},
	} {
		m.isError(m.Do(http.MethodPost, a3+"traces", object{"trace": object{"trace_info": info}}), invalid, want)
	}
	m.isError(m.Do(http.MethodPost, a3+"traces", object{"trace": object{"trace_info": object{"trace_id": "tr-1", "trace_location": object{"mlflow_experiment": object{"experiment_id": "77"}}}}}), absent, "77")
	m.isError(m.Do(http.MethodPost, a3+"traces", object{}), invalid, "'trace'")
	m.isError(m.Do(http.MethodGet, "/ajax-api/2.0/mlflow/get-trace-artifact", nil), invalid, "request_id")
	m.isError(m.Do(http.MethodPost, a2+"traces/link-to-run", object{"trace_ids": []string{"tr-1"}, "run_id": "none"}), absent, "none")
	m.isError(m.Do(http.MethodPost, a2+"traces/link-to-run", object{"trace_ids": make([]string, 101), "run_id": "none"}), invalid, "more than 100")
	m.isError(m.Do(http.MethodPost, a2+"traces/link-prompts", object{"trace_id": "tr-1", "prompt_versions": []object{{"name": "a/b", "version": "1"}}}), invalid, "prompt_versions")
}

func hex32(n int) string { return fmt.Sprintf("%032x", n) }
