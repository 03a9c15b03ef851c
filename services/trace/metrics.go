package trace

import (
	"context"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/tracking/search"
	"github.com/slipway-ml/slipway/storage"
)

// metric is what may be asked of a metric.
type metric struct{ aggregations, dimensions []string }

var (
	counts   = []string{"COUNT"}
	measures = []string{"AVG", "MAX", "MIN", "PERCENTILE"}
	sums     = []string{"AVG", "MAX", "MIN", "PERCENTILE", "SUM"}
)

func metrics() map[models.TraceView]map[string]metric {
	tokens, cost := metric{sums, []string{"trace_name"}}, metric{sums, []string{"span_model_name", "span_model_provider"}}
	return map[models.TraceView]map[string]metric{
		models.ViewTraces: {
			"trace_count": {counts, []string{"trace_name", "trace_status"}}, "session_count": {counts, nil},
			"latency": {measures, []string{"trace_name"}}, "input_tokens": tokens, "output_tokens": tokens, "total_tokens": tokens,
			"cache_read_input_tokens": tokens, "cache_creation_input_tokens": tokens,
		},
		models.ViewSpans: {
			"span_count": {counts, []string{"span_model_name", "span_model_provider", "span_name", "span_status", "span_type"}},
			"latency":    {measures, []string{"span_name", "span_status"}}, "input_cost": cost, "output_cost": cost, "total_cost": cost,
		},
		models.ViewAssessments: {
			"assessment_count": {counts, []string{"assessment_name", "assessment_value"}},
			"assessment_value": {measures, []string{"assessment_name"}},
		},
	}
}

// maxPoints bounds how many groups of a metric are given.
const maxPoints = 1_000

// Metrics sums up a metric of traces, of spans or of assessments.
func (s *Service) Metrics(ctx context.Context, q models.TraceMetricQuery, filters []string) (out []models.TraceMetricPoint, err error) {
	if err := check(q); err != nil {
		return nil, err
	}
	q.Limit = min(q.Limit, maxPoints)
	for _, text := range filters {
		list, err := search.TraceMetrics().Filter(text)
		if err != nil {
			return nil, err
		}
		if len(list) != 1 {
			return nil, models.Errorf(models.KindInvalid, "Invalid filter: '%s'. Expected one filter clause.", text)
		}
		c := list[0]
		if (c.Entity == models.EntitySpan && q.View != models.ViewSpans) || (c.Entity == models.EntityAssessment && q.View != models.ViewAssessments) {
			return nil, models.Errorf(models.KindInvalid, "Filtering by %s is not possible in view_type %s", c.Entity, q.View)
		}
		if c.Entity == models.EntitySpan && (c.Op != models.OpEqual || !slices.Contains([]string{"name", "status", "type"}, c.Key)) {
			return nil, models.Errorf(models.KindInvalid, "Invalid filter: '%s'. Use =, and span.name, span.status or span.type.", text)
		}
		q.Filter = append(q.Filter, c)
	}
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		out, err = tx.Traces().Metrics(q)
		return err
	})
	return out, err
}

func check(q models.TraceMetricQuery) error {
	of, known := metrics()[q.View]
	if !known {
		return models.InvalidValue("view_type", q.View, "use one of TRACES, SPANS, ASSESSMENTS")
	}
	m, known := of[q.Metric]
	if !known {
		names := make([]string, 0, len(of))
		for name := range of {
			names = append(names, name)
		}
		slices.Sort(names)
		return models.Errorf(models.KindInvalid, "metric_name must be one of %s, got '%s'", strings.Join(names, ", "), q.Metric)
	}
	for _, a := range q.Aggregations {
		if !slices.Contains(m.aggregations, a.Type) {
			return models.Errorf(models.KindInvalid, "Found invalid aggregation_type(s): %s. Supported aggregation types: %s", a.Type, strings.Join(m.aggregations, ", "))
		}
		if a.Type == "PERCENTILE" && (a.Percentile < 0 || a.Percentile > 100) {
			return models.InvalidValue("aggregations.percentile_value", a.Percentile, "a percentile lies between 0 and 100")
		}
	}
	for _, d := range q.Dimensions {
		if !slices.Contains(m.dimensions, d) {
			return models.Errorf(models.KindInvalid, "Found invalid dimension(s): %s. Supported dimensions: %s", d, strings.Join(m.dimensions, ", "))
		}
	}
	switch {
	case len(q.Aggregations) == 0 || len(q.Aggregations) > 20:
		return models.Errorf(models.KindInvalid, "aggregations: give 1 to 20 of them, not %d", len(q.Aggregations))
	case q.IntervalS < 0 || q.IntervalS > 1<<31:
		return models.InvalidValue("time_interval_seconds", q.IntervalS, "it is a number of seconds, 1 or more")
	case q.IntervalS > 0 && (q.FromMS == nil || q.ToMS == nil):
		return models.Errorf(models.KindInvalid, "start_time_ms and end_time_ms are required if time_interval_seconds is set")
	case q.Limit < 1:
		return models.InvalidValue("max_results", q.Limit, "It must be at least 1.")
	}
	return nil
}
