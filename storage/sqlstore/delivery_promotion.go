package sqlstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

type promotionRow struct {
	ID            int64 `gorm:"primaryKey"`
	EnvironmentID int64
	VersionID     int64
	Cause         models.Cause
	ReleaseID     *int64
	StableID      *int64
	State         models.PromotionState
	Reason        string
	Spec          string
	Gates         string
	Step          int
	Steps         string
	Weight        int
	Analysis      string
	Tally         string
	Deaths        int
	PausedBy      string
	RequestedBy   string
	RequestReason string
	RequestedUS   int64  `gorm:"column:requested_us"`
	StateUS       int64  `gorm:"column:state_us"`
	UpdatedUS     int64  `gorm:"column:updated_us"`
	EndedUS       *int64 `gorm:"column:ended_us"`
}

func (promotionRow) TableName() string { return "promotion" }

func promotionRowOf(p models.Promotion) (promotionRow, error) {
	row := promotionRow{
		ID: p.ID, EnvironmentID: p.EnvironmentID, VersionID: p.VersionID, Cause: p.Cause, ReleaseID: idOrNull(p.ReleaseID),
		StableID: idOrNull(p.StableID), State: p.State, Reason: p.Reason, Step: p.Step, Weight: p.Weight, Tally: string(p.Tally),
		Deaths: p.Deaths, PausedBy: p.PausedBy, RequestedBy: p.RequestedBy, RequestReason: p.RequestReason,
		RequestedUS: p.RequestedAt.UnixMicro(), StateUS: p.StateAt.UnixMicro(), UpdatedUS: p.UpdatedAt.UnixMicro(), EndedUS: microsOf(p.EndedAt),
	}
	for into, value := range map[*string]any{&row.Spec: p.Spec, &row.Gates: orEmpty(p.Gates), &row.Steps: orEmpty(p.Steps), &row.Analysis: orEmpty(p.Analysis)} {
		text, err := json.Marshal(value)
		if err != nil {
			return row, fmt.Errorf("encode promotion %d: %w", p.ID, err)
		}
		*into = string(text)
	}
	return row, nil
}

func idOrNull(id int64) *int64 {
	if id == 0 {
		return nil
	}
	return &id
}

// promotionView is a promotion with the names and numbers it refers to.
type promotionView struct {
	Row         promotionRow `gorm:"embedded"`
	Model       string
	Environment string
	Version     int64
	Release     *int64
	ImageDigest *string
	Stable      *int64
}

func (v promotionView) model() (models.Promotion, error) {
	p := models.Promotion{
		ID: v.Row.ID, EnvironmentID: v.Row.EnvironmentID, Model: v.Model, Environment: v.Environment, Cause: v.Row.Cause,
		VersionID: v.Row.VersionID, Version: v.Version, ReleaseID: orZero(v.Row.ReleaseID), Release: orZero(v.Release),
		ImageDigest: orZero(v.ImageDigest), StableID: orZero(v.Row.StableID), Stable: orZero(v.Stable), State: v.Row.State,
		Reason: v.Row.Reason, Step: v.Row.Step, Weight: v.Row.Weight, Tally: []byte(v.Row.Tally), Deaths: v.Row.Deaths, PausedBy: v.Row.PausedBy,
		RequestedBy: v.Row.RequestedBy, RequestReason: v.Row.RequestReason, RequestedAt: time.UnixMicro(v.Row.RequestedUS).UTC(),
		StateAt: time.UnixMicro(v.Row.StateUS).UTC(), UpdatedAt: time.UnixMicro(v.Row.UpdatedUS).UTC(), EndedAt: timeOf(v.Row.EndedUS),
	}
	err := errors.Join(json.Unmarshal([]byte(v.Row.Spec), &p.Spec), json.Unmarshal([]byte(v.Row.Gates), &p.Gates),
		json.Unmarshal([]byte(v.Row.Steps), &p.Steps), json.Unmarshal([]byte(v.Row.Analysis), &p.Analysis))
	if err != nil {
		return p, fmt.Errorf("decode promotion %d: %w", v.Row.ID, err)
	}
	return p, nil
}

