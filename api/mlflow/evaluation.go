package mlflow

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/evaluation"
	"github.com/slipway-ml/slipway/services/tracking"
	"github.com/slipway-ml/slipway/services/tracking/search"
)

// Evaluation handles evaluation datasets, issues and scorers.
type Evaluation struct {
	Service *evaluation.Service
}

// evaluationDatasetReply has JSON in text, as its proto does.
type evaluationDatasetReply struct {
	ID            string   `json:"dataset_id"`
	Name          string   `json:"name"`
	Tags          string   `json:"tags"`
	Schema        string   `json:"schema,omitempty"`
	Profile       string   `json:"profile,omitempty"`
	Digest        string   `json:"digest"`
	Created       int64    `json:"created_time"`
	Updated       int64    `json:"last_update_time"`
	CreatedBy     string   `json:"created_by,omitempty"`
	UpdatedBy     string   `json:"last_updated_by,omitempty"`
	ExperimentIDs []string `json:"experiment_ids,omitempty"`
}

func evaluationDatasetOf(d models.EvaluationDataset) evaluationDatasetReply {
	return evaluationDatasetReply{
		ID: d.ID, Name: d.Name, Tags: string(marshal(mapOf(d.Tags))), Schema: d.Schema, Profile: d.Profile, Digest: d.Digest,
		Created: d.CreatedMS, Updated: d.UpdatedMS, CreatedBy: d.CreatedBy, UpdatedBy: d.UpdatedBy, ExperimentIDs: decimals(d.ExperimentIDs),
	}
}

func decimals(ids []int64) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = strconv.FormatInt(id, 10)
	}
	return out
}

func answerDataset(c *gin.Context, d models.EvaluationDataset, err error) error {
	if err != nil {
		return err
	}
	return answer(c, struct {
		Dataset evaluationDatasetReply `json:"dataset"`
	}{evaluationDatasetOf(d)})
}

// tagChanges reads a JSON object of tags: null takes one away, and what is no
// text is stored as Python prints it.
func tagChanges(text string) ([]evaluation.TagChange, error) {
	if text == "" {
		return nil, nil
	}
	value, err := parseJSON([]byte(text))
	object, ok := value.(map[string]any)
	if err != nil || !ok {
		return nil, invalid("tags", text, "expected a JSON object in a string, such as {\"team\": \"ml\"}")
	}
	out := make([]evaluation.TagChange, 0, len(object))
	for key, v := range object {
		if v == nil {
			out = append(out, evaluation.TagChange{Key: key})
			continue
		}
		text := printed(v)
		for _, t := range []string{key, text} {
			if err := models.CheckText("tags", t); err != nil {
				return nil, err
			}
		}
		out = append(out, evaluation.TagChange{Key: key, Value: &text})
	}
	slices.SortFunc(out, func(a, b evaluation.TagChange) int { return strings.Compare(a.Key, b.Key) })
	return out, nil
}

func printed(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case bool:
		if v {
			return "True"
		}
		return "False"
	case json.Number:
		return v.String()
	}
	return string(marshal(value))
}

