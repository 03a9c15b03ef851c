package sqlstore

import (
	"encoding/json"
	"fmt"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

type issueRow struct {
	ID           int64 `gorm:"primaryKey"`
	UUID         string
	ExperimentID int64
	Name         string
	Description  string
	Status       models.IssueStatus
	Severity     *string
	SeverityRank int64
	RootCauses   string // JSON
	Categories   string // JSON
	SourceRunID  *string
	CreatedMS    int64 `gorm:"column:created_ms"`
	UpdatedMS    int64 `gorm:"column:updated_ms"`
	CreatedBy    *string
}

func (issueRow) TableName() string { return "issue" }

func (r issueRow) model() (models.Issue, error) {
	i := models.Issue{
		Key: r.ID, ID: r.UUID, ExperimentID: r.ExperimentID, Name: r.Name, Description: r.Description, Status: r.Status,
		Severity: models.IssueSeverity(textOf(r.Severity)), SourceRunID: textOf(r.SourceRunID),
		CreatedMS: r.CreatedMS, UpdatedMS: r.UpdatedMS, CreatedBy: textOf(r.CreatedBy),
	}
	for text, into := range map[string]*[]string{r.RootCauses: &i.RootCauses, r.Categories: &i.Categories} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			return i, fmt.Errorf("read issue %s: %w", r.UUID, err)
		}
	}
	return i, nil
}

type issues struct{ *tx }

// Issues implements storage.EvaluationTx.
func (t *tx) Issues() storage.IssueStore { return issues{t} }

// Create implements storage.IssueStore.
func (t issues) Create(i models.Issue) error {
	return t.db.Create(&issueRow{
		UUID: i.ID, ExperimentID: i.ExperimentID, Name: i.Name, Description: i.Description, Status: i.Status,
		Severity: orNull(string(i.Severity)), SeverityRank: i.Severity.Rank(), RootCauses: jsonList(i.RootCauses), Categories: jsonList(i.Categories),
		SourceRunID: orNull(i.SourceRunID), CreatedMS: i.CreatedMS, UpdatedMS: i.UpdatedMS, CreatedBy: orNull(i.CreatedBy),
	}).Error
}

// Find implements storage.IssueStore.
func (t issues) Find(id string) (models.Issue, error) {
	var row issueRow
	if err := t.db.Where("uuid = ?", id).Take(&row).Error; err != nil {
		return models.Issue{}, notFound(err, "Issue with ID '%.100s' not found", id)
	}
	return row.model()
}

// Update implements storage.IssueStore.
func (t issues) Update(key int64, u models.IssueUpdate) error {
	set := map[string]any{"updated_ms": u.UpdatedMS}
	if u.Name != nil {
		set["name"] = *u.Name
	}
	if u.Description != nil {
		set["description"] = *u.Description
	}
	if u.Status != nil {
		set["status"] = *u.Status
	}
	if u.Severity != nil {
		set["severity"], set["severity_rank"] = *u.Severity, u.Severity.Rank()
	}
	return t.db.Model(&issueRow{}).Where("id = ?", key).Updates(set).Error
}

// Search implements storage.IssueStore.
func (t issues) Search(q models.Search, byTraces bool) ([]models.Issue, models.Position, error) {
	order := []models.Order{attribute("severity", true)}
	if byTraces {
		order = append(order, attribute("trace_count", true))
	}
	order = append(order, attribute("created_time", true), attribute("id", true))
	s, err := t.compile(searchable{
		table: "issue",
		attribute: map[string]column{
			"status": {expr: "issue.status"}, "source_run_id": {expr: "issue.source_run_id"},
			"severity": {expr: "issue.severity_rank", kind: ofInt}, "created_time": {expr: "issue.created_ms", kind: ofInt},
			"id":          {expr: "issue.uuid", kind: ofID},
			"trace_count": {expr: "(SELECT COUNT(DISTINCT a.trace_id) FROM assessment a WHERE a.name = issue.uuid AND a.type = 'issue')", kind: ofInt},
		},
		order: order,
	}, q)
	if err != nil {
		return nil, nil, err
	}
	if len(q.ExperimentIDs) > 0 {
		s.experiments("issue", q.ExperimentIDs, t.tx)
	}
	ids, next, err := t.pick(s)
	if err != nil || len(ids) == 0 {
		return nil, nil, err
	}
	var rows []issueRow
	if err := t.db.Where("id "+t.inInts(), jsonList(ids)).Find(&rows).Error; err != nil {
		return nil, nil, err
	}
	list := make([]models.Issue, len(rows))
	for i, r := range inOrderOf(ids, rows, func(r issueRow) int64 { return r.ID }) {
		if list[i], err = r.model(); err != nil {
			return nil, nil, err
		}
	}
	if byTraces {
		err = t.countTraces(list)
	}
	return list, next, err
}

// countTraces counts the traces that have an issue.
func (t issues) countTraces(list []models.Issue) error {
	ids := make([]string, len(list))
	at := make(map[string]*models.Issue, len(list))
	for i := range list {
		ids[i], at[list[i].ID] = list[i].ID, &list[i]
	}
	return t.scan("SELECT name, COUNT(DISTINCT trace_id) FROM assessment WHERE type = 'issue' AND name "+t.inTexts()+" GROUP BY name",
		[]any{jsonList(ids)}, func(scan scanner) error {
			var id string
			var n int64
			err := scan(&id, &n)
			at[id].TraceCount = n
			return err
		})
}