func orZero[T any](v *T) (zero T) {
	if v == nil {
		return zero
	}
	return *v
}

type promotions struct{ *tx }

// Promotions implements storage.Tx.
func (t *tx) Promotions() storage.PromotionStore { return promotions{t.alone()} }

func (t promotions) list(where func(*gorm.DB) *gorm.DB) ([]models.Promotion, error) {
	var views []promotionView
	err := where(t.db.Table("promotion AS p").
		Select(`p.*, m.name AS model, e.name AS environment, v.number AS version, r.number AS "release", r.image_digest, s.number AS stable`).
		Joins("JOIN environment AS e ON e.id = p.environment_id").
		Joins("JOIN registered_model AS m ON m.id = e.model_id").
		Joins("JOIN model_version AS v ON v.id = p.version_id").
		Joins(`LEFT JOIN "release" AS r ON r.id = p.release_id`).
		Joins(`LEFT JOIN "release" AS s ON s.id = p.stable_id`)).Scan(&views).Error
	if err != nil {
		return nil, err
	}
	out := make([]models.Promotion, len(views))
	for i, v := range views {
		if out[i], err = v.model(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (t promotions) one(none error, where string, args ...any) (models.Promotion, error) {
	found, err := t.list(func(q *gorm.DB) *gorm.DB { return q.Where(where, args...).Limit(1) })
	switch {
	case err != nil:
		return models.Promotion{}, err
	case len(found) == 0:
		return models.Promotion{}, none
	}
	return found[0], nil
}

func (t promotions) Create(p models.Promotion) (models.Promotion, error) {
	now, err := t.Now()
	if err != nil {
		return p, err
	}
	p.RequestedAt, p.StateAt, p.UpdatedAt, p.RequestedBy = now, now, now, models.PrincipalOf(t.ctx).Name
	row, err := promotionRowOf(p)
	if err != nil {
		return p, err
	}
	if err := t.db.Create(&row).Error; err != nil {
		return p, oneActive(err)
	}
	return t.Get(row.ID)
}

func (t promotions) Get(id int64) (models.Promotion, error) {
	return t.one(models.Errorf(models.KindNotFound, "there is no promotion %d", id), "p.id = ?", id)
}

func (t promotions) Lock(id int64) (models.Promotion, error) {
	if err := t.lock("promotion", id); err != nil {
		return models.Promotion{}, err
	}
	return t.Get(id)
}

func (t promotions) Save(p models.Promotion) error {
	now, err := t.Now()
	if err != nil {
		return err
	}
	p.UpdatedAt = now
	row, err := promotionRowOf(p)
	if err != nil {
		return err
	}
	return oneActive(t.db.Save(&row).Error)
}

func oneActive(err error) error {
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		return models.Errorf(models.KindConflict, "another rollout is under way in this environment").Because(err)
	}
	return err
}

func (t promotions) Active(environmentID int64) (models.Promotion, error) {
	return t.one(models.Errorf(models.KindNotFound, "no rollout is under way"),
		"p.environment_id = ? AND p.state IN ('building', 'deploying', 'shifting', 'paused')", environmentID)
}

func (t promotions) List(f models.PromotionFilter) ([]models.Promotion, error) {
	return t.list(func(q *gorm.DB) *gorm.DB {
		q = q.Order("p.id DESC").Limit(f.Limit)
		if f.EnvironmentID > 0 {
			q = q.Where("p.environment_id = ?", f.EnvironmentID)
		}
		if f.BelowID > 0 {
			q = q.Where("p.id < ?", f.BelowID)
		}
		if f.Unfinished {
			q = q.Where("p.ended_us IS NULL")
		}
		return q
	})
}
