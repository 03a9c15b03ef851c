package sqlstore

import (
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

type scorerRow struct {
	ID           int64 `gorm:"primaryKey"`
	UUID         string
	ExperimentID int64
	Name         string
	OnlineUUID   *string
	SampleRate   *float64
	FilterText   *string
}

func (scorerRow) TableName() string { return "scorer" }

func (r scorerRow) model() models.Scorer {
	s := models.Scorer{Key: r.ID, ID: r.UUID, ExperimentID: r.ExperimentID, Name: r.Name}
	if r.OnlineUUID != nil && r.SampleRate != nil {
		s.Online = &models.OnlineScoring{ID: *r.OnlineUUID, SampleRate: *r.SampleRate, Filter: r.FilterText}
	}
	return s
}

type scorers struct{ *tx }

// Scorers implements storage.EvaluationTx.
func (t *tx) Scorers() storage.ScorerStore { return scorers{t.alone()} }

// Find implements storage.ScorerStore.
func (t scorers) Find(experimentID int64, name string) (models.Scorer, error) {
	var row scorerRow
	if err := t.db.Where("experiment_id = ? AND name = ?", experimentID, name).Take(&row).Error; err != nil {
		return models.Scorer{}, notFound(err, "Scorer with name '%s' not found for experiment %d.", name, experimentID)
	}
	return row.model(), nil
}

// Create implements storage.ScorerStore.
func (t scorers) Create(s models.Scorer) (int64, error) {
	row := scorerRow{UUID: s.ID, ExperimentID: s.ExperimentID, Name: s.Name}
	err := t.db.Create(&row).Error
	return row.ID, err
}

// AddVersion implements storage.ScorerStore.
func (t scorers) AddVersion(key int64, serialized string, atMS int64) (number int64, err error) {
	err = t.scan("SELECT COALESCE(MAX(number), 0) + 1 FROM scorer_version WHERE scorer_id = ?", []any{key}, func(scan scanner) error { return scan(&number) })
	if err != nil {
		return 0, err
	}
	_, err = t.exec("INSERT INTO scorer_version (scorer_id, number, serialized, created_ms) VALUES (?, ?, ?, ?)", key, number, serialized, atMS)
	return number, err
}

// versions reads versions with their scorers.
func (t scorers) versions(where string, args ...any) ([]models.ScorerVersion, error) {
	var list []models.ScorerVersion
	name := "s.name"
	if t.dialect == "postgres" {
		name += ` COLLATE "C"`
	}
	err := t.scan(`SELECT s.id, s.uuid, s.experiment_id, s.name, v.number, v.serialized, v.created_ms
		FROM scorer s JOIN scorer_version v ON v.scorer_id = s.id WHERE `+where+` ORDER BY s.experiment_id, `+name+`, v.number`,
		args, func(scan scanner) error {
			var v models.ScorerVersion
			err := scan(&v.Key, &v.ID, &v.ExperimentID, &v.Name, &v.Number, &v.Serialized, &v.CreatedMS)
			list = append(list, v)
			return err
		})
	return list, err
}

// Versions implements storage.ScorerStore.
func (t scorers) Versions(s models.Scorer) ([]models.ScorerVersion, error) {
	return t.versions("s.id = ?", s.Key)
}

// Latest implements storage.ScorerStore.
func (t scorers) Latest(experimentIDs []int64) ([]models.ScorerVersion, error) {
	where := `v.number = (SELECT MAX(number) FROM scorer_version WHERE scorer_id = s.id)
		AND EXISTS (SELECT 1 FROM experiment e WHERE e.id = s.experiment_id AND e.deleted_ms IS NULL)`
	if experimentIDs == nil {
		return t.versions(where)
	}
	return t.versions(where+" AND s.experiment_id "+t.inInts(), jsonList(experimentIDs))
}

// DeleteVersion implements storage.ScorerStore.
func (t scorers) DeleteVersion(key, number int64) (bool, error) {
	n, err := t.exec("DELETE FROM scorer_version WHERE scorer_id = ? AND number = ?", key, number)
	return n > 0, err
}

// Delete implements storage.ScorerStore.
func (t scorers) Delete(key int64) error {
	_, err := t.exec("DELETE FROM scorer WHERE id = ?", key)
	return err
}

// SetOnline implements storage.ScorerStore.
func (t scorers) SetOnline(key int64, o models.OnlineScoring) error {
	_, err := t.exec("UPDATE scorer SET online_uuid = ?, sample_rate = ?, filter_text = ? WHERE id = ?", o.ID, o.SampleRate, o.Filter, key)
	return err
}

// WithOnline implements storage.ScorerStore.
func (t scorers) WithOnline(ids []string) ([]models.Scorer, error) {
	var rows []scorerRow
	err := t.db.Where("online_uuid IS NOT NULL AND uuid "+t.inTexts(), jsonList(ids)).Order("id").Find(&rows).Error
	list := make([]models.Scorer, len(rows))
	for i, r := range rows {
		list[i] = r.model()
	}
	return list, err
}
