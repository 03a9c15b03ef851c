package api_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func (m mlflow) tracesFound(filter string, order ...string) []string {
	m.t.Helper()
	body := object{"locations": []object{{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": object{"experiment_id": "0"}}}, "filter": filter, "order_by": order}
	r := m.OK(http.MethodPost, a3+"traces/search", body)
	ids := []string{}
	found, _ := r["traces"].([]any)
	for _, t := range found {
		ids = append(ids, t.(object)["trace_id"].(string))
	}
	return ids
}

// traced makes traces a to d in experiment 0, a second apart.
func (m mlflow) traced() {
	m.t.Helper()
	feedback := func(name string, v any, more object) []object {
		a := object{"assessment_name": name, "source": object{"source_type": "HUMAN"}, "feedback": object{"value": v}}
		for key, value := range more {
			a[key] = value
		}
		return []object{a}
	}
	m.trace("0", "a", object{
		"request_time": "2026-01-01T00:00:01Z", "execution_duration": "1s", "client_request_id": "c-a", "tags": object{"mlflow.traceName": "ask", "env": "prod", "my tag": "x"},
		"trace_metadata": object{"mlflow.trace.session": "s-1", "user": "ann", "mlflow.trace.tokenUsage": `{"input_tokens": 10, "total_tokens": 12}`},
		"assessments":    feedback("score", 4, nil),
	})
	m.trace("0", "b", object{
		"request_time": "2026-01-01T00:00:02Z", "execution_duration": "2s", "state": "ERROR", "tags": object{"mlflow.traceName": "ask", "env": "dev"},
		"trace_metadata": object{"mlflow.trace.session": "s-2", "user": "Bob", "mlflow.trace.tokenUsage": `{"input_tokens": 30}`},
		"assessments":    feedback("score", "high", nil),
	})
	m.trace("0", "c", object{
		"request_time": "2026-01-01T00:00:03Z", "execution_duration": "4s", "tags": object{"mlflow.traceName": "plan", "env": "prod"},
		"trace_metadata": object{"mlflow.trace.session": "s-2"}, "assessments": feedback("whole", true, object{"metadata": object{"mlflow.trace.session": "s-2"}}),
	})
	m.trace("0", "d", object{"request_time": "2026-01-01T00:00:04Z", "execution_duration": "8s", "state": "IN_PROGRESS"})
	m.OK(http.MethodPost, a2+"traces/link-prompts", object{"trace_id": "d", "prompt_versions": []object{{"name": "p", "version": "3"}, {"name": "p", "version": "3"}}})
	m.OK(http.MethodPost, a3+"traces/d/assessments", object{"assessment": object{
		"assessment_name": "i-1", "source": object{"source_type": "CODE"}, "issue": object{"issue_name": "n"},
	}})
	m.OK(http.MethodPost, a3+"traces/d/assessments", object{"assessment": object{
		"assessment_name": "answer", "source": object{"source_type": "CODE"}, "expectation": object{"value": "it's <5>"},
	}})
}

func TestTheLanguageOfTraceSearches(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	m.traced()
	m.spans(export(t, nil, otel(1, 1, 0, "root", object{"tool": "hammer", "mlflow.spanType": "AGENT"}), otel(1, 2, 1, "find", object{"mlflow.spanType": "TOOL", "my key": 7, "100%": "it's"})))
	span := "tr-" + hex32(1)
	for filter, want := range map[string][]string{
		"":                                    {"d", "c", "b", "a", span},
		"status = 'OK'":                       {"c", "a", span},
		"trace.status != 'OK'":                {"d", "b"},
		"attributes.status IN ('OK','ERROR')": {"c", "b", "a", span},
		"request_id IN ('a', 'd', 'x')":       {"d", "a"},
		"request_id NOT IN ('a', 'd')":        {"c", "b", span},
		"name = 'ask'":                        {"b", "a"},
		"trace.name LIKE 'pl%'":               {"c"},
		"name IS NULL":                        {"d", span},
		"name IN ('plan')":                    {"c"},
		"client_request_id = 'c-a'":           {"a"},
		"timestamp_ms >= 1767225602000 AND timestamp < 1767225604000":   {"c", "b"},
		"execution_time > 1000 and attribute.execution_time_ms <= 4000": {"c", "b"},
		"end_time_ms = 1767225607000":                                   {"c"},
		"tags.env = 'prod' AND tag.env != 'dev'":                        {"c", "a"},
		"tags.`my tag` = 'x'":                                           {"a"},
		"tag.env IS NULL":                                               {"d", span},
		"tag.env RLIKE '^(dev|x)$'":                                     {"b"},
		"metadata.user ILIKE 'b%'":                                      {"b"},
		"request_metadata.user LIKE 'b%'":                               {},
		"metadata.user IS NOT NULL":                                     {"b", "a"},
		"metadata.`mlflow.trace.session` = 's-2'":                       {"c", "b"},
		"prompt = 'p/3'":                                                {"d"},
		"prompt = \"p/4\"":                                              {},
		"issue.id = 'i-1'":                                              {"d"},
		"feedback.score > 3":                                            {"a"},
		"feedback.score >= 4.5":                                         {},
		"feedback.score = '4'":                                          {"a"},
		"feedback.score = 'high'":                                       {"b"},
		"feedback.score != 'high'":                                      {"a"},
		"feedback.score LIKE 'hi%'":                                     {"b"},
		"feedback.score IS NULL":                                        {"d", "c", span},
		"feedback.whole = 'true'":                                       {"c", "b"}, // it speaks of the whole session
		"feedback.whole IS NOT NULL":                                    {"c", "b"},
		"expectation.answer = 'it''s <5>'":                              {"d"},
		"expectation.answer RLIKE '<\\d>$'":                             {"d"},
		"feedback.answer IS NOT NULL":                                   {},
		"span.name = 'find' AND span.type = 'TOOL'":                     {span},
		"span.name = 'find' AND span.type = 'AGENT'":                    {}, // no one span
		"span.status = 'OK'":                                            {span},
		"span.type IN ('TOOL', 'LLM')":                                  {span},
		"span.attributes.tool = 'hammer'":                               {span},
		"span.attributes.tool LIKE 'ham%'":                              {span},
		"span.attributes.tool RLIKE '^ham.er$'":                         {span},
		"span.attributes.`my key` = '7'":                                {span},
		"span.attributes.`100%` = 'it''s'":                              {span},
		"span.attributes.absent LIKE '%'":                               {},
		"span.content LIKE '%hammer%'":                                  {span},
		"trace.text ILIKE '%HAMMER%'":                                   {span},
		"text LIKE '%HAMMER%'":                                          {},
	} {
		require.Equal(t, want, m.tracesFound(filter), filter)
	}
	for order, want := range map[string][]string{
		"timestamp ASC":                   {span, "a", "b", "c", "d"},
		"execution_time_ms DESC":          {"d", "c", "b", "a", span},
		"trace.status ASC":                {"b", "d", "c", "a", span},
		"name DESC":                       {"c", "b", "a", "d", span},
		"tags.env":                        {"b", "c", "a", "d", span},
		"metadata.`mlflow.trace.session`": {"a", "c", "b", "d", span},
		"request_id":                      {"a", "b", "c", "d", span},
		"attributes.end_time desc":        {"d", "c", "b", "a", span},
	} {
		require.Equal(t, want, m.tracesFound("", order), order)
	}
	for filter, want := range map[string]string{
		"status > 'OK'":                  "Invalid comparator '>'",
		"invalid.filter = 'x'":           "Invalid entity type 'invalid'",
		"span.kind = 'x'":                "Invalid span attribute 'kind'",
		"span.content = 'x'":             "Invalid comparator '='",
		"span.attributes. = 'x'":         "cannot be empty",
		"feedback.score > 'x'":           "Expected a number",
		"feedback.score = 4":             "Expected a quoted string",
		"issue.name = 'x'":               "Invalid issue attribute",
		"prompt LIKE 'p/%'":              "Invalid comparator 'LIKE'",
		"prompt = 'p'":                   "Expected format",
		"name RLIKE '('":                 "not a regular expression",
		"timestamp_ms = '1'":             "Expected a number",
		"tags.env = 'a' OR tags.env = 1": "joined by AND",
		"nothing = 'x'":                  "Invalid attribute key 'nothing'",
	} {
		body := object{"locations": []object{{"mlflow_experiment": object{"experiment_id": "0"}}}, "filter": filter}
		m.isError(m.Do(http.MethodPost, a3+"traces/search", body), invalid, want)
	}
	require.Empty(t, m.OK(http.MethodPost, a3+"traces/search", object{"locations": []object{}}))
	for want, body := range map[string]object{
		"'locations'":                      {},
		"max_results":                      {"max_results": 501},
		"parameter 'max_results' supplied": {"max_results": 0},
		"Invalid order_by":                 {"order_by": []string{"feedback.score"}},
		"Invalid page token":               {"page_token": "x"},
		"duplicate fields":                 {"order_by": []string{"timestamp", "timestamp_ms DESC"}},
	} {
		if want != "'locations'" {
			body["locations"] = []object{{"mlflow_experiment": object{"experiment_id": "0"}}}
		}
		m.isError(m.Do(http.MethodPost, a3+"traces/search", body), invalid, want)
	}
}

func TestTracesArePaged(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	for i := range 7 {
		m.trace("0", fmt.Sprintf("tr-%d", i), object{"request_time": "2026-01-01T00:00:00Z", "tags": object{"even": fmt.Sprint(i%2 == 0)}})
	}
	for _, order := range [][]string{nil, {"tags.even DESC"}, {"name", "request_id DESC"}} {
		var ids []string
		body := object{"locations": []object{{"mlflow_experiment": object{"experiment_id": "0"}}}, "max_results": 3, "order_by": order}
		for page := 0; page < 4; page++ {
			r := m.OK(http.MethodPost, a3+"traces/search", body)
			for _, t := range r["traces"].([]any) {
				ids = append(ids, t.(object)["trace_id"].(string))
			}
			if r["next_page_token"] == nil {
				break
			}
			body["page_token"] = r["next_page_token"]
			m.trace("0", fmt.Sprintf("tr-new-%d", page), object{"request_time": "2027-01-01T00:00:00Z"}) // comes before all of them
			m.OK(http.MethodPost, a3+"traces/delete-traces", object{"experiment_id": "0", "request_ids": []string{fmt.Sprintf("tr-new-%d", page)}})
		}
		require.Len(t, ids, 7, "%v", order)
		require.ElementsMatch(t, []string{"tr-0", "tr-1", "tr-2", "tr-3", "tr-4", "tr-5", "tr-6"}, ids)
	}
}

func TestTraceFiltersAreCorrelated(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	m.traced()
	correlate := func(first, second, base string) object {
		return m.OK(http.MethodPost, a3+"traces/calculate-filter-correlation", object{
			"experiment_ids": []string{"0"}, "filter_string1": first, "filter_string2": second, "base_filter": base,
		})
	}
	got := correlate("tags.env = 'prod'", "name = 'ask'", "")
	require.InDelta(t, 0, got["npmi"], 1e-12) // 2 of 4 each, 1 of both
	require.Equal(t, []any{2.0, 2.0, 1.0, 4.0}, []any{got["filter1_count"], got["filter2_count"], got["joint_count"], got["total_count"]})
	require.InDelta(t, -1, correlate("name = 'ask'", "name = 'plan'", "")["npmi"], 0)
	require.InDelta(t, 1, correlate("name = 'ask'", "tags.env IS NOT NULL", "name = 'ask'")["npmi"], 0)
	undefined := correlate("name = 'none'", "name = 'ask'", "")
	require.NotContains(t, undefined, "npmi", "it is not defined")
	require.NotContains(t, undefined, "npmi_smoothed")
	m.isError(m.Do(http.MethodPost, a3+"traces/calculate-filter-correlation", object{"experiment_ids": []string{"0"}, "filter_string1": "x", "filter_string2": "name = 'a'"}), invalid, "Invalid")
}

func TestMetricsOfTraces(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	m.traced()
	cost := func(c float64, model string) object {
		return object{"mlflow.llm.cost": object{"total_cost": c}, "mlflow.llm.model": model}
	}
	m.spans(export(t, nil, otel(1, 1, 0, "root", cost(0.5, "big")), otel(1, 2, 1, "leaf", cost(0.25, "big")), otel(1, 3, 1, "leaf", cost(1, "small"))))
	metric := func(view, name string, more object) []any {
		t.Helper()
		body := object{"experiment_ids": []string{"0"}, "view_type": view, "metric_name": name, "aggregations": []object{{"aggregation_type": "COUNT"}}}
		for key, value := range more {
			body[key] = value
		}
		points, _ := m.OK(http.MethodPost, a3+"traces/metrics", body)["data_points"].([]any)
		out := []any{}
		for _, p := range points {
			require.Equal(t, name, p.(object)["metric_name"])
			out = append(out, object{"d": p.(object)["dimensions"], "v": p.(object)["values"]})
		}
		return out
	}
	count := func(n float64, d any) object { return object{"d": d, "v": object{"COUNT": n}} }
	require.Equal(t, []any{count(5, nil)}, metric("TRACES", "trace_count", nil))
	require.Equal(t, []any{count(1, object{"trace_status": "ERROR"}), count(1, object{"trace_status": "IN_PROGRESS"}), count(3, object{"trace_status": "OK"})},
		metric("TRACES", "trace_count", object{"dimensions": []string{"trace_status"}}))
	require.Equal(t, []any{count(2, nil)}, metric("TRACES", "session_count", nil))
	several := object{"aggregations": []object{
		{"aggregation_type": "AVG"},
		{"aggregation_type": "MIN"},
		{"aggregation_type": "MAX"},
		{"aggregation_type": "PERCENTILE", "percentile_value": 50},
		{"aggregation_type": "PERCENTILE", "percentile_value": 75},
	}, "filters": []string{"trace.tag.env = 'prod'"}}
	require.Equal(t, []any{object{"d": nil, "v": object{"AVG": 2500.0, "MIN": 1000.0, "MAX": 4000.0, "P50.0": 2500.0, "P75.0": 3250.0}}}, metric("TRACES", "latency", several))
	require.Equal(t, []any{
		count(1, object{"time_bucket": "2026-01-01T00:00:00+00:00"}), count(2, object{"time_bucket": "2026-01-01T00:00:02+00:00"}), count(1, object{"time_bucket": "2026-01-01T00:00:04+00:00"}),
	}, metric("TRACES", "trace_count", object{"time_interval_seconds": 2, "start_time_ms": 1767225600000, "end_time_ms": "1767225604000"}))
	sum := object{"aggregations": []object{{"aggregation_type": "SUM"}}}
	require.Equal(t, []any{object{"d": nil, "v": object{"SUM": 40.0}}}, metric("TRACES", "input_tokens", sum))
	require.Equal(t, []any{count(2, object{"span_name": "leaf"}), count(1, object{"span_name": "root"})}, metric("SPANS", "span_count", object{"dimensions": []string{"span_name"}}))
	sum["dimensions"] = []string{"span_model_name"}
	require.Equal(t, []any{object{"d": object{"span_model_name": "big"}, "v": object{"SUM": 0.75}}, object{"d": object{"span_model_name": "small"}, "v": object{"SUM": 1.0}}},
		metric("SPANS", "total_cost", sum))
	require.Equal(t, []any{count(1, nil)}, metric("SPANS", "span_count", object{"filters": []string{"span.name = 'root'", "trace.status = 'OK'"}}))
	require.Equal(t, []any{count(1, object{"assessment_name": "answer"}), count(1, object{"assessment_name": "i-1"}), count(2, object{"assessment_name": "score"}), count(1, object{"assessment_name": "whole"})},
		metric("ASSESSMENTS", "assessment_count", object{"dimensions": []string{"assessment_name"}}))
	require.Equal(t, []any{object{"d": nil, "v": object{"AVG": 2.5}}}, metric("ASSESSMENTS", "assessment_value", object{
		"aggregations": []object{{"aggregation_type": "AVG"}}, "filters": []string{"assessment.type = 'feedback'"},
	}), "4, and true counts as 1")
	require.Empty(t, metric("TRACES", "latency", object{"aggregations": []object{{"aggregation_type": "AVG"}}, "filters": []string{"trace.metadata.user = 'none'"}}))

	for want, more := range map[string]object{
		"metric_name must be one of":        {"metric_name": "x"},
		"invalid aggregation_type":          {"aggregations": []object{{"aggregation_type": "SUM"}}},
		"invalid dimension":                 {"dimensions": []string{"span_name"}},
		"use one of TRACES":                 {"view_type": "RUNS"},
		"aggregations.percentile_value":     {"aggregations": []object{{"aggregation_type": "PERCENTILE"}}},
		"between 0 and 100":                 {"metric_name": "latency", "aggregations": []object{{"aggregation_type": "PERCENTILE", "percentile_value": 101}}},
		"start_time_ms and end_time_ms":     {"time_interval_seconds": 60},
		"Expected one filter clause":        {"filters": []string{""}},
		"Filtering by span is not possible": {"filters": []string{"span.name = 'x'"}},
		"Invalid comparator":                {"filters": []string{"trace.status != 'x'"}},
		"Invalid entity type":               {"filters": []string{"run.status = 'x'"}},
	} {
		body := object{"experiment_ids": []string{"0"}, "view_type": "TRACES", "metric_name": "trace_count", "aggregations": []object{{"aggregation_type": "COUNT"}}}
		for key, value := range more {
			body[key] = value
		}
		m.isError(m.Do(http.MethodPost, a3+"traces/metrics", body), invalid, want)
	}
}
