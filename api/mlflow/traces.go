package mlflow

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/trace"
	"github.com/slipway-ml/slipway/services/tracking"
	"github.com/slipway-ml/slipway/services/tracking/search"
)

// Traces handles traces, their spans and their assessments.
type Traces struct {
	Service *trace.Service
	Files   Artifacts
}

type traceLocation struct {
	Type       string            `json:"type,omitempty"`
	Experiment *experimentInside `json:"mlflow_experiment,omitempty"`
}

type experimentInside struct {
	ID string `json:"experiment_id" mlflow:"required"`
}

type traceInfo struct {
	ID              string            `json:"trace_id" mlflow:"required"`
	ClientRequestID *string           `json:"client_request_id,omitempty"`
	Location        traceLocation     `json:"trace_location"`
	RequestPreview  *string           `json:"request_preview,omitempty"`
	ResponsePreview *string           `json:"response_preview,omitempty"`
	RequestTime     string            `json:"request_time"`
	Duration        string            `json:"execution_duration,omitempty"`
	State           string            `json:"state" enum:"OK,ERROR,IN_PROGRESS,STATE_UNSPECIFIED"`
	Metadata        map[string]string `json:"trace_metadata,omitempty"`
	Assessments     []assessment      `json:"assessments,omitempty"`
	Tags            map[string]string `json:"tags,omitempty"`
}

func traceInfoOf(t models.Trace) traceInfo {
	out := traceInfo{
		ID: t.ID, ClientRequestID: t.ClientRequestID, RequestPreview: t.RequestPreview, ResponsePreview: t.ResponsePreview,
		Location:    traceLocation{Type: "MLFLOW_EXPERIMENT", Experiment: &experimentInside{strconv.FormatInt(t.ExperimentID, 10)}},
		RequestTime: timestamp(t.StartMS), State: string(t.State), Metadata: mapOf(t.Metadata), Tags: mapOf(t.Tags),
	}
	if t.DurationMS != nil {
		out.Duration = seconds(*t.DurationMS)
	}
	for _, a := range t.Assessments {
		out.Assessments = append(out.Assessments, assessmentOf(a))
	}
	return out
}

func traceInfosOf(list []models.Trace) []traceInfo {
	out := make([]traceInfo, len(list))
	for i, t := range list {
		out[i] = traceInfoOf(t)
	}
	return out
}

func (in traceInfo) trace() (t models.Trace, err error) {
	t = models.Trace{
		ID: in.ID, ClientRequestID: in.ClientRequestID, RequestPreview: in.RequestPreview, ResponsePreview: in.ResponsePreview,
		State: models.TraceUnspecified, Metadata: listOf(in.Metadata), Tags: listOf(in.Tags),
	}
	if in.State != "" {
		t.State = models.TraceState(in.State)
	}
	if in.Location.Experiment == nil {
		return t, missing("trace.trace_info.trace_location.mlflow_experiment.experiment_id")
	}
	if t.ExperimentID, err = tracking.ParseExperimentID(in.Location.Experiment.ID); err != nil {
		return t, err
	}
	if t.StartMS, err = parseTimestamp("trace.trace_info.request_time", in.RequestTime); err != nil {
		return t, err
	}
	if in.Duration != "" {
		ms, err := parseSeconds("trace.trace_info.execution_duration", in.Duration)
		if err != nil {
			return t, err
		}
		t.DurationMS = &ms
	}
	for _, a := range in.Assessments {
		m, err := a.assessment()
		if err != nil {
			return t, err
		}
		t.Assessments = append(t.Assessments, m)
	}
	return t, nil
}

func mapOf(list []models.Tag) map[string]string {
	out := make(map[string]string, len(list))
	for _, t := range list {
		out[t.Key] = t.Value
	}
	return out
}

func listOf(m map[string]string) []models.Tag {
	out := make([]models.Tag, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		out = append(out, models.Tag{Key: key, Value: m[key]})
	}
	return out
}

// timestamp and seconds write times as proto's JSON does.
func timestamp(ms int64) string {
	at := time.UnixMilli(ms).UTC()
	if ms%1000 == 0 {
		return at.Format("2006-01-02T15:04:05Z")
	}
	return at.Format("2006-01-02T15:04:05.000Z")
}

func seconds(ms int64) string {
	if ms%1000 == 0 {
		return strconv.FormatInt(ms/1000, 10) + "s"
	}
	return strconv.FormatFloat(float64(ms)/1000, 'f', 3, 64) + "s"
}

func parseTimestamp(field, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0, invalid(field, text, "expected a time such as 2026-01-31T10:20:30.400Z")
	}
	return at.UnixMilli(), nil
}

