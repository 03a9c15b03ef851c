package mlflow

import (
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/tracking"
	"github.com/slipway-ml/slipway/services/tracking/search"
)

// traceInfoV2 is a trace as clients before 3.0 know it.
type traceInfoV2 struct {
	ID           string `json:"request_id"`
	ExperimentID string `json:"experiment_id"`
	StartMS      int64  `json:"timestamp_ms"`
	TookMS       int64  `json:"execution_time_ms"`
	Status       string `json:"status"`
	Metadata     []pair `json:"request_metadata,omitempty"`
	Tags         []pair `json:"tags,omitempty"`
}

func traceInfoV2Of(t models.Trace) traceInfoV2 {
	out := traceInfoV2{
		ID: t.ID, ExperimentID: strconv.FormatInt(t.ExperimentID, 10), StartMS: t.StartMS, Status: string(t.State),
		Metadata: tagPairs(t.Metadata), Tags: tagPairs(t.Tags),
	}
	if t.DurationMS != nil {
		out.TookMS = *t.DurationMS
	}
	if t.State == models.TraceUnspecified {
		out.Status = "TRACE_STATUS_UNSPECIFIED"
	}
	return out
}

func answerTraceV2(c *gin.Context, t models.Trace, err error) error {
	if err != nil {
		return err
	}
	return answer(c, struct {
		Info traceInfoV2 `json:"trace_info"`
	}{traceInfoV2Of(t)})
}

// StartTraceV2 handles POST traces of API 2.0.
func (t Traces) StartTraceV2(c *gin.Context) error {
	var in struct {
		Experiment string    `json:"experiment_id" mlflow:"required"`
		StartMS    int64     `json:"timestamp_ms"`
		Metadata   []keyPair `json:"request_metadata"`
		Tags       []keyPair `json:"tags"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	id, err := tracking.ParseExperimentID(in.Experiment)
	if err != nil {
		return err
	}
	out, err := t.Service.Begin(c.Request.Context(), models.Trace{ExperimentID: id, StartMS: in.StartMS, Metadata: tags(in.Metadata), Tags: tags(in.Tags)})
	return answerTraceV2(c, out, err)
}

// EndTraceV2 handles PATCH traces/{trace_id} of API 2.0.
func (t Traces) EndTraceV2(c *gin.Context) error {
	var in struct {
		ID       string    `json:"trace_id" mlflow:"required"`
		AtMS     int64     `json:"timestamp_ms"`
		Status   string    `json:"status" enum:"OK,ERROR,IN_PROGRESS,TRACE_STATUS_UNSPECIFIED"`
		Metadata []keyPair `json:"request_metadata"`
		Tags     []keyPair `json:"tags"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	state := models.TraceState(in.Status)
	if in.Status == "" || in.Status == "TRACE_STATUS_UNSPECIFIED" {
		state = models.TraceUnspecified
	}
	out, err := t.Service.End(c.Request.Context(), in.ID, in.AtMS, state, tags(in.Metadata), tags(in.Tags))
	return answerTraceV2(c, out, err)
}

// GetTraceInfoV2 handles GET traces/{trace_id}/info of API 2.0.
func (t Traces) GetTraceInfoV2(c *gin.Context) error {
	var in traceID
	if err := decode(c, &in); err != nil {
		return err
	}
	out, err := t.Service.Info(c.Request.Context(), in.ID)
	return answerTraceV2(c, out, err)
}

// SearchTracesV2 handles GET traces of API 2.0.
func (t Traces) SearchTracesV2(c *gin.Context) error {
	var in struct {
		Experiments []string `json:"experiment_ids" mlflow:"required"`
		Filter      string   `json:"filter"`
		MaxResults  *int64   `json:"max_results"`
		OrderBy     []string `json:"order_by"`
		PageToken   string   `json:"page_token"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	ids, err := tracking.ParseExperimentIDs(in.Experiments)
	if err != nil {
		return err
	}
	found, next, err := t.Service.Search(c.Request.Context(), search.Query{
		ExperimentIDs: ids, Filter: in.Filter, OrderBy: in.OrderBy, MaxResults: orDefault(in.MaxResults, 100), PageToken: in.PageToken,
	})
	if err != nil {
		return err
	}
	out := make([]traceInfoV2, len(found))
	for i, f := range found {
		out[i] = traceInfoV2Of(f)
	}
	return answer(c, struct {
		Traces []traceInfoV2 `json:"traces,omitempty"`
		Next   string        `json:"next_page_token,omitempty"`
	}{out, next})
}
