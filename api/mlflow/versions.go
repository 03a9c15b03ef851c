package mlflow

import (
	"context"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/registry"
)

type versionReply struct {
	Name          string   `json:"name"`
	Version       string   `json:"version"`
	CreatedMS     int64    `json:"creation_timestamp"`
	UpdatedMS     int64    `json:"last_updated_timestamp"`
	Stage         string   `json:"current_stage"`
	Description   string   `json:"description"`
	Source        string   `json:"source"`
	RunID         string   `json:"run_id"`
	Status        string   `json:"status"`
	StatusMessage string   `json:"status_message,omitempty"`
	Tags          []pair   `json:"tags,omitempty"`
	RunLink       string   `json:"run_link"`
	Aliases       []string `json:"aliases,omitempty"`
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// versionOf makes a version's reply. It is ready at once, for clients wait for
// that: what hashing still has to tell matters to delivery alone.
func versionOf(v models.Version) versionReply {
	r := versionReply{
		Name: v.Model, Version: number(v.Number), CreatedMS: v.Created.UnixMilli(), UpdatedMS: v.Updated.UnixMilli(),
		Stage: string(v.Stage), Description: v.Description, Source: v.Source, RunID: v.RunID, Status: "READY",
		Tags: pairsOf(v.Tags), RunLink: v.RunLink, Aliases: v.Aliases,
	}
	if v.Files == models.FilesHashing {
		r.StatusMessage = "files that were not uploaded through this server are being hashed"
	}
	return r
}

func versionList(list []models.Version) []versionReply {
	replies := make([]versionReply, len(list))
	for i, v := range list {
		replies[i] = versionOf(v)
	}
	return replies
}

func answerVersion(c *gin.Context, v models.Version, err error) error {
	if err != nil {
		return err
	}
	return answer(c, struct {
		Version versionReply `json:"model_version"`
	}{versionOf(v)})
}

type versionsReply struct {
	Versions []versionReply `json:"model_versions,omitempty"`
	Next     string         `json:"next_page_token,omitempty"`
}

func parseVersion(text string) (int64, error) {
	if text == "" {
		return 0, missing("version")
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, models.Errorf(models.KindInvalid, "Parameter 'version' must be an integer, got '%.100s'.", text)
	}
	return n, nil
}

type versionRef struct {
	Name    string `json:"name" mlflow:"required"`
	Version string `json:"version" mlflow:"number"`
}

func decodeVersionRef(c *gin.Context) (name string, number int64, err error) {
	var in versionRef
	if err := decode(c, &in); err != nil {
		return "", 0, err
	}
	number, err = parseVersion(in.Version)
	return in.Name, number, err
}

// CreateVersion answers POST model-versions/create.
func (r Registry) CreateVersion(c *gin.Context) error {
	var in struct {
		Name        string  `json:"name" mlflow:"required"`
		Source      string  `json:"source" mlflow:"required"`
		RunID       *string `json:"run_id"`
		RunLink     string  `json:"run_link"`
		Tags        []pair  `json:"tags"`
		Description string  `json:"description"`
		ModelID     *string `json:"model_id"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	v, err := r.Service.Register(c.Request.Context(), registry.NewVersion{
		Model: in.Name, Source: in.Source, RunID: in.RunID, LoggedModelID: in.ModelID, RunLink: in.RunLink,
		Description: in.Description, Tags: tagMap(in.Tags),
	})
	return answerVersion(c, v, err)
}

// GetVersion answers GET model-versions/get.
func (r Registry) GetVersion(c *gin.Context) error {
	name, number, err := decodeVersionRef(c)
	if err != nil {
		return err
	}
	v, err := r.Service.Version(c.Request.Context(), name, number)
	return answerVersion(c, v, err)
}

// GetDownloadURI answers GET model-versions/get-download-uri.
func (r Registry) GetDownloadURI(c *gin.Context) error {
	name, number, err := decodeVersionRef(c)
	if err != nil {
		return err
	}
	v, err := r.Service.Version(c.Request.Context(), name, number)
	if err != nil {
		return err
	}
	return answer(c, struct {
		URI string `json:"artifact_uri"`
	}{v.DownloadURI})
}

// UpdateVersion answers PATCH model-versions/update.
func (r Registry) UpdateVersion(c *gin.Context) error {
	var in struct {
		Name        string `json:"name" mlflow:"required"`
		Version     string `json:"version" mlflow:"number"`
		Description string `json:"description"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	number, err := parseVersion(in.Version)
	if err != nil {
		return err
	}
	v, err := r.Service.UpdateVersion(c.Request.Context(), in.Name, number, in.Description)
	return answerVersion(c, v, err)
}

// DeleteVersion answers DELETE model-versions/delete.
func (r Registry) DeleteVersion(c *gin.Context) error {
	name, number, err := decodeVersionRef(c)
	if err != nil {
		return err
	}
	return done(c, r.Service.DeleteVersion(c.Request.Context(), name, number))
}

// SearchVersions answers GET model-versions/search.
func (r Registry) SearchVersions(c *gin.Context) error { return serve(c, r.searchVersions) }

func (r Registry) searchVersions(ctx context.Context, in searchRequest) (any, error) {
	q, err := in.query(200_000, 200_000)
	if err != nil {
		return nil, err
	}
	list, next, err := r.Service.SearchVersions(ctx, q)
	return versionsReply{versionList(list), next}, err
}

// LatestVersions answers POST and GET registered-models/get-latest-versions.
func (r Registry) LatestVersions(c *gin.Context) error {
	var in struct {
		Name   string   `json:"name" mlflow:"required"`
		Stages []string `json:"stages"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	list, err := r.Service.Latest(c.Request.Context(), in.Name, in.Stages)
	if err != nil {
		return err
	}
	return answer(c, versionsReply{Versions: versionList(list)})
}

// TransitionStage answers POST model-versions/transition-stage.
func (r Registry) TransitionStage(c *gin.Context) error {
	var in struct {
		Name    string `json:"name" mlflow:"required"`
		Version string `json:"version" mlflow:"number"`
		Stage   string `json:"stage" mlflow:"required"`
		Archive bool   `json:"archive_existing_versions"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	number, err := parseVersion(in.Version)
	if err != nil {
		return err
	}
	v, err := r.Service.Transition(c.Request.Context(), in.Name, number, in.Stage, in.Archive)
	return answerVersion(c, v, err)
}

type versionTagRequest struct {
	Name    string `json:"name" mlflow:"required"`
	Version string `json:"version" mlflow:"number"`
	Key     string `json:"key" mlflow:"required"`
	Value   string `json:"value"`
}

// SetVersionTag answers POST model-versions/set-tag.
func (r Registry) SetVersionTag(c *gin.Context) error {
	var in versionTagRequest
	if err := decode(c, &in); err != nil {
		return err
	}
	number, err := parseVersion(in.Version)
	if err != nil {
		return err
	}
	return done(c, r.Service.SetVersionTag(c.Request.Context(), in.Name, number, in.Key, in.Value))
}

// DeleteVersionTag answers DELETE model-versions/delete-tag.
func (r Registry) DeleteVersionTag(c *gin.Context) error {
	var in versionTagRequest
	if err := decode(c, &in); err != nil {
		return err
	}
	number, err := parseVersion(in.Version)
	if err != nil {
		return err
	}
	return done(c, r.Service.DeleteVersionTag(c.Request.Context(), in.Name, number, in.Key))
}
