package sqlstore

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"gorm.io/gorm/clause"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

type assessmentRow struct {
	TraceID    int64  `gorm:"primaryKey"`
	UUID       string `gorm:"primaryKey;column:uuid"`
	Name       string
	Type       models.AssessmentType
	Value      string
	Number     *float64
	IsNumeric  int64
	Error      *string
	SourceType string
	SourceID   *string
	RunID      *string
	SpanID     *string
	Rationale  *string
	Overrides  *string
	Valid      int64
	OfSession  int64
	Metadata   string
	CreatedMS  int64 `gorm:"column:created_ms"`
	UpdatedMS  int64 `gorm:"column:updated_ms"`
}

func (assessmentRow) TableName() string { return "assessment" }

func (r assessmentRow) model(traceID string) (models.Assessment, error) {
	a := models.Assessment{
		ID: r.UUID, TraceID: traceID, Name: r.Name, Type: r.Type, Value: json.RawMessage(r.Value), SourceType: r.SourceType, SourceID: r.SourceID,
		RunID: r.RunID, SpanID: r.SpanID, Rationale: r.Rationale, Overrides: r.Overrides, Valid: r.Valid == 1, CreatedMS: r.CreatedMS, UpdatedMS: r.UpdatedMS,
	}
	if err := json.Unmarshal([]byte(r.Metadata), &a.Metadata); err != nil {
		return a, fmt.Errorf("decode the metadata of assessment %s: %w", r.UUID, err)
	}
	if r.Error != nil {
		if err := json.Unmarshal([]byte(*r.Error), &a.Error); err != nil {
			return a, fmt.Errorf("decode the error of assessment %s: %w", r.UUID, err)
		}
	}
	return a, nil
}

func assessmentRowOf(traceKey int64, a models.Assessment) (assessmentRow, error) {
	r := assessmentRow{
		TraceID: traceKey, UUID: a.ID, Name: a.Name, Type: a.Type, Value: string(a.Value), SourceType: a.SourceType, SourceID: a.SourceID, RunID: a.RunID,
		SpanID: a.SpanID, Rationale: a.Rationale, Overrides: a.Overrides, Valid: bit(a.Valid), CreatedMS: a.CreatedMS, UpdatedMS: a.UpdatedMS,
	}
	r.Number, r.IsNumeric = counted(a.Value)
	for _, m := range a.Metadata {
		if m.Key == models.MetaSession {
			r.OfSession = 1
		}
	}
	metadata, err := json.Marshal(a.Metadata)
	if err != nil {
		return r, err
	}
	r.Metadata = string(metadata)
	if a.Error != nil {
		text, err := json.Marshal(a.Error)
		if err != nil {
			return r, err
		}
		r.Error = orNull(string(text))
	}
	return r, nil
}

// counted is a value as metrics count it: a number, a truth as 1 or 0, and so
// "yes" and "no".
func counted(value json.RawMessage) (number *float64, numeric int64) {
	var v any
	if json.Unmarshal(value, &v) != nil {
		return nil, 0
	}
	var n float64
	switch v := v.(type) {
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return nil, 0
		}
		return &v, 1
	case bool:
		n = float64(bit(v))
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "yes":
			n = 1
		case "no":
		default:
			return nil, 0
		}
	default:
		return nil, 0
	}
	return &n, 0
}

type assessments struct{ *tx }

// Assessments implements storage.TraceTx.
func (t *tx) Assessments() storage.AssessmentStore { return assessments{t} }

// Save implements storage.AssessmentStore.
func (t assessments) Save(traceKey int64, a models.Assessment) error {
	row, err := assessmentRowOf(traceKey, a)
	if err != nil {
		return err
	}
	return t.db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error
}

// Find implements storage.AssessmentStore.
func (t assessments) Find(traceKey int64, id string) (models.Assessment, error) {
	var row assessmentRow
	if err := t.db.Where("trace_id = ? AND uuid = ?", traceKey, id).Take(&row).Error; err != nil {
		return models.Assessment{}, notFound(err, "Assessment with ID '%s' not found for this trace.", id)
	}
	return row.model("")
}

// Delete implements storage.AssessmentStore.
func (t assessments) Delete(traceKey int64, id string) error {
	n, err := t.exec("DELETE FROM assessment WHERE trace_id = ? AND uuid = ?", traceKey, id)
	if err == nil && n == 0 {
		return models.Errorf(models.KindNotFound, "Assessment with ID '%s' not found for this trace.", id)
	}
	return err
}
