package mlflow

import (
	"context"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/tracking"
)

type metricReply struct {
	Key           string `json:"key"`
	Value         double `json:"value"`
	TimestampMS   int64  `json:"timestamp"`
	Step          int64  `json:"step"`
	RunID         string `json:"run_id,omitempty"`
	ModelID       string `json:"model_id,omitempty"`
	DatasetName   string `json:"dataset_name,omitempty"`
	DatasetDigest string `json:"dataset_digest,omitempty"`
}

func metricsOf(list []models.Metric) []metricReply {
	out := make([]metricReply, len(list))
	for i, m := range list {
		out[i] = metricReply{m.Key, double(m.Value), m.TimestampMS, m.Step, m.RunID, m.ModelID, m.DatasetName, m.DatasetDigest}
	}
	return out
}

type metricsReply struct {
	Metrics []metricReply `json:"metrics,omitempty"`
	Next    string        `json:"next_page_token,omitempty"`
}

// GetMetricHistory handles GET metrics/get-history.
func (t Tracking) GetMetricHistory(c *gin.Context) error {
	var in struct {
		Run        runRef `json:",inline"`
		Key        string `json:"metric_key" mlflow:"required"`
		MaxResults *int64 `json:"max_results"`
		PageToken  string `json:"page_token"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	id, err := in.Run.id()
	if err != nil {
		return err
	}
	text := make([]byte, 0, 64<<10)
	next, err := t.Service.MetricHistory(c.Request.Context(), id, in.Key, in.MaxResults, in.PageToken, func(points []models.Metric) error {
		for _, p := range points {
			text = appendMetric(appendOpening(text, `{"metrics":[`, c.Writer.Written()), p)
			if len(text) > 60<<10 {
				if err := write(c, text); err != nil {
					return err
				}
				text = text[:0]
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return write(c, appendClosing(text, next, c.Writer.Written()))
}

// appendOpening begins a list, or goes on with it: it has begun if something
// stands in text or was sent before.
func appendOpening(text []byte, opening string, sent bool) []byte {
	if len(text) == 0 && !sent {
		return append(text, opening...)
	}
	return append(text, ',')
}

// appendClosing ends a reply that is a list, absent if it is empty, and a token.
func appendClosing(text []byte, next string, sent bool) []byte {
	begun := len(text) > 0 || sent
	if begun {
		text = append(text, ']')
	} else {
		text = append(text, '{')
	}
	if next != "" {
		if begun {
			text = append(text, ',')
		}
		text = appendString(append(text, `"next_page_token":`...), next)
	}
	return append(text, "}\n"...)
}

// GetMetricHistoryBulk handles GET metrics/get-history-bulk, which browsers ask.
func (t Tracking) GetMetricHistoryBulk(c *gin.Context) error {
	var in struct {
		RunIDs     []string `json:"run_id"`
		Key        string   `json:"metric_key"`
		MaxResults *int64   `json:"max_results"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	const mostRuns, mostPoints = 100, 25_000
	switch {
	case len(in.RunIDs) == 0:
		return models.Errorf(models.KindInvalid, "GetMetricHistoryBulk request must specify at least one run_id.")
	case len(in.RunIDs) > mostRuns:
		return models.Errorf(models.KindInvalid, "GetMetricHistoryBulk request cannot specify more than %d run_ids. Received %d run_ids.", mostRuns, len(in.RunIDs))
	case in.Key == "":
		return models.Errorf(models.KindInvalid, "GetMetricHistoryBulk request must specify a metric_key.")
	}
	points, err := t.Service.BulkHistory(c.Request.Context(), in.RunIDs, in.Key, min(orDefault(in.MaxResults, mostPoints), mostPoints))
	if err != nil {
		return err
	}
	return answer(c, struct {
		Metrics []metricReply `json:"metrics"`
	}{metricsOf(points)})
}

type bulkIntervalRequest struct {
	RunIDs     []string `json:"run_ids" mlflow:"required"`
	Key        string   `json:"metric_key" mlflow:"required"`
	From       *int64   `json:"start_step"`
	To         *int64   `json:"end_step"`
	MaxResults *int64   `json:"max_results"`
}

// GetMetricHistoryBulkInterval handles GET metrics/get-history-bulk-interval.
func (t Tracking) GetMetricHistoryBulkInterval(c *gin.Context) error { return serve(c, t.bulkInterval) }

func (t Tracking) bulkInterval(ctx context.Context, in bulkIntervalRequest) (any, error) {
	if err := tracking.CheckBulk("GetMetricHistoryBulkInterval", in.RunIDs); err != nil {
		return nil, err
	}
	var within *models.StepRange
	switch {
	case in.From != nil && in.To != nil:
		within = &models.StepRange{From: *in.From, To: *in.To}
	case in.From != nil || in.To != nil:
		return nil, models.Errorf(models.KindInvalid, "If either start step or end step are specified, both must be specified.")
	}
	const most = 2_500
	points, err := t.Service.SampledHistory(ctx, in.RunIDs, in.Key, within, orDefault(in.MaxResults, most))
	if err != nil {
		return nil, err
	}
	return metricsReply{Metrics: metricsOf(points)}, nil
}
