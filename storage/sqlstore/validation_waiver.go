package sqlstore

import (
	"fmt"
	"time"

	"github.com/slipway-ml/slipway/models"
)

type validationWaiverRow struct {
	ID           int64 `gorm:"primaryKey"`
	ValidationID int64
	Position     int
	Reason       string
	CreatedUS    int64 `gorm:"column:created_us"`
	CreatedBy    string
	ExpiresUS    int64 `gorm:"column:expires_us"`
}

func (validationWaiverRow) TableName() string { return "validation_waiver" }

// Waive implements storage.ValidationStore.
func (t validations) Waive(id int64, index int, w models.Waiver) error {
	if err := t.db.Create(&validationWaiverRow{
		ValidationID: id, Position: index, Reason: w.Reason, CreatedUS: w.At.UnixMicro(), CreatedBy: w.By, ExpiresUS: w.ExpiresAt.UnixMicro(),
	}).Error; err != nil {
		return fmt.Errorf("waive step %d of validation %d: %w", index+1, id, err)
	}
	return nil
}

// waivers gives steps the newest waiver of each.
func (t validations) waivers(id int64, steps []models.StepResult) error {
	var rows []validationWaiverRow
	if err := t.db.Where("validation_id = ?", id).Order("id").Find(&rows).Error; err != nil {
		return err
	}
	for _, r := range rows {
		if r.Position < len(steps) {
			steps[r.Position].Waiver = &models.Waiver{
				Reason: r.Reason, By: r.CreatedBy, At: time.UnixMicro(r.CreatedUS).UTC(), ExpiresAt: time.UnixMicro(r.ExpiresUS).UTC(),
			}
		}
	}
	return nil
}