func parseSeconds(field, text string) (int64, error) {
	d, err := time.ParseDuration(text)
	if err != nil || !strings.HasSuffix(text, "s") {
		return 0, invalid(field, text, "expected seconds such as 1.500s")
	}
	return d.Milliseconds(), nil
}

type traceReply struct {
	Info  traceInfo  `json:"trace_info"`
	Spans []otelSpan `json:"spans,omitempty"`
}

type traceAnswer struct {
	Trace traceReply `json:"trace"`
}

// StartTrace handles POST traces.
func (t Traces) StartTrace(c *gin.Context) error {
	var in struct {
		Trace *struct {
			Info traceInfo `json:"trace_info" mlflow:"required"`
		} `json:"trace" mlflow:"required"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	m, err := in.Trace.Info.trace()
	if err != nil {
		return err
	}
	out, err := t.Service.Start(c.Request.Context(), m)
	if err != nil {
		return err
	}
	return answer(c, traceAnswer{traceReply{Info: traceInfoOf(out)}})
}

// traceID is the path's parameter.
type traceID struct {
	ID string `json:"trace_id" mlflow:"required"`
}

// GetTraceInfo handles GET traces/{trace_id}.
func (t Traces) GetTraceInfo(c *gin.Context) error {
	var in traceID
	if err := decode(c, &in); err != nil {
		return err
	}
	out, err := t.Service.Info(c.Request.Context(), in.ID)
	if err != nil {
		return err
	}
	return answer(c, traceAnswer{traceReply{Info: traceInfoOf(out)}})
}

// GetTrace handles GET traces/get.
func (t Traces) GetTrace(c *gin.Context) error {
	var in struct {
		ID   string `json:"trace_id" mlflow:"required"`
		Part bool   `json:"allow_partial"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	whole, err := t.Service.Get(c.Request.Context(), in.ID, in.Part)
	if err != nil {
		return err
	}
	return answer(c, traceAnswer{wholeTrace(whole)})
}

func wholeTrace(w trace.Whole) traceReply {
	return traceReply{traceInfoOf(w.Trace), otelSpansOf(w.Spans)}
}

// traceIDs names traces, and perhaps the experiments they are to be of.
type traceIDs struct {
	IDs         []string `json:"trace_ids" mlflow:"required"`
	Experiments []string `json:"experiment_ids"`
}

func (in traceIDs) within() ([]int64, error) { return tracking.ParseExperimentIDs(in.Experiments) }

// BatchGetTraces handles GET traces/batchGet.
func (t Traces) BatchGetTraces(c *gin.Context) error {
	var in traceIDs
	if err := decode(c, &in); err != nil {
		return err
	}
	within, err := in.within()
	if err != nil {
		return err
	}
	list, err := t.Service.Batch(c.Request.Context(), in.IDs, within)
	if err != nil {
		return err
	}
	out := make([]traceReply, len(list))
	for i, w := range list {
		out[i] = wholeTrace(w)
	}
	return answer(c, struct {
		Traces []traceReply `json:"traces,omitempty"`
	}{out})
}

// BatchGetTraceInfos handles POST traces/batchGetInfos.
func (t Traces) BatchGetTraceInfos(c *gin.Context) error {
	var in traceIDs
	if err := decode(c, &in); err != nil {
		return err
	}
	within, err := in.within()
	if err != nil {
		return err
	}
	list, err := t.Service.Infos(c.Request.Context(), in.IDs, within)
	if err != nil {
		return err
	}
	return answer(c, struct {
		Infos []traceInfo `json:"trace_infos,omitempty"`
	}{traceInfosOf(list)})
}

// SearchTraces handles POST traces/search.
func (t Traces) SearchTraces(c *gin.Context) error {
	var in struct {
		Locations  *[]traceLocation `json:"locations" mlflow:"required"` // may be empty
		Filter     string           `json:"filter"`
		MaxResults *int64           `json:"max_results"`
		OrderBy    []string         `json:"order_by"`
		PageToken  string           `json:"page_token"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	q := search.Query{Filter: in.Filter, OrderBy: in.OrderBy, MaxResults: orDefault(in.MaxResults, 100), PageToken: in.PageToken}
	for _, l := range *in.Locations {
		if l.Experiment == nil {
			continue
		}
		id, err := tracking.ParseExperimentID(l.Experiment.ID)
		if err != nil {
			return err
		}
		q.ExperimentIDs = append(q.ExperimentIDs, id)
	}
	found, next, err := t.Service.Search(c.Request.Context(), q)
	if err != nil {
		return err
	}
	return answer(c, struct {
		Traces []traceInfo `json:"traces,omitempty"`
		Next   string      `json:"next_page_token,omitempty"`
	}{traceInfosOf(found), next})
}
