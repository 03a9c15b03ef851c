package sqlstore

import (
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

type releaseRow struct {
	ID            int64 `gorm:"primaryKey"`
	EnvironmentID int64
	Number        int64
	VersionID     int64
	ImageDigest   string
	Target        string
	Serving       string
	PromotionID   int64
	CreatedUS     int64 `gorm:"column:created_us"`
}

func (releaseRow) TableName() string { return "release" }

type releaseLifeRow struct {
	ReleaseID   int64 `gorm:"primaryKey;autoIncrement:false"`
	State       models.ReleaseState
	Generation  int64
	LiveUS      *int64 `gorm:"column:live_us"`
	WarmUntilUS *int64 `gorm:"column:warm_until_us"`
	RetiredUS   *int64 `gorm:"column:retired_us"`
}

func (releaseLifeRow) TableName() string { return "release_life" }

func lifeRow(id int64, l models.ReleaseLife) releaseLifeRow {
	return releaseLifeRow{
		ReleaseID: id, State: l.State, Generation: l.Generation,
		LiveUS: microsOf(l.LiveAt), WarmUntilUS: microsOf(l.WarmUntil), RetiredUS: microsOf(l.RetiredAt),
	}
}

func microsOf(at *time.Time) *int64 {
	if at == nil {
		return nil
	}
	us := at.UnixMicro()
	return &us
}

// releaseView is a release with its life and the names it refers to.
type releaseView struct {
	Row         releaseRow `gorm:"embedded"`
	Model       string
	Environment string
	Version     int64
	State       models.ReleaseState
	Generation  int64
	LiveUS      *int64 `gorm:"column:live_us"`
	WarmUntilUS *int64 `gorm:"column:warm_until_us"`
	RetiredUS   *int64 `gorm:"column:retired_us"`
}

func (v releaseView) model() (models.Release, error) {
	r := models.Release{
		ID: v.Row.ID, EnvironmentID: v.Row.EnvironmentID, Model: v.Model, Environment: v.Environment, Number: v.Row.Number,
		VersionID: v.Row.VersionID, Version: v.Version, ImageDigest: v.Row.ImageDigest, Target: v.Row.Target,
		PromotionID: v.Row.PromotionID, CreatedAt: time.UnixMicro(v.Row.CreatedUS).UTC(),
		ReleaseLife: models.ReleaseLife{
			State: v.State, Generation: v.Generation,
			LiveAt: timeOf(v.LiveUS), WarmUntil: timeOf(v.WarmUntilUS), RetiredAt: timeOf(v.RetiredUS),
		},
	}
	if err := json.Unmarshal([]byte(v.Row.Serving), &r.Serving); err != nil {
		return r, fmt.Errorf("decode how release %d is served: %w", v.Row.ID, err)
	}
	return r, nil
}

type releases struct{ *tx }

// Releases implements storage.Tx.
func (t *tx) Releases() storage.ReleaseStore { return releases{t.alone()} }

func (t releases) all() *gorm.DB {
	return t.db.Table("release AS r").
		Select(`r.*, m.name AS model, e.name AS environment, v.number AS version, l.state, l.generation, l.live_us,
			l.warm_until_us, l.retired_us`).
		Joins("JOIN release_life AS l ON l.release_id = r.id").
		Joins("JOIN environment AS e ON e.id = r.environment_id").
		Joins("JOIN registered_model AS m ON m.id = e.model_id").
		Joins("JOIN model_version AS v ON v.id = r.version_id")
}

func (t releases) list(q *gorm.DB) ([]models.Release, error) {
	var views []releaseView
	if err := q.Scan(&views).Error; err != nil {
		return nil, err
	}
	out := make([]models.Release, len(views))
	for i, v := range views {
		var err error
		if out[i], err = v.model(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (t releases) one(q *gorm.DB, number int64) (models.Release, error) {
	found, err := t.list(q.Limit(1))
	switch {
	case err != nil:
		return models.Release{}, err
	case len(found) == 0:
		return models.Release{}, models.Errorf(models.KindNotFound, "there is no release %d here", number)
	}
	return found[0], nil
}

func (t releases) Create(r models.Release) (models.Release, error) {
	serving, err := json.Marshal(r.Serving)
	if err != nil {
		return r, fmt.Errorf("encode how the release is served: %w", err)
	}
	if err := t.lock("environment", r.EnvironmentID); err != nil {
		return r, err
	}
	if r.Number, err = t.next(&releaseRow{}, "environment_id", r.EnvironmentID); err != nil {
		return r, err
	}
	if r.CreatedAt, err = t.Now(); err != nil {
		return r, err
	}
	row := releaseRow{
		EnvironmentID: r.EnvironmentID, Number: r.Number, VersionID: r.VersionID, ImageDigest: r.ImageDigest,
		Target: r.Target, Serving: string(serving), PromotionID: r.PromotionID, CreatedUS: r.CreatedAt.UnixMicro(),
	}
	if err := t.db.Create(&row).Error; err != nil {
		return r, err
	}
	r.ID = row.ID
	life := lifeRow(r.ID, r.ReleaseLife)
	return r, t.db.Create(&life).Error
}

func (t releases) Get(id int64) (models.Release, error) {
	return t.one(t.all().Where("r.id = ?", id), id)
}

func (t releases) ByNumber(environmentID, number int64) (models.Release, error) {
	return t.one(t.all().Where("r.environment_id = ? AND r.number = ?", environmentID, number), number)
}

func (t releases) List(environmentID, below int64, limit int) ([]models.Release, error) {
	q := t.all().Where("r.environment_id = ?", environmentID).Order("r.number DESC").Limit(limit)
	if below > 0 {
		q = q.Where("r.number < ?", below)
	}
	return t.list(q)
}

func (t releases) Up() ([]models.Release, error) {
	return t.list(t.all().Where("l.retired_us IS NULL").Order("r.id"))
}

func (t releases) SetLife(id int64, life models.ReleaseLife) error {
	row := lifeRow(id, life)
	return t.db.Save(&row).Error
}

func (t releases) Needing(versionID int64) ([]models.Release, error) {
	return t.list(t.all().Where(`r.version_id = ? AND (l.retired_us IS NULL OR (l.live_us IS NOT NULL AND NOT EXISTS (
		SELECT 1 FROM quarantine AS q WHERE q.environment_id = r.environment_id AND q.version_id = r.version_id AND q.lifted_us IS NULL)))`,
		versionID).Order("r.id"))
}
