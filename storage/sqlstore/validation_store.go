package sqlstore

import (
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

type validationRow struct {
	ID         int64 `gorm:"primaryKey"`
	VersionID  int64
	PipelineID int64
	StartedFor models.Trigger
	State      models.ValidationState
	Reason     string
	Cancelling int
	CreatedUS  int64 `gorm:"column:created_us"`
	CreatedBy  string
	StartedUS  *int64 `gorm:"column:started_us"`
	EndedUS    *int64 `gorm:"column:ended_us"`
	Priority   models.Priority
	Fresh      int
	RepeatOf   int64
	Machine    string
}

func (validationRow) TableName() string { return "validation" }

// validationView adds what other tables say about a validation.
type validationView struct {
	Row      validationRow `gorm:"embedded"`
	Model    string
	Version  int64
	Revision int64
}

type validations struct{ *tx }

// Validations implements storage.Tx.
func (t *tx) Validations() storage.ValidationStore { return validations{t.alone()} }

// Create implements storage.ValidationStore.
func (t validations) Create(v models.Validation) (models.Validation, error) {
	now, err := t.Now()
	if err != nil {
		return v, err
	}
	row := validationRow{
		VersionID: v.VersionID, PipelineID: v.RevisionID, StartedFor: v.Trigger, State: models.ValidationQueued,
		CreatedUS: now.UnixMicro(), CreatedBy: models.PrincipalOf(t.ctx).Name,
		Priority: v.Priority, RepeatOf: v.RepeatOf, Machine: "{}",
	}
	if v.Fresh {
		row.Fresh = 1
	}
	if err := t.db.Create(&row).Error; err != nil {
		return v, fmt.Errorf("create a validation: %w", err)
	}
	for i, step := range v.Steps {
		step.ValidationID, step.Index = row.ID, i
		if err := t.addStep(step); err != nil {
			return v, err
		}
	}
	return t.Get(row.ID)
}

func (t validations) query() *gorm.DB {
	return t.db.Table("validation").
		Select(`validation.*, COALESCE(registered_model.name, registered_model.was) AS model,
			model_version.number AS version, pipeline.number AS revision`).
		Joins("JOIN model_version ON model_version.id = validation.version_id").
		Joins("JOIN registered_model ON registered_model.id = model_version.model_id").
		Joins("JOIN pipeline ON pipeline.id = validation.pipeline_id")
}

func (v validationView) model() (models.Validation, error) {
	m := models.Validation{
		ID: v.Row.ID, VersionID: v.Row.VersionID, Model: v.Model, Version: v.Version, RevisionID: v.Row.PipelineID,
		Revision: v.Revision, Trigger: v.Row.StartedFor, State: v.Row.State, Reason: v.Row.Reason, Cancelling: v.Row.Cancelling != 0,
		CreatedAt: time.UnixMicro(v.Row.CreatedUS).UTC(), CreatedBy: v.Row.CreatedBy,
		StartedAt: timeOf(v.Row.StartedUS), EndedAt: timeOf(v.Row.EndedUS),
		Priority: v.Row.Priority, Fresh: v.Row.Fresh != 0, RepeatOf: v.Row.RepeatOf,
	}
	if err := json.Unmarshal([]byte(v.Row.Machine), &m.Machine); err != nil {
		return m, fmt.Errorf("decode where validation %d ran: %w", m.ID, err)
	}
	return m, nil
}

// timeOf reads a time that may not have come yet.
func timeOf(us *int64) *time.Time {
	if us == nil {
		return nil
	}
	at := time.UnixMicro(*us).UTC()
	return &at
}

// Get implements storage.ValidationStore.
func (t validations) Get(id int64) (models.Validation, error) {
	return t.one(t.query().Where("validation.id = ?", id), fmt.Sprintf("there is no validation %d", id))
}

// Latest implements storage.ValidationStore.
func (t validations) Latest(versionID int64) (models.Validation, error) {
	return t.one(t.query().Where("validation.version_id = ?", versionID).Order("validation.id DESC"),
		"the version has not been validated")
}

func (t validations) one(q *gorm.DB, missing string) (models.Validation, error) {
	var view validationView
	if err := q.Take(&view).Error; err != nil {
		return models.Validation{}, notFound(err, "%s", missing)
	}
	v, err := view.model()
	if err != nil {
		return v, err
	}
	v.Steps, err = t.steps(v.ID)
	return v, err
}

// List implements storage.ValidationStore.
func (t validations) List(versionID, below int64, limit int) ([]models.Validation, error) {
	q := t.query().Where("validation.version_id = ?", versionID).Order("validation.id DESC").Limit(limit)
	if below > 0 {
		q = q.Where("validation.id < ?", below)
	}
	var views []validationView
	if err := q.Find(&views).Error; err != nil {
		return nil, err
	}
	out := make([]models.Validation, len(views))
	for i, view := range views {
		var err error
		if out[i], err = view.model(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// SetState implements storage.ValidationStore.
func (t validations) SetState(id int64, state models.ValidationState, reason string) error {
	now, err := t.Now()
	if err != nil {
		return err
	}
	change := map[string]any{"state": state, "reason": reason}
	if state == models.ValidationRunning {
		change["started_us"] = gorm.Expr("COALESCE(started_us, ?)", now.UnixMicro())
	}
	if state.Final() {
		change["ended_us"] = now.UnixMicro()
	}
	return t.change(id, change)
}

// SetMachine implements storage.ValidationStore.
func (t validations) SetMachine(id int64, machine map[string]string) error {
	text, err := json.Marshal(machine)
	if err != nil {
		return fmt.Errorf("encode where validation %d runs: %w", id, err)
	}
	return t.change(id, map[string]any{"machine": string(text)})
}

// Cancel implements storage.ValidationStore.
func (t validations) Cancel(id int64) error {
	return t.change(id, map[string]any{"cancelling": 1})
}

// change writes to a validation that is not over.
func (t validations) change(id int64, change map[string]any) error {
	res := t.db.Model(&validationRow{}).
		Where("id = ? AND state IN ?", id, []models.ValidationState{models.ValidationQueued, models.ValidationRunning}).
		Updates(change)
	if res.Error != nil {
		return res.Error
	}
	if res.RowsAffected == 0 {
		v, err := t.Get(id)
		if err != nil {
			return err
		}
		return models.Errorf(models.KindConflict, "validation %d is over: %s", id, v.State)
	}
	return nil
}
