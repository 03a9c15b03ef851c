package mlflow

import (
	"context"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/tracking"
	"github.com/slipway-ml/slipway/services/tracking/search"
)

type experimentReply struct {
	ID               string `json:"experiment_id"`
	Name             string `json:"name"`
	ArtifactLocation string `json:"artifact_location"`
	Lifecycle        string `json:"lifecycle_stage"`
	UpdatedMS        int64  `json:"last_update_time"`
	CreatedMS        int64  `json:"creation_time"`
	Tags             []pair `json:"tags,omitempty"`
	Workspace        string `json:"workspace"`
}

func experimentOf(e models.Experiment) experimentReply {
	return experimentReply{
		ID: strconv.FormatInt(e.ID, 10), Name: e.Name, ArtifactLocation: e.ArtifactLocation, Lifecycle: string(e.Lifecycle),
		UpdatedMS: e.UpdatedMS, CreatedMS: e.CreatedMS, Tags: tagPairs(e.Tags), Workspace: "default",
	}
}

type experimentRef struct {
	ID string `json:"experiment_id" mlflow:"required"`
}

// CreateExperiment handles POST experiments/create.
func (t Tracking) CreateExperiment(c *gin.Context) error {
	var in struct {
		Name     string `json:"name" mlflow:"required"`
		Location string `json:"artifact_location"`
		Tags     []pair `json:"tags"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	id, err := t.Service.CreateExperiment(c.Request.Context(), in.Name, in.Location, tags(in.Tags))
	if err != nil {
		return err
	}
	return answer(c, experimentRef{strconv.FormatInt(id, 10)})
}

type experimentAnswer struct {
	Experiment experimentReply `json:"experiment"`
}

// GetExperiment handles GET experiments/get.
func (t Tracking) GetExperiment(c *gin.Context) error { return serve(c, t.getExperiment) }

func (t Tracking) getExperiment(ctx context.Context, in experimentRef) (any, error) {
	id, err := tracking.ParseExperimentID(in.ID)
	if err != nil {
		return nil, err
	}
	e, err := t.Service.Experiment(ctx, id)
	return experimentAnswer{experimentOf(e)}, err
}

// experimentID decodes a request that names an experiment and no more.
func experimentID(c *gin.Context) (int64, error) {
	var in experimentRef
	if err := decode(c, &in); err != nil {
		return 0, err
	}
	return tracking.ParseExperimentID(in.ID)
}

// GetExperimentByName handles GET experiments/get-by-name.
func (t Tracking) GetExperimentByName(c *gin.Context) error {
	var in struct {
		Name string `json:"experiment_name" mlflow:"required"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	e, err := t.Service.ExperimentByName(c.Request.Context(), in.Name)
	if err != nil {
		return err
	}
	return answer(c, experimentAnswer{experimentOf(e)})
}

// SearchExperiments handles POST and GET experiments/search.
func (t Tracking) SearchExperiments(c *gin.Context) error {
	var in struct {
		MaxResults int64    `json:"max_results"`
		PageToken  string   `json:"page_token"`
		Filter     string   `json:"filter"`
		OrderBy    []string `json:"order_by"`
		View       string   `json:"view_type" enum:"ACTIVE_ONLY,DELETED_ONLY,ALL"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	found, next, err := t.Service.SearchExperiments(c.Request.Context(), search.Query{
		Filter: in.Filter, OrderBy: in.OrderBy, View: models.ViewType(in.View), MaxResults: in.MaxResults, PageToken: in.PageToken,
	})
	if err != nil {
		return err
	}
	out := make([]experimentReply, len(found))
	for i, e := range found {
		out[i] = experimentOf(e)
	}
	return answer(c, struct {
		Experiments []experimentReply `json:"experiments,omitempty"`
		Next        string            `json:"next_page_token,omitempty"`
	}{out, next})
}

// UpdateExperiment handles POST experiments/update.
func (t Tracking) UpdateExperiment(c *gin.Context) error {
	var in struct {
		ID   string `json:"experiment_id" mlflow:"required"`
		Name string `json:"new_name" mlflow:"required"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	id, err := tracking.ParseExperimentID(in.ID)
	if err != nil {
		return err
	}
	return done(c, t.Service.RenameExperiment(c.Request.Context(), id, in.Name))
}

// DeleteExperiment handles POST experiments/delete.
func (t Tracking) DeleteExperiment(c *gin.Context) error {
	id, err := experimentID(c)
	if err != nil {
		return err
	}
	return done(c, t.Service.DeleteExperiment(c.Request.Context(), id))
}

// RestoreExperiment handles POST experiments/restore.
func (t Tracking) RestoreExperiment(c *gin.Context) error {
	id, err := experimentID(c)
	if err != nil {
		return err
	}
	return done(c, t.Service.RestoreExperiment(c.Request.Context(), id))
}

// SetExperimentTag handles POST experiments/set-experiment-tag.
func (t Tracking) SetExperimentTag(c *gin.Context) error {
	var in struct {
		ID    string `json:"experiment_id" mlflow:"required"`
		Key   string `json:"key" mlflow:"required"`
		Value string `json:"value"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	id, err := tracking.ParseExperimentID(in.ID)
	if err != nil {
		return err
	}
	return done(c, t.Service.SetExperimentTag(c.Request.Context(), id, models.Tag{Key: in.Key, Value: in.Value}))
}

// DeleteExperimentTag handles POST experiments/delete-experiment-tag.
func (t Tracking) DeleteExperimentTag(c *gin.Context) error {
	var in struct {
		ID  string `json:"experiment_id" mlflow:"required"`
		Key string `json:"key" mlflow:"required"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	id, err := tracking.ParseExperimentID(in.ID)
	if err != nil {
		return err
	}
	return done(c, t.Service.DeleteExperimentTag(c.Request.Context(), id, in.Key))
}

type searchDatasetsRequest struct {
	IDs []string `json:"experiment_ids"`
}

// SearchDatasets handles POST experiments/search-datasets.
func (t Tracking) SearchDatasets(c *gin.Context) error { return serve(c, t.searchDatasets) }

func (t Tracking) searchDatasets(ctx context.Context, in searchDatasetsRequest) (any, error) {
	const most = 20
	switch n := len(in.IDs); {
	case n == 0:
		return nil, models.Errorf(models.KindInvalid, "SearchDatasets request must specify at least one experiment_id.")
	case n > most:
		return nil, models.Errorf(models.KindInvalid, "SearchDatasets request cannot specify more than %d experiment_ids. Received %d experiment_ids.", most, n)
	}
	ids, err := tracking.ParseExperimentIDs(in.IDs)
	if err != nil {
		return nil, err
	}
	found, err := t.Service.DatasetSummaries(ctx, ids)
	if err != nil {
		return nil, err
	}
	type summary struct {
		ExperimentID string `json:"experiment_id"`
		Name         string `json:"name"`
		Digest       string `json:"digest"`
		Context      string `json:"context,omitempty"`
	}
	out := make([]summary, len(found))
	for i, s := range found {
		out[i] = summary{strconv.FormatInt(s.ExperimentID, 10), s.Name, s.Digest, s.Context}
	}
	return struct {
		Summaries []summary `json:"dataset_summaries,omitempty"`
	}{out}, nil
}
