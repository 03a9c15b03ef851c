package mlflow

import (
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/tracking"
	"github.com/slipway-ml/slipway/services/tracking/search"
)

type issueReply struct {
	ID           string   `json:"issue_id"`
	ExperimentID string   `json:"experiment_id"`
	Name         string   `json:"name"`
	Description  string   `json:"description"`
	Status       string   `json:"status"`
	Severity     string   `json:"severity,omitempty"`
	RootCauses   []string `json:"root_causes,omitempty"`
	SourceRunID  string   `json:"source_run_id,omitempty"`
	Created      int64    `json:"created_timestamp"`
	Updated      int64    `json:"last_updated_timestamp"`
	CreatedBy    string   `json:"created_by,omitempty"`
	Categories   []string `json:"categories,omitempty"`
	TraceCount   *int64   `json:"trace_count,omitempty"`
}

func issueOf(i models.Issue) issueReply {
	return issueReply{
		ID: i.ID, ExperimentID: strconv.FormatInt(i.ExperimentID, 10), Name: i.Name, Description: i.Description, Status: string(i.Status),
		Severity: string(i.Severity), RootCauses: i.RootCauses, SourceRunID: i.SourceRunID, Created: i.CreatedMS, Updated: i.UpdatedMS,
		CreatedBy: i.CreatedBy, Categories: i.Categories,
	}
}

func answerIssue(c *gin.Context, i models.Issue, err error) error {
	if err != nil {
		return err
	}
	return answer(c, struct {
		Issue issueReply `json:"issue"`
	}{issueOf(i)})
}

// CreateIssue handles POST issues.
func (e Evaluation) CreateIssue(c *gin.Context) error {
	var in struct {
		ExperimentID string   `json:"experiment_id" mlflow:"required"`
		Name         string   `json:"name" mlflow:"required"`
		Description  string   `json:"description" mlflow:"required"`
		Status       string   `json:"status" enum:"pending,rejected,resolved"`
		Severity     string   `json:"severity" enum:"not_an_issue,low,medium,high"`
		RootCauses   []string `json:"root_causes"`
		Categories   []string `json:"categories"`
		SourceRunID  string   `json:"source_run_id"`
		CreatedBy    string   `json:"created_by"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	id, err := tracking.ParseExperimentID(in.ExperimentID)
	if err != nil {
		return err
	}
	i, err := e.Service.CreateIssue(c.Request.Context(), models.Issue{
		ExperimentID: id, Name: in.Name, Description: in.Description, Status: models.IssueStatus(in.Status), Severity: models.IssueSeverity(in.Severity),
		RootCauses: in.RootCauses, Categories: in.Categories, SourceRunID: in.SourceRunID, CreatedBy: in.CreatedBy,
	})
	return answerIssue(c, i, err)
}

// GetIssue handles GET issues/{id}.
func (e Evaluation) GetIssue(c *gin.Context) error {
	i, err := e.Service.Issue(c.Request.Context(), c.Param("issue_id"))
	return answerIssue(c, i, err)
}

// UpdateIssue handles PATCH issues/{id}.
func (e Evaluation) UpdateIssue(c *gin.Context) error {
	var in struct {
		Name        *string `json:"name"`
		Description *string `json:"description"`
		Status      *string `json:"status" enum:"pending,rejected,resolved"`
		Severity    *string `json:"severity" enum:"not_an_issue,low,medium,high"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	i, err := e.Service.UpdateIssue(c.Request.Context(), c.Param("issue_id"), models.IssueUpdate{
		Name: filled(in.Name), Description: filled(in.Description),
		Status: (*models.IssueStatus)(in.Status), Severity: (*models.IssueSeverity)(in.Severity),
	})
	return answerIssue(c, i, err)
}

// SearchIssues handles POST issues/search.
func (e Evaluation) SearchIssues(c *gin.Context) error {
	var in struct {
		ExperimentID string `json:"experiment_id"`
		Filter       string `json:"filter_string"`
		MaxResults   *int64 `json:"max_results"`
		PageToken    string `json:"page_token"`
		TraceCount   bool   `json:"include_trace_count"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	q := search.Query{Filter: in.Filter, MaxResults: orDefault(in.MaxResults, 100), PageToken: in.PageToken}
	if in.ExperimentID != "" {
		id, err := tracking.ParseExperimentID(in.ExperimentID)
		if err != nil {
			return err
		}
		q.ExperimentIDs = []int64{id}
	}
	found, next, err := e.Service.SearchIssues(c.Request.Context(), q, in.TraceCount)
	if err != nil {
		return err
	}
	out := make([]issueReply, len(found))
	for i, issue := range found {
		if out[i] = issueOf(issue); in.TraceCount {
			out[i].TraceCount = &found[i].TraceCount
		}
	}
	return answer(c, struct {
		Issues []issueReply `json:"issues,omitempty"`
		Next   string       `json:"next_page_token"` // "" at the end
	}{out, next})
}
