package sqlstore

import (
	"encoding/json"
	"fmt"

	"gorm.io/gorm"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

type verificationRow struct {
	ID            int64 `gorm:"primaryKey"`
	Unfinished    *string
	ModelID       *int64
	VersionID     *int64
	State         models.VerificationState
	Reason        string
	Report        string
	ProgressDone  int64
	ProgressTotal int64
	ProgressUnit  string
	CreatedUS     int64 `gorm:"column:created_us"`
	CreatedBy     string
	StartedUS     *int64 `gorm:"column:started_us"`
	EndedUS       *int64 `gorm:"column:ended_us"`
}

func (verificationRow) TableName() string { return "verification" }

// namedVerification is a row with the names of what it is about, which stay
// when that is deleted.
type namedVerification struct {
	Row    verificationRow `gorm:"embedded"`
	Model  string
	Number int64
}

func (n namedVerification) model() (models.Verification, error) {
	r := n.Row
	v := models.Verification{
		ID: r.ID, Model: n.Model, Version: n.Number, State: r.State, Reason: r.Reason,
		Progress:  models.Progress{Done: r.ProgressDone, Total: r.ProgressTotal, Unit: r.ProgressUnit},
		CreatedAt: fromMicros(r.CreatedUS), CreatedBy: r.CreatedBy, StartedAt: timeOf(r.StartedUS), EndedAt: timeOf(r.EndedUS),
	}
	if r.ModelID != nil {
		v.ModelID = *r.ModelID
	}
	if r.VersionID != nil {
		v.VersionID = *r.VersionID
	}
	if err := json.Unmarshal([]byte(r.Report), &v.Report); err != nil {
		return v, fmt.Errorf("decode the report of verification %d: %w", r.ID, err)
	}
	return v, nil
}

type verificationStore struct{ *tx }

// Verifications implements storage.Tx.
func (t *tx) Verifications() storage.VerificationStore { return verificationStore{t.alone()} }

func (t verificationStore) list(q *gorm.DB) ([]models.Verification, error) {
	var rows []namedVerification
	if err := q.Table("verification AS x").Select("x.*, COALESCE(m.name, m.was, '') AS model, COALESCE(v.number, 0) AS number").
		Joins("LEFT JOIN registered_model m ON m.id = x.model_id").Joins("LEFT JOIN model_version v ON v.id = x.version_id").
		Scan(&rows).Error; err != nil {
		return nil, err
	}
	list := make([]models.Verification, len(rows))
	for i, r := range rows {
		var err error
		if list[i], err = r.model(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (t verificationStore) one(q *gorm.DB, id int64) (models.Verification, error) {
	list, err := t.list(q)
	if err == nil && len(list) == 0 {
		err = models.Errorf(models.KindNotFound, "there is no verification %d", id)
	}
	if err != nil {
		return models.Verification{}, err
	}
	return list[0], nil
}

// Create implements storage.VerificationStore.
func (t verificationStore) Create(v models.Verification) (models.Verification, bool, error) {
	scope := fmt.Sprintf("%d/%d", v.ModelID, v.VersionID)
	running, err := t.list(t.db.Where("x.unfinished = ?", scope))
	if err != nil || len(running) > 0 {
		return append(running, v)[0], false, err
	}
	now, err := t.Now()
	if err != nil {
		return v, false, err
	}
	row := verificationRow{
		Unfinished: &scope, State: models.VerificationPending, Report: "{}", ProgressUnit: "bytes",
		CreatedUS: now.UnixMicro(), CreatedBy: models.PrincipalOf(t.ctx).Name,
	}
	if v.ModelID != 0 {
		row.ModelID = &v.ModelID
	}
	if v.VersionID != 0 {
		row.VersionID = &v.VersionID
	}
	if err := t.db.Create(&row).Error; err != nil {
		return v, false, err
	}
	v, err = t.Get(row.ID)
	return v, true, err
}

// Get implements storage.VerificationStore.
func (t verificationStore) Get(id int64) (models.Verification, error) {
	return t.one(t.db.Where("x.id = ?", id), id)
}

// List implements storage.VerificationStore.
func (t verificationStore) List(below int64, limit int) ([]models.Verification, error) {
	q := t.db.Order("x.id DESC").Limit(limit)
	if below > 0 {
		q = q.Where("x.id < ?", below)
	}
	return t.list(q)
}

// Save implements storage.VerificationStore.
func (t verificationStore) Save(v models.Verification) error {
	now, err := t.Now()
	if err != nil {
		return err
	}
	report, err := json.Marshal(v.Report)
	if err != nil {
		return err
	}
	set := map[string]any{
		"state": v.State, "reason": v.Reason, "report": string(report), "progress_done": v.Progress.Done, "progress_total": v.Progress.Total,
	}
	switch {
	case v.State.Final():
		set["unfinished"], set["ended_us"] = nil, now.UnixMicro()
	case v.StartedAt == nil:
		set["started_us"] = now.UnixMicro()
	}
	return t.db.Model(&verificationRow{}).Where("id = ?", v.ID).Updates(set).Error
}

// about narrows a query over versions to those that one is about.
func (t verificationStore) about(v models.Verification) *gorm.DB {
	q := t.db.Table("model_version AS v").Where("v.deleted = 0")
	if v.ModelID != 0 {
		q = q.Where("v.model_id = ?", v.ModelID)
	}
	if v.VersionID != 0 {
		q = q.Where("v.id = ?", v.VersionID)
	}
	return q
}

// Scope implements storage.VerificationStore.
func (t verificationStore) Scope(v models.Verification, after int64, limit int) (ids []int64, err error) {
	return ids, t.about(v).Where("v.id > ?", after).Order("v.id").Limit(limit).Pluck("v.id", &ids).Error
}

// Bytes implements storage.VerificationStore.
func (t verificationStore) Bytes(v models.Verification) (n int64, err error) {
	return n, t.about(v).Joins("JOIN manifest_entry e ON e.version_id = v.id").Select("COALESCE(SUM(e.size), 0)").Scan(&n).Error
}
