package mlflow

import (
	"math"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/trace"
	"github.com/slipway-ml/slipway/services/tracking"
)

// traceTag is a tag of a trace; the path names the trace by either name.
type traceTag struct {
	ID    string `json:"trace_id" mlflow:"required"`
	Key   string `json:"key" mlflow:"required"`
	Value string `json:"value"`
}

// SetTraceTag handles PATCH traces/{trace_id}/tags.
func (t Traces) SetTraceTag(c *gin.Context) error {
	var in traceTag
	if err := decode(c, &in); err != nil {
		return err
	}
	return done(c, t.Service.SetTag(c.Request.Context(), in.ID, models.Tag{Key: in.Key, Value: in.Value}))
}

// DeleteTraceTag handles DELETE traces/{trace_id}/tags.
func (t Traces) DeleteTraceTag(c *gin.Context) error {
	var in traceTag
	if err := decode(c, &in); err != nil {
		return err
	}
	return done(c, t.Service.DeleteTag(c.Request.Context(), in.ID, in.Key))
}

// DeleteTraces handles POST traces/delete-traces.
func (t Traces) DeleteTraces(c *gin.Context) error {
	var in struct {
		Experiment string   `json:"experiment_id" mlflow:"required"`
		UntilMS    *int64   `json:"max_timestamp_millis"`
		Limit      *int64   `json:"max_traces"`
		IDs        []string `json:"request_ids"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	id, err := tracking.ParseExperimentID(in.Experiment)
	if err != nil {
		return err
	}
	n, err := t.Service.Delete(c.Request.Context(), models.TraceDeletion{ExperimentID: id, IDs: in.IDs, UntilMS: in.UntilMS}, in.Limit)
	if err != nil {
		return err
	}
	return answer(c, struct {
		Deleted int `json:"traces_deleted"`
	}{n})
}

// LinkTracesToRun handles POST traces/link-to-run.
func (t Traces) LinkTracesToRun(c *gin.Context) error {
	var in struct {
		IDs   []string `json:"trace_ids" mlflow:"required"`
		RunID string   `json:"run_id" mlflow:"required"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	return done(c, t.Service.LinkRun(c.Request.Context(), in.RunID, in.IDs))
}

// LinkPromptsToTrace handles POST traces/link-prompts.
func (t Traces) LinkPromptsToTrace(c *gin.Context) error {
	var in struct {
		ID      string `json:"trace_id" mlflow:"required"`
		Prompts []struct {
			Name    string `json:"name" mlflow:"required"`
			Version string `json:"version" mlflow:"number"`
		} `json:"prompt_versions" mlflow:"required"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	prompts := make([]trace.PromptRef, len(in.Prompts))
	for i, p := range in.Prompts {
		prompts[i] = trace.PromptRef(p)
	}
	return done(c, t.Service.LinkPrompts(c.Request.Context(), in.ID, prompts))
}

// CorrelateTraces handles POST traces/calculate-filter-correlation.
func (t Traces) CorrelateTraces(c *gin.Context) error {
	var in struct {
		Experiments []string `json:"experiment_ids" mlflow:"required"`
		First       string   `json:"filter_string1" mlflow:"required"`
		Second      string   `json:"filter_string2" mlflow:"required"`
		Base        string   `json:"base_filter"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	ids, err := tracking.ParseExperimentIDs(in.Experiments)
	if err != nil {
		return err
	}
	found, err := t.Service.Correlate(c.Request.Context(), ids, in.First, in.Second, in.Base)
	if err != nil {
		return err
	}
	return answer(c, struct {
		NPMI     *double `json:"npmi,omitempty"` // absent where it is not defined
		Smoothed *double `json:"npmi_smoothed,omitempty"`
		First    int64   `json:"filter1_count"`
		Second   int64   `json:"filter2_count"`
		Joint    int64   `json:"joint_count"`
		Total    int64   `json:"total_count"`
	}{defined(found.NPMI), defined(found.Smoothed), found.First, found.Second, found.Joint, found.Total})
}

func defined(f float64) *double {
	if math.IsNaN(f) {
		return nil
	}
	d := double(f)
	return &d
}

// QueryTraceMetrics handles POST traces/metrics.
func (t Traces) QueryTraceMetrics(c *gin.Context) error {
	var in struct {
		Experiments  []string `json:"experiment_ids" mlflow:"required"`
		View         string   `json:"view_type" mlflow:"required" enum:"TRACES,SPANS,ASSESSMENTS"`
		Metric       string   `json:"metric_name" mlflow:"required"`
		Aggregations []struct {
			Type       string   `json:"aggregation_type" mlflow:"required" enum:"COUNT,SUM,AVG,PERCENTILE,MIN,MAX"`
			Percentile *float64 `json:"percentile_value"`
		} `json:"aggregations" mlflow:"required"`
		Dimensions []string `json:"dimensions"`
		Filters    []string `json:"filters"`
		IntervalS  int64    `json:"time_interval_seconds"`
		FromMS     *int64   `json:"start_time_ms"`
		ToMS       *int64   `json:"end_time_ms"`
		MaxResults *int64   `json:"max_results"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	ids, err := tracking.ParseExperimentIDs(in.Experiments)
	if err != nil {
		return err
	}
	q := models.TraceMetricQuery{
		ExperimentIDs: ids, View: models.TraceView(in.View), Metric: in.Metric, Dimensions: in.Dimensions,
		IntervalS: in.IntervalS, FromMS: in.FromMS, ToMS: in.ToMS, Limit: int(min(orDefault(in.MaxResults, 1000), math.MaxInt32)),
	}
	for _, a := range in.Aggregations {
		if a.Type == "PERCENTILE" && a.Percentile == nil {
			return missing("aggregations.percentile_value")
		}
		aggregation := models.Aggregation{Type: a.Type}
		if a.Percentile != nil {
			aggregation.Percentile = *a.Percentile
		}
		q.Aggregations = append(q.Aggregations, aggregation)
	}
	found, err := t.Service.Metrics(c.Request.Context(), q, in.Filters)
	if err != nil {
		return err
	}
	return answer(c, struct {
		Points []metricPoint `json:"data_points,omitempty"`
	}{metricPointsOf(q, found)})
}

type metricPoint struct {
	Name       string             `json:"metric_name"`
	Dimensions map[string]string  `json:"dimensions,omitempty"`
	Values     map[string]float64 `json:"values,omitempty"`
}

func metricPointsOf(q models.TraceMetricQuery, found []models.TraceMetricPoint) []metricPoint {
	out := make([]metricPoint, 0, len(found))
	for _, p := range found {
		point := metricPoint{q.Metric, map[string]string{}, map[string]float64{}}
		if p.BucketMS != nil {
			point.Dimensions["time_bucket"] = time.UnixMilli(*p.BucketMS).UTC().Format("2006-01-02T15:04:05+00:00")
		}
		for i, value := range p.Dimensions {
			point.Dimensions[q.Dimensions[i]] = value
		}
		for i, value := range p.Values {
			if value != nil {
				point.Values[aggregationName(q.Aggregations[i])] = *value
			}
		}
		if len(point.Values) > 0 {
			out = append(out, point)
		}
	}
	return out
}

// aggregationName is how MLflow calls a percentile, P with Python's number.
func aggregationName(a models.Aggregation) string {
	if a.Type != "PERCENTILE" {
		return a.Type
	}
	return "P" + pythonFloat(a.Percentile)
}
