package sqlstore

import (
	"time"

	"gorm.io/gorm/clause"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

type environmentRow struct {
	ID       int64 `gorm:"primaryKey"`
	ModelID  int64
	Name     string
	StableID *int64
}

func (environmentRow) TableName() string { return "environment" }

type quarantineRow struct {
	ID            int64 `gorm:"primaryKey"`
	EnvironmentID int64
	VersionID     int64
	PromotionID   int64
	Reason        string
	SinceUS       int64  `gorm:"column:since_us"`
	LiftedUS      *int64 `gorm:"column:lifted_us"`
	LiftedBy      string
	LiftReason    string
}

func (quarantineRow) TableName() string { return "quarantine" }

// environmentView is a row with its model's name.
type environmentView struct {
	Row   environmentRow `gorm:"embedded"`
	Model string
}

func (v environmentView) model() models.Environment {
	e := models.Environment{ID: v.Row.ID, ModelID: v.Row.ModelID, Model: v.Model, Name: v.Row.Name}
	if v.Row.StableID != nil {
		e.Stable = *v.Row.StableID
	}
	return e
}

type environments struct{ *tx }

// Environments implements storage.Tx.
func (t *tx) Environments() storage.EnvironmentStore { return environments{t.alone()} }

func (t environments) find(where string, args ...any) ([]models.Environment, error) {
	var views []environmentView
	err := t.db.Table("environment AS e").Select("e.*, m.name AS model").
		Joins("JOIN registered_model AS m ON m.id = e.model_id").Where(where, args...).Order("e.id").Scan(&views).Error
	out := make([]models.Environment, len(views))
	for i, v := range views {
		out[i] = v.model()
	}
	return out, err
}

func (t environments) one(none error, where string, args ...any) (models.Environment, error) {
	found, err := t.find(where, args...)
	switch {
	case err != nil:
		return models.Environment{}, err
	case len(found) == 0:
		return models.Environment{}, none
	}
	return found[0], nil
}

func (t environments) Ensure(modelID int64, name string) (models.Environment, error) {
	row := environmentRow{ModelID: modelID, Name: name}
	if err := t.db.Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error; err != nil {
		return models.Environment{}, err
	}
	return t.Find(modelID, name)
}

func (t environments) Find(modelID int64, name string) (models.Environment, error) {
	none := models.Errorf(models.KindNotFound, "nothing was promoted to an environment %q yet", name)
	return t.one(none, "e.model_id = ? AND e.name = ?", modelID, name)
}

func (t environments) Get(id int64) (models.Environment, error) {
	return t.one(models.Errorf(models.KindNotFound, "no environment %d", id), "e.id = ?", id)
}

func (t environments) All() ([]models.Environment, error) { return t.find("1 = 1") }

func (t environments) SetStable(id, releaseID int64) error {
	return t.db.Model(&environmentRow{}).Where("id = ?", id).Update("stable_id", releaseID).Error
}

func (t environments) Quarantine(q models.Quarantine) error {
	now, err := t.Now()
	if err != nil {
		return err
	}
	row := quarantineRow{
		EnvironmentID: q.EnvironmentID, VersionID: q.VersionID, PromotionID: q.PromotionID, Reason: q.Reason, SinceUS: now.UnixMicro(),
	}
	return t.db.Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error
}

func (t environments) Quarantined(id int64) ([]models.Quarantine, error) {
	var views []struct {
		Row     quarantineRow `gorm:"embedded"`
		Version int64
	}
	err := t.db.Table("quarantine AS q").Select("q.*, v.number AS version").
		Joins("JOIN model_version AS v ON v.id = q.version_id").
		Where("q.environment_id = ? AND q.lifted_us IS NULL", id).Order("q.id").Scan(&views).Error
	out := make([]models.Quarantine, len(views))
	for i, v := range views {
		out[i] = models.Quarantine{
			EnvironmentID: v.Row.EnvironmentID, VersionID: v.Row.VersionID, Version: v.Version, PromotionID: v.Row.PromotionID,
			Reason: v.Row.Reason, Since: time.UnixMicro(v.Row.SinceUS).UTC(),
		}
	}
	return out, err
}

func (t environments) Lift(id, versionID int64, reason string) error {
	now, err := t.Now()
	if err != nil {
		return err
	}
	res := t.db.Model(&quarantineRow{}).Where("environment_id = ? AND version_id = ? AND lifted_us IS NULL", id, versionID).
		Updates(map[string]any{"lifted_us": now.UnixMicro(), "lifted_by": models.PrincipalOf(t.ctx).Name, "lift_reason": reason})
	if res.Error == nil && res.RowsAffected == 0 {
		return models.Errorf(models.KindNotFound, "this version is not quarantined here")
	}
	return res.Error
}
