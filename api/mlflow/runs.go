package mlflow

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/tracking"
	"github.com/slipway-ml/slipway/services/tracking/search"
)

type runInfo struct {
	UUID         string `json:"run_uuid"`
	ExperimentID string `json:"experiment_id"`
	Name         string `json:"run_name"`
	User         string `json:"user_id"`
	Status       string `json:"status"`
	StartMS      int64  `json:"start_time"`
	EndMS        int64  `json:"end_time,omitempty"`
	ArtifactURI  string `json:"artifact_uri"`
	Lifecycle    string `json:"lifecycle_stage"`
	ID           string `json:"run_id"`
}

func infoOf(r models.Run) runInfo {
	return runInfo{
		UUID: r.ID, ExperimentID: strconv.FormatInt(r.ExperimentID, 10), Name: r.Name, User: r.User, Status: string(r.Status),
		StartMS: r.StartMS, EndMS: r.EndMS, ArtifactURI: r.ArtifactURI, Lifecycle: string(r.Lifecycle), ID: r.ID,
	}
}

func answerRun(c *gin.Context, r models.Run, err error) error {
	if err != nil {
		return err
	}
	return write(c, oneRun(r))
}

func oneRun(r models.Run) []byte {
	return append(appendRun(append(make([]byte, 0, 2048), `{"run":`...), r), "}\n"...)
}

// CreateRun handles POST runs/create.
func (t Tracking) CreateRun(c *gin.Context) error {
	var in struct {
		ExperimentID string `json:"experiment_id"`
		User         string `json:"user_id"`
		Name         string `json:"run_name"`
		StartMS      int64  `json:"start_time"`
		Tags         []pair `json:"tags"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	n := tracking.NewRun{ExperimentID: models.DefaultExperiment, User: in.User, Name: in.Name, StartMS: in.StartMS, Tags: tags(in.Tags)}
	if in.ExperimentID != "" {
		var err error
		if n.ExperimentID, err = tracking.ParseExperimentID(in.ExperimentID); err != nil {
			return err
		}
	}
	run, err := t.Service.CreateRun(c.Request.Context(), n)
	return answerRun(c, run, err)
}

// GetRun handles GET runs/get.
func (t Tracking) GetRun(c *gin.Context) error { return serve(c, t.getRun) }

func (t Tracking) getRun(ctx context.Context, in runRef) (any, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	run, err := t.Service.Run(ctx, id)
	return json.RawMessage(oneRun(run)), err
}

// runID decodes a request that names a run and no more.
func runID(c *gin.Context) (string, error) {
	var in runRef
	if err := decode(c, &in); err != nil {
		return "", err
	}
	return in.id()
}

// UpdateRun handles POST runs/update.
func (t Tracking) UpdateRun(c *gin.Context) error {
	var in struct {
		RunID   string  `json:"run_id"`
		RunUUID string  `json:"run_uuid"`
		Status  string  `json:"status" enum:"RUNNING,SCHEDULED,FINISHED,FAILED,KILLED"`
		EndMS   *int64  `json:"end_time"`
		Name    *string `json:"run_name"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	id, err := runRef{in.RunID, in.RunUUID}.id()
	if err != nil {
		return err
	}
	u := models.RunUpdate{EndMS: in.EndMS, Name: in.Name}
	if in.Status != "" {
		status := models.RunStatus(in.Status)
		u.Status = &status
	}
	run, err := t.Service.UpdateRun(c.Request.Context(), id, u)
	if err != nil {
		return err
	}
	return answer(c, struct {
		Info runInfo `json:"run_info"`
	}{infoOf(run)})
}

// DeleteRun handles POST runs/delete.
func (t Tracking) DeleteRun(c *gin.Context) error {
	id, err := runID(c)
	if err != nil {
		return err
	}
	return done(c, t.Service.DeleteRun(c.Request.Context(), id))
}

// RestoreRun handles POST runs/restore.
func (t Tracking) RestoreRun(c *gin.Context) error {
	id, err := runID(c)
	if err != nil {
		return err
	}
	return done(c, t.Service.RestoreRun(c.Request.Context(), id))
}

type searchRunsRequest struct {
	ExperimentIDs []string `json:"experiment_ids"`
	Filter        string   `json:"filter"`
	View          string   `json:"run_view_type" enum:"ACTIVE_ONLY,DELETED_ONLY,ALL"`
	MaxResults    *int64   `json:"max_results"`
	OrderBy       []string `json:"order_by"`
	PageToken     string   `json:"page_token"`
}

// SearchRuns handles POST runs/search.
func (t Tracking) SearchRuns(c *gin.Context) error { return serve(c, t.searchRuns) }

func (t Tracking) searchRuns(ctx context.Context, in searchRunsRequest) (any, error) {
	ids, err := tracking.ParseExperimentIDs(in.ExperimentIDs)
	if err != nil {
		return nil, err
	}
	found, next, err := t.Service.SearchRuns(ctx, ids, search.Query{
		Filter: in.Filter, OrderBy: in.OrderBy, View: models.ViewType(in.View), MaxResults: orDefault(in.MaxResults, 1000), PageToken: in.PageToken,
	})
	if err != nil {
		return nil, err
	}
	var text []byte
	for _, r := range found {
		text = appendRun(appendOpening(text, `{"runs":[`, false), r)
	}
	return json.RawMessage(appendClosing(text, next, false)), nil
}

func orDefault(given *int64, standard int64) int64 {
	if given == nil {
		return standard
	}
	return *given
}
