package mlflow

import (
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/tracking"
)

type loggedModelInfo struct {
	ID            string `json:"model_id"`
	ExperimentID  string `json:"experiment_id"`
	Name          string `json:"name"`
	CreatedMS     int64  `json:"creation_timestamp_ms"`
	UpdatedMS     int64  `json:"last_updated_timestamp_ms"`
	ArtifactURI   string `json:"artifact_uri"`
	Status        string `json:"status"`
	Type          string `json:"model_type,omitempty"`
	SourceRunID   string `json:"source_run_id,omitempty"`
	StatusMessage string `json:"status_message,omitempty"`
	Tags          []pair `json:"tags,omitempty"`
}

type loggedModelData struct {
	Params  []pair        `json:"params,omitempty"`
	Metrics []metricReply `json:"metrics,omitempty"`
}

type loggedModelReply struct {
	Info loggedModelInfo `json:"info"`
	Data loggedModelData `json:"data"`
}

func loggedModelOf(m models.LoggedModel) loggedModelReply {
	return loggedModelReply{
		Info: loggedModelInfo{
			ID: m.ID, ExperimentID: strconv.FormatInt(m.ExperimentID, 10), Name: m.Name, CreatedMS: m.CreatedMS, UpdatedMS: m.UpdatedMS,
			ArtifactURI: m.ArtifactURI, Status: string(m.Status), Type: m.Type, SourceRunID: m.SourceRunID,
			StatusMessage: m.StatusMessage, Tags: tagPairs(m.Tags),
		},
		Data: loggedModelData{Params: paramPairs(m.Params), Metrics: metricsOf(m.Metrics)},
	}
}

func answerModel(c *gin.Context, m models.LoggedModel, err error) error {
	if err != nil {
		return err
	}
	return answer(c, struct {
		Model loggedModelReply `json:"model"`
	}{loggedModelOf(m)})
}

// CreateLoggedModel handles POST logged-models.
func (t Tracking) CreateLoggedModel(c *gin.Context) error {
	var in struct {
		ExperimentID string    `json:"experiment_id" mlflow:"required"`
		Name         string    `json:"name"`
		Type         string    `json:"model_type"`
		SourceRunID  string    `json:"source_run_id"`
		Params       []keyPair `json:"params"`
		Tags         []keyPair `json:"tags"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	id, err := tracking.ParseExperimentID(in.ExperimentID)
	if err != nil {
		return err
	}
	m := models.LoggedModel{ExperimentID: id, Name: in.Name, Type: in.Type, SourceRunID: in.SourceRunID}
	for _, p := range in.Params {
		m.Params = append(m.Params, models.Param(p))
	}
	for _, p := range in.Tags {
		m.Tags = append(m.Tags, models.Tag(p))
	}
	m, err = t.Service.CreateLoggedModel(c.Request.Context(), m)
	return answerModel(c, m, err)
}

// modelID is the path's parameter.
type modelID struct {
	ID string `json:"model_id" mlflow:"required"`
}

// GetLoggedModel handles GET logged-models/{id}.
func (t Tracking) GetLoggedModel(c *gin.Context) error {
	var in modelID
	if err := decode(c, &in); err != nil {
		return err
	}
	m, err := t.Service.LoggedModel(c.Request.Context(), in.ID)
	return answerModel(c, m, err)
}

// FinalizeLoggedModel handles PATCH logged-models/{id}.
func (t Tracking) FinalizeLoggedModel(c *gin.Context) error {
	var in struct {
		ID     string `json:"model_id" mlflow:"required"`
		Status string `json:"status" mlflow:"required" enum:"LOGGED_MODEL_PENDING,LOGGED_MODEL_READY,LOGGED_MODEL_UPLOAD_FAILED"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	m, err := t.Service.FinalizeLoggedModel(c.Request.Context(), in.ID, models.LoggedModelStatus(in.Status))
	return answerModel(c, m, err)
}

// DeleteLoggedModel handles DELETE logged-models/{id}.
func (t Tracking) DeleteLoggedModel(c *gin.Context) error {
	var in modelID
	if err := decode(c, &in); err != nil {
		return err
	}
	return done(c, t.Service.DeleteLoggedModel(c.Request.Context(), in.ID))
}

// LogModelParams handles POST logged-models/{id}/params.
func (t Tracking) LogModelParams(c *gin.Context) error {
	var in struct {
		ID     string    `json:"model_id" mlflow:"required"`
		Params []keyPair `json:"params"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	list := make([]models.Param, len(in.Params))
	for i, p := range in.Params {
		list[i] = models.Param(p)
	}
	return done(c, t.Service.LogModelParams(c.Request.Context(), in.ID, list))
}

// SetModelTags handles PATCH logged-models/{id}/tags.
func (t Tracking) SetModelTags(c *gin.Context) error {
	var in struct {
		ID   string    `json:"model_id" mlflow:"required"`
		Tags []keyPair `json:"tags"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	return done(c, t.Service.SetModelTags(c.Request.Context(), in.ID, tags(in.Tags)))
}

// DeleteModelTag handles DELETE logged-models/{id}/tags/{key}; a key may hold
// slashes, so the route takes all that follows.
func (t Tracking) DeleteModelTag(c *gin.Context) error {
	var in struct {
		ID  string `json:"model_id" mlflow:"required"`
		Key string `json:"tag_key" mlflow:"required"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	return done(c, t.Service.DeleteModelTag(c.Request.Context(), in.ID, strings.TrimPrefix(in.Key, "/")))
}

// SearchLoggedModels handles POST logged-models/search.
func (t Tracking) SearchLoggedModels(c *gin.Context) error {
	type datasetRef struct {
		Name   string `json:"dataset_name" mlflow:"required"`
		Digest string `json:"dataset_digest"`
	}
	var in struct {
		ExperimentIDs *[]string    `json:"experiment_ids" mlflow:"required"` // may be empty
		Filter        string       `json:"filter"`
		Datasets      []datasetRef `json:"datasets"`
		MaxResults    *int64       `json:"max_results"`
		OrderBy       []struct {
			Field     string `json:"field_name" mlflow:"required"`
			Ascending *bool  `json:"ascending"`
			Name      string `json:"dataset_name"`
			Digest    string `json:"dataset_digest"`
		} `json:"order_by"`
		PageToken string `json:"page_token"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	ids, err := tracking.ParseExperimentIDs(*in.ExperimentIDs)
	if err != nil {
		return err
	}
	q := tracking.ModelQuery{ExperimentIDs: ids, Filter: in.Filter, MaxResults: orDefault(in.MaxResults, 50), PageToken: in.PageToken}
	for _, d := range in.Datasets {
		q.Datasets = append(q.Datasets, models.DatasetRefByDigest(d))
	}
	for _, o := range in.OrderBy {
		q.OrderBy = append(q.OrderBy, tracking.ModelOrder{
			Field: o.Field, Desc: o.Ascending != nil && !*o.Ascending, DatasetName: o.Name, DatasetDigest: o.Digest,
		})
	}
	found, next, err := t.Service.SearchLoggedModels(c.Request.Context(), q)
	if err != nil {
		return err
	}
	out := make([]loggedModelReply, len(found))
	for i, m := range found {
		out[i] = loggedModelOf(m)
	}
	return answer(c, struct {
		Models []loggedModelReply `json:"models,omitempty"`
		Next   string             `json:"next_page_token,omitempty"`
	}{out, next})
}
