package mlflow

import (
	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/tracking"
)

// metricIn is a point as clients send it.
type metricIn struct {
	Key           string  `json:"key" mlflow:"required"`
	Value         float64 `json:"value" mlflow:"required"`
	TimestampMS   int64   `json:"timestamp" mlflow:"required"`
	Step          int64   `json:"step"`
	ModelID       string  `json:"model_id"`
	DatasetName   string  `json:"dataset_name"`
	DatasetDigest string  `json:"dataset_digest"`
}

func (m metricIn) metric() models.Metric {
	return models.Metric{
		Key: m.Key, Value: m.Value, TimestampMS: m.TimestampMS, Step: m.Step,
		ModelID: m.ModelID, DatasetName: m.DatasetName, DatasetDigest: m.DatasetDigest,
	}
}

// LogMetric handles POST runs/log-metric.
func (t Tracking) LogMetric(c *gin.Context) error {
	var in struct {
		Run    runRef   `json:",inline"`
		Metric metricIn `json:",inline"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	id, err := in.Run.id()
	if err != nil {
		return err
	}
	return done(c, t.Service.LogMetric(c.Request.Context(), id, in.Metric.metric()))
}

// LogParam handles POST runs/log-parameter.
func (t Tracking) LogParam(c *gin.Context) error {
	id, p, err := runPair(c)
	if err != nil {
		return err
	}
	return done(c, t.Service.LogParam(c.Request.Context(), id, models.Param(p)))
}

// runPair decodes a request that names a run, a key and perhaps a value.
func runPair(c *gin.Context) (string, pair, error) {
	var in struct {
		Run   runRef `json:",inline"`
		Key   string `json:"key" mlflow:"required"`
		Value string `json:"value"`
	}
	if err := decode(c, &in); err != nil {
		return "", pair{}, err
	}
	id, err := in.Run.id()
	return id, pair{in.Key, in.Value}, err
}

// SetTag handles POST runs/set-tag.
func (t Tracking) SetTag(c *gin.Context) error {
	id, p, err := runPair(c)
	if err != nil {
		return err
	}
	return done(c, t.Service.SetTag(c.Request.Context(), id, models.Tag(p)))
}

// DeleteTag handles POST runs/delete-tag.
func (t Tracking) DeleteTag(c *gin.Context) error {
	id, p, err := runPair(c)
	if err != nil {
		return err
	}
	return done(c, t.Service.DeleteTag(c.Request.Context(), id, p.Key))
}

// LogBatch handles POST runs/log-batch. Its body may be as long as any: clients
// split a batch by its entries, and 100 long params with 100 long tags are more
// than the million characters that MLflow's documents speak of.
func (t Tracking) LogBatch(c *gin.Context) error {
	var in struct {
		Run     runRef     `json:",inline"`
		Metrics []metricIn `json:"metrics"`
		Params  []keyPair  `json:"params"`
		Tags    []keyPair  `json:"tags"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	id, err := in.Run.id()
	if err != nil {
		return err
	}
	b := tracking.Batch{Metrics: make([]models.Metric, len(in.Metrics))}
	for i, m := range in.Metrics {
		b.Metrics[i] = m.metric()
	}
	for _, p := range in.Params {
		b.Params = append(b.Params, models.Param(p))
	}
	for _, p := range in.Tags {
		b.Tags = append(b.Tags, models.Tag(p))
	}
	return done(c, t.Service.LogBatch(c.Request.Context(), id, b))
}

// keyPair is a pair whose key must be there.
type keyPair struct {
	Key   string `json:"key" mlflow:"required"`
	Value string `json:"value"`
}

// LogModel handles POST runs/log-model, the way of clients before 3.0.
func (t Tracking) LogModel(c *gin.Context) error {
	var in struct {
		Run   runRef `json:",inline"`
		Model string `json:"model_json" mlflow:"required"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	id, err := in.Run.id()
	if err != nil {
		return err
	}
	return done(c, t.Service.RecordModel(c.Request.Context(), id, in.Model))
}
