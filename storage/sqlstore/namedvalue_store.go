package sqlstore

import (
	"errors"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

type namedValueRow struct {
	ID          int64 `gorm:"primaryKey"`
	Kind        models.ValueKind
	ModelID     *int64
	Environment string
	Name        string
	Folded      string
	Value       *string
	DataKey     []byte
	Sealed      []byte
	Revision    int64
	UpdatedUS   int64 `gorm:"column:updated_us"`
	UpdatedBy   string
	Model       *string `gorm:"->;column:model"` // the model's name
}

func (namedValueRow) TableName() string { return "named_value" }

func (r namedValueRow) model() models.NamedValue {
	v := models.NamedValue{
		ID: r.ID, Kind: r.Kind, Name: r.Name, DataKey: r.DataKey, Sealed: r.Sealed, Revision: r.Revision,
		UpdatedAt: time.UnixMicro(r.UpdatedUS).UTC(), UpdatedBy: r.UpdatedBy, Scope: models.Scope{Environment: r.Environment},
	}
	if r.ModelID != nil {
		v.ModelID = *r.ModelID
	}
	if r.Model != nil {
		v.Scope.Model = *r.Model
	}
	if r.Value != nil {
		v.Value = *r.Value
	}
	return v
}

type secretKeyRow struct {
	ID   int64 `gorm:"primaryKey"`
	Mark []byte
}

func (secretKeyRow) TableName() string { return "secret_key" }

type namedValues struct{ *tx }

// NamedValues implements storage.Tx.
func (t *tx) NamedValues() storage.NamedValueStore { return namedValues{t.alone()} }

// Set implements storage.NamedValueStore.
func (t namedValues) Set(v models.NamedValue) (models.NamedValue, error) {
	now, err := t.Now()
	if err != nil {
		return v, err
	}
	row := namedValueRow{
		Kind: v.Kind, Environment: v.Scope.Environment, Name: v.Name, Folded: strings.ToLower(v.Name), DataKey: v.DataKey, Sealed: v.Sealed,
		Revision: 1, UpdatedUS: now.UnixMicro(), UpdatedBy: models.PrincipalOf(t.ctx).Name,
	}
	if v.ModelID != 0 {
		row.ModelID = &v.ModelID
	}
	if v.Kind == models.ValueVariable {
		row.Value = &v.Value
	}
	var was namedValueRow
	err = t.in(v.Kind, v.ModelID, v.Scope.Environment).Where("folded = ?", row.Folded).Take(&was).Error
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		err = t.db.Omit("Model").Create(&row).Error
	case err == nil:
		row.ID, row.Revision = was.ID, was.Revision+1
		err = t.db.Omit("Model").Save(&row).Error
	}
	saved := row.model()
	saved.Scope = v.Scope
	return saved, err
}

// in selects the values of one scope.
func (t namedValues) in(kind models.ValueKind, modelID int64, environment string) *gorm.DB {
	return t.named().Where("kind = ? AND COALESCE(model_id, 0) = ? AND environment = ?", kind, modelID, environment)
}

// named selects values with the names of their models.
func (t namedValues) named() *gorm.DB {
	return t.db.Select("named_value.*, (SELECT m.name FROM registered_model m WHERE m.id = named_value.model_id) AS model")
}

// Get implements storage.NamedValueStore.
func (t namedValues) Get(kind models.ValueKind, modelID int64, environment, name string) (models.NamedValue, error) {
	var row namedValueRow
	if err := t.in(kind, modelID, environment).Where("folded = ?", strings.ToLower(name)).Take(&row).Error; err != nil {
		return models.NamedValue{}, notFound(err, "there is no %s %s in this scope", kind, name)
	}
	return row.model(), nil
}

// Delete implements storage.NamedValueStore.
func (t namedValues) Delete(kind models.ValueKind, modelID int64, environment, name string) error {
	v, err := t.Get(kind, modelID, environment, name)
	if err != nil {
		return err
	}
	return t.db.Delete(&namedValueRow{ID: v.ID}).Error
}

// List implements storage.NamedValueStore.
func (t namedValues) List(kind models.ValueKind, modelID int64, environment, after string, limit int) ([]models.NamedValue, error) {
	return t.all(t.in(kind, modelID, environment).Where("folded > ?", strings.ToLower(after)).Order("folded").Limit(limit))
}

// Applying implements storage.NamedValueStore.
func (t namedValues) Applying(modelID int64, environment string) ([]models.NamedValue, error) {
	return t.all(t.named().
		Where("model_id IS NULL OR (model_id = ? AND (environment = '' OR environment = ?))", modelID, environment).
		Order("COALESCE(model_id, 0), environment, folded"))
}

// Secrets implements storage.NamedValueStore.
func (t namedValues) Secrets(after int64, limit int) ([]models.NamedValue, error) {
	return t.all(t.named().Where("kind = ? AND id > ?", models.ValueSecret, after).Order("id").Limit(limit))
}

func (t namedValues) all(q *gorm.DB) ([]models.NamedValue, error) {
	var rows []namedValueRow
	if err := q.Find(&rows).Error; err != nil {
		return nil, err
	}
	values := make([]models.NamedValue, len(rows))
	for i, row := range rows {
		values[i] = row.model()
	}
	return values, nil
}

// Rewrap implements storage.NamedValueStore.
func (t namedValues) Rewrap(id int64, dataKey []byte) error {
	return t.db.Model(&namedValueRow{}).Where("id = ?", id).Update("data_key", dataKey).Error
}

// KeyMark implements storage.NamedValueStore.
func (t namedValues) KeyMark() ([]byte, error) {
	var rows []secretKeyRow
	if err := t.db.Limit(1).Find(&rows).Error; err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0].Mark, nil
}

// SetKeyMark implements storage.NamedValueStore.
func (t namedValues) SetKeyMark(mark []byte) error {
	return t.db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&secretKeyRow{ID: 1, Mark: mark}).Error
}
