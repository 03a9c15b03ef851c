package sqlstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/slipway-ml/slipway/models"
)

type validationStepRow struct {
	ValidationID  int64 `gorm:"primaryKey"`
	Position      int   `gorm:"primaryKey"`
	Name          string
	CheckName     string
	Command       string
	Verdict       models.Verdict
	Reason        string
	Measurements  string
	MeasuredKey   string
	Findings      string
	Facts         string
	Attachments   string
	LogKey        string
	ProgressDone  int64
	ProgressTotal int64
	ProgressUnit  string
	StartedUS     *int64 `gorm:"column:started_us"`
	EndedUS       *int64 `gorm:"column:ended_us"`

	Inputs         string
	InputsKey      string
	ReusedFrom     int64
	Excused        int
	ProgressLeftMS int64 `gorm:"column:progress_left_ms"`
}

func (validationStepRow) TableName() string { return "validation_step" }

func (t validations) addStep(s models.StepResult) error {
	row := validationStepRow{
		ValidationID: s.ValidationID, Position: s.Index, Name: s.Name, CheckName: s.Check, Command: s.Run,
		Excused: flag(s.Excused), Measurements: "[]", Findings: "[]", Facts: "{}", Attachments: "[]", Inputs: "{}",
	}
	if err := t.db.Create(&row).Error; err != nil {
		return fmt.Errorf("add step %q: %w", s.Name, err)
	}
	return nil
}

func (t validations) steps(id int64) ([]models.StepResult, error) {
	var rows []validationStepRow
	if err := t.db.Where("validation_id = ?", id).Order("position").Find(&rows).Error; err != nil {
		return nil, err
	}
	out := make([]models.StepResult, len(rows))
	for i, row := range rows {
		var err error
		if out[i], err = row.model(); err != nil {
			return nil, err
		}
	}
	return out, t.waivers(id, out)
}

func (r validationStepRow) model() (models.StepResult, error) {
	s := models.StepResult{
		ValidationID: r.ValidationID, Index: r.Position, Name: r.Name, Check: r.CheckName, Run: r.Command,
		Report: models.Report{Verdict: r.Verdict, Key: r.MeasuredKey}, Reason: r.Reason, LogKey: r.LogKey,
		Progress:  models.Progress{Done: r.ProgressDone, Total: r.ProgressTotal, Unit: r.ProgressUnit},
		StartedAt: timeOf(r.StartedUS), EndedAt: timeOf(r.EndedUS), InputsKey: r.InputsKey, ReusedFrom: r.ReusedFrom, Excused: r.Excused != 0,
	}
	s.Progress.Left = time.Duration(r.ProgressLeftMS) * time.Millisecond
	err := errors.Join(json.Unmarshal([]byte(r.Measurements), &s.Measurements), json.Unmarshal([]byte(r.Findings), &s.Findings),
		json.Unmarshal([]byte(r.Facts), &s.Facts), json.Unmarshal([]byte(r.Attachments), &s.Attachments),
		json.Unmarshal([]byte(r.Inputs), &s.Inputs))
	if err != nil {
		return s, fmt.Errorf("decode step %d of validation %d: %w", r.Position, r.ValidationID, err)
	}
	return s, nil
}

// StartStep implements storage.ValidationStore.
func (t validations) StartStep(id int64, index int, logKey string) error {
	now, err := t.Now()
	if err != nil {
		return err
	}
	return t.changeStep(id, index, map[string]any{
		"started_us": now.UnixMicro(), "log_key": logKey, "progress_done": 0, "progress_total": 0, "progress_unit": "", "progress_left_ms": 0,
	})
}

// Progress implements storage.ValidationStore.
func (t validations) Progress(id int64, index int, p models.Progress) error {
	return t.changeStep(id, index, map[string]any{
		"progress_done": p.Done, "progress_total": p.Total, "progress_unit": p.Unit, "progress_left_ms": p.Left.Milliseconds(),
	})
}

// EndStep implements storage.ValidationStore.
func (t validations) EndStep(s models.StepResult) error {
	measurements, err := json.Marshal(orEmpty(s.Measurements))
	if err != nil {
		return fmt.Errorf("encode the measurements of step %q: %w", s.Name, err)
	}
	findings, err := json.Marshal(orEmpty(s.Findings))
	if err != nil {
		return fmt.Errorf("encode the findings of step %q: %w", s.Name, err)
	}
	attachments, err := json.Marshal(orEmpty(s.Attachments))
	if err != nil {
		return fmt.Errorf("encode the attachments of step %q: %w", s.Name, err)
	}
	facts := []byte("{}")
	if len(s.Facts) > 0 {
		if facts, err = json.Marshal(s.Facts); err != nil {
			return fmt.Errorf("encode the facts of step %q: %w", s.Name, err)
		}
	}
	inputs := []byte("{}")
	if len(s.Inputs) > 0 {
		if inputs, err = json.Marshal(s.Inputs); err != nil {
			return fmt.Errorf("encode the inputs of step %q: %w", s.Name, err)
		}
	}
	now, err := t.Now()
	if err != nil {
		return err
	}
	return t.changeStep(s.ValidationID, s.Index, map[string]any{
		"inputs": string(inputs), "log_key": s.LogKey, "inputs_key": s.InputsKey, "reused_from": s.ReusedFrom, "excused": flag(s.Excused),
		"verdict": s.Verdict, "reason": s.Reason, "measurements": string(measurements), "measured_key": s.Key,
		"findings": string(findings), "facts": string(facts), "attachments": string(attachments), "ended_us": now.UnixMicro(),
	})
}

// changeStep writes to a step that has no verdict yet; one that has keeps it.
func (t validations) changeStep(id int64, index int, change map[string]any) error {
	return t.db.Model(&validationStepRow{}).
		Where("validation_id = ? AND position = ? AND verdict = ''", id, index).Updates(change).Error
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// Measured implements storage.ValidationStore.
func (t validations) Measured(versionID int64, key string) ([]models.Measurement, error) {
	step, err := t.MeasuredStep(versionID, key)
	return step.Measurements, err
}

// MeasuredStep implements storage.ValidationStore.
func (t validations) MeasuredStep(versionID int64, key string) (models.StepResult, error) {
	var row validationStepRow
	err := t.db.Where("measured_key = ? AND validation_id IN (?)", key,
		t.db.Model(&validationRow{}).Where("version_id = ?", versionID).Select("id")).
		Order("validation_id DESC").Take(&row).Error
	if err != nil {
		return models.StepResult{}, notFound(err, "not measured yet")
	}
	return row.model()
}

// Result implements storage.ValidationStore.
func (t validations) Result(inputsKey string) (models.StepResult, error) {
	var row validationStepRow
	err := t.db.Where("inputs_key = ? AND verdict IN ?", inputsKey, []models.Verdict{models.VerdictPassed, models.VerdictFailed}).
		Order("validation_id DESC, position").Take(&row).Error
	if err != nil {
		return models.StepResult{}, notFound(err, "not looked at yet")
	}
	return row.model()
}

// flag is a truth as the databases keep it, the same on both.
func flag(set bool) int {
	if set {
		return 1
	}
	return 0
}