// CreateDataset handles POST datasets/create.
func (e Evaluation) CreateDataset(c *gin.Context) error {
	var in struct {
		Name          string   `json:"name" mlflow:"required"`
		ExperimentIDs []string `json:"experiment_ids"`
		Tags          string   `json:"tags"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	ids, err := tracking.ParseExperimentIDs(in.ExperimentIDs)
	if err != nil {
		return err
	}
	changes, err := tagChanges(in.Tags)
	if err != nil {
		return err
	}
	d, err := e.Service.CreateDataset(c.Request.Context(), in.Name, changes, ids)
	return answerDataset(c, d, err)
}

// GetDataset handles GET datasets/{id}.
func (e Evaluation) GetDataset(c *gin.Context) error {
	d, err := e.Service.Dataset(c.Request.Context(), c.Param("dataset_id"))
	return answerDataset(c, d, err)
}

// DeleteDataset handles DELETE datasets/{id}.
func (e Evaluation) DeleteDataset(c *gin.Context) error {
	return done(c, e.Service.DeleteDataset(c.Request.Context(), c.Param("dataset_id")))
}

// SearchDatasets handles POST and GET datasets/search.
func (e Evaluation) SearchDatasets(c *gin.Context) error {
	var in struct {
		ExperimentIDs []string `json:"experiment_ids"`
		Filter        string   `json:"filter_string"`
		MaxResults    *int64   `json:"max_results"`
		OrderBy       []string `json:"order_by"`
		PageToken     string   `json:"page_token"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	ids, err := tracking.ParseExperimentIDs(in.ExperimentIDs)
	if err != nil {
		return err
	}
	found, next, err := e.Service.SearchDatasets(c.Request.Context(), search.Query{
		ExperimentIDs: ids, Filter: in.Filter, OrderBy: in.OrderBy, MaxResults: orDefault(in.MaxResults, 1000), PageToken: in.PageToken,
	})
	if err != nil {
		return err
	}
	out := make([]evaluationDatasetReply, len(found))
	for i, d := range found {
		out[i] = evaluationDatasetOf(d)
	}
	return answer(c, struct {
		Datasets []evaluationDatasetReply `json:"datasets,omitempty"`
		Next     string                   `json:"next_page_token,omitempty"`
	}{out, next})
}

// SetDatasetTags handles PATCH datasets/{id}/tags.
func (e Evaluation) SetDatasetTags(c *gin.Context) error {
	var in struct {
		ID   string `json:"dataset_id" mlflow:"required"`
		Tags string `json:"tags" mlflow:"required"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	changes, err := tagChanges(in.Tags)
	if err != nil {
		return err
	}
	return done(c, e.Service.SetDatasetTags(c.Request.Context(), in.ID, changes))
}

// DeleteDatasetTag handles DELETE datasets/{id}/tags/{key}; a key may hold
// slashes.
func (e Evaluation) DeleteDatasetTag(c *gin.Context) error {
	return done(c, e.Service.DeleteDatasetTag(c.Request.Context(), c.Param("dataset_id"), strings.TrimPrefix(c.Param("key"), "/")))
}

// membership decodes a request that names a dataset and experiments.
func membership(c *gin.Context) (id string, experimentIDs []int64, err error) {
	var in struct {
		ID            string   `json:"dataset_id" mlflow:"required"`
		ExperimentIDs []string `json:"experiment_ids"`
	}
	if err := decode(c, &in); err != nil {
		return "", nil, err
	}
	experimentIDs, err = tracking.ParseExperimentIDs(in.ExperimentIDs)
	return in.ID, experimentIDs, err
}

// AddDataset handles POST datasets/{id}/add-experiments.
func (e Evaluation) AddDataset(c *gin.Context) error {
	id, experiments, err := membership(c)
	if err != nil {
		return err
	}
	d, err := e.Service.AddDataset(c.Request.Context(), id, experiments)
	return answerDataset(c, d, err)
}

// RemoveDataset handles POST datasets/{id}/remove-experiments.
func (e Evaluation) RemoveDataset(c *gin.Context) error {
	id, experiments, err := membership(c)
	if err != nil {
		return err
	}
	d, err := e.Service.RemoveDataset(c.Request.Context(), id, experiments)
	return answerDataset(c, d, err)
}

// GetDatasetExperiments handles GET datasets/{id}/experiment-ids; a dataset
// that is not there is in none, as clients that have deleted it take it.
func (e Evaluation) GetDatasetExperiments(c *gin.Context) error {
	d, err := e.Service.Dataset(c.Request.Context(), c.Param("dataset_id"))
	if err != nil && !models.IsKind(err, models.KindNotFound) {
		return err
	}
	return answer(c, struct {
		IDs []string `json:"experiment_ids,omitempty"`
	}{decimals(d.ExperimentIDs)})
}
