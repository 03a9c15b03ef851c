package mlflow

import (
	"maps"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/registry"
)

// Registry handles registered models, their versions and aliases.
type Registry struct {
	Service *registry.Service
}

type aliasReply struct {
	Alias   string `json:"alias"`
	Version string `json:"version"`
}

type registeredModelReply struct {
	Name           string         `json:"name"`
	CreatedMS      int64          `json:"creation_timestamp"`
	UpdatedMS      int64          `json:"last_updated_timestamp"`
	Description    string         `json:"description,omitempty"`
	LatestVersions []versionReply `json:"latest_versions,omitempty"`
	Tags           []pair         `json:"tags,omitempty"`
	Aliases        []aliasReply   `json:"aliases,omitempty"`
}

func registeredModel(m models.RegisteredModel, latest []models.Version) registeredModelReply {
	r := registeredModelReply{
		Name: m.Name, CreatedMS: m.Created.UnixMilli(), UpdatedMS: m.Updated.UnixMilli(), Description: m.Description,
		LatestVersions: versionList(latest), Tags: pairsOf(m.Tags),
	}
	for i := range r.LatestVersions {
		r.LatestVersions[i].Aliases = nil // MLflow leaves them out here
	}
	for _, alias := range slices.Sorted(maps.Keys(m.Aliases)) {
		r.Aliases = append(r.Aliases, aliasReply{alias, number(m.Aliases[alias])})
	}
	return r
}

func pairsOf(tags map[string]string) []pair {
	list := make([]pair, 0, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, pair{key, tags[key]})
	}
	return list
}

func tagMap(list []pair) map[string]string {
	tags := make(map[string]string, len(list))
	for _, p := range list {
		tags[p.Key] = p.Value
	}
	return tags
}

func answerRegisteredModel(c *gin.Context, m models.RegisteredModel, latest []models.Version, err error) error {
	if err != nil {
		return err
	}
	return answer(c, struct {
		Model registeredModelReply `json:"registered_model"`
	}{registeredModel(m, latest)})
}

// CreateModel answers POST registered-models/create.
func (r Registry) CreateModel(c *gin.Context) error {
	var in struct {
		Name        string `json:"name" mlflow:"required"`
		Description string `json:"description"`
		Tags        []pair `json:"tags"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	m, err := r.Service.CreateModel(c.Request.Context(), in.Name, in.Description, tagMap(in.Tags))
	return answerRegisteredModel(c, m, nil, err)
}

type modelRef struct {
	Name string `json:"name" mlflow:"required"`
}

// GetModel answers GET registered-models/get.
func (r Registry) GetModel(c *gin.Context) error {
	var in modelRef
	if err := decode(c, &in); err != nil {
		return err
	}
	m, latest, err := r.Service.Model(c.Request.Context(), in.Name)
	return answerRegisteredModel(c, m, latest, err)
}

// RenameModel answers POST registered-models/rename.
func (r Registry) RenameModel(c *gin.Context) error {
	var in struct {
		Name    string `json:"name" mlflow:"required"`
		NewName string `json:"new_name" mlflow:"required"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	m, latest, err := r.Service.RenameModel(c.Request.Context(), in.Name, in.NewName)
	return answerRegisteredModel(c, m, latest, err)
}

// UpdateModel answers PATCH registered-models/update; an absent description
// clears it.
func (r Registry) UpdateModel(c *gin.Context) error {
	var in struct {
		Name        string `json:"name" mlflow:"required"`
		Description string `json:"description"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	m, latest, err := r.Service.UpdateModel(c.Request.Context(), in.Name, in.Description)
	return answerRegisteredModel(c, m, latest, err)
}

// DeleteModel answers DELETE registered-models/delete.
func (r Registry) DeleteModel(c *gin.Context) error {
	var in modelRef
	if err := decode(c, &in); err != nil {
		return err
	}
	return done(c, r.Service.DeleteModel(c.Request.Context(), in.Name))
}

type searchRequest struct {
	Filter     string   `json:"filter"`
	MaxResults *int64   `json:"max_results"`
	OrderBy    []string `json:"order_by"`
	PageToken  string   `json:"page_token"`
}

func (s searchRequest) query(standard, most int64) (registry.Query, error) {
	limit := standard
	if s.MaxResults != nil {
		limit = *s.MaxResults
	}
	if limit < 1 || limit > most {
		return registry.Query{}, invalid("max_results", limit, "it must be an integer from 1 to %d", most)
	}
	return registry.Query{Filter: s.Filter, OrderBy: s.OrderBy, PageToken: s.PageToken, Limit: int(limit)}, nil
}

// SearchModels answers GET registered-models/search.
func (r Registry) SearchModels(c *gin.Context) error {
	var in searchRequest
	if err := decode(c, &in); err != nil {
		return err
	}
	q, err := in.query(100, 1000)
	if err != nil {
		return err
	}
	found, next, err := r.Service.SearchModels(c.Request.Context(), q)
	if err != nil {
		return err
	}
	list := make([]registeredModelReply, len(found))
	for i, m := range found {
		list[i] = registeredModel(m.RegisteredModel, m.Latest)
	}
	return answer(c, struct {
		Models []registeredModelReply `json:"registered_models,omitempty"`
		Next   string                 `json:"next_page_token,omitempty"`
	}{list, next})
}

// SetModelTag answers POST registered-models/set-tag.
func (r Registry) SetModelTag(c *gin.Context) error {
	var in struct {
		Name  string `json:"name" mlflow:"required"`
		Key   string `json:"key" mlflow:"required"`
		Value string `json:"value"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	return done(c, r.Service.SetModelTag(c.Request.Context(), in.Name, in.Key, in.Value))
}

// DeleteModelTag answers DELETE registered-models/delete-tag.
func (r Registry) DeleteModelTag(c *gin.Context) error {
	var in struct {
		Name string `json:"name" mlflow:"required"`
		Key  string `json:"key" mlflow:"required"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	return done(c, r.Service.DeleteModelTag(c.Request.Context(), in.Name, in.Key))
}
