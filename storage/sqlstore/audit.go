package sqlstore

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/slipway-ml/slipway/models"
)

type auditRow struct {
	ID          int64 `gorm:"primaryKey"`
	AtUS        int64 `gorm:"column:at_us"`
	Principal   string
	Origin      string
	Action      string
	Model       string
	Environment string
	Version     int64
	Reason      string
	Details     string
}

func (auditRow) TableName() string { return "audit" }

// Audit implements storage.Tx.
func (t *tx) Audit(rec models.AuditRecord) error {
	details, err := json.Marshal(rec.Details)
	if err != nil {
		return fmt.Errorf("encode the audit record's details: %w", err)
	}
	who := models.PrincipalOf(t.ctx)
	if rec.Principal == "" {
		rec.Principal = who.Name
	}
	if rec.From == "" {
		rec.From = who.From
	}
	return t.later(`INSERT INTO audit (at_us, principal, origin, action, model, environment, version, reason, details)
		VALUES (`+t.clock()+`, ?, ?, ?, ?, ?, ?, ?, ?)`,
		rec.Principal, rec.From, rec.Action, rec.Model, rec.Environment, rec.Version, rec.Reason, string(details))
}

// AuditRecords implements storage.Tx.
func (t *tx) AuditRecords(f models.AuditFilter) ([]models.AuditRecord, error) {
	q := t.db.Order("id DESC").Limit(f.Limit)
	if f.Model != "" {
		q = q.Where("model = ?", f.Model)
	}
	if f.Environment != "" {
		q = q.Where("environment = ?", f.Environment)
	}
	if f.Action != "" {
		q = q.Where("action = ?", f.Action)
	}
	if f.BeforeID > 0 {
		q = q.Where("id < ?", f.BeforeID)
	}
	var rows []auditRow
	if err := q.Find(&rows).Error; err != nil {
		return nil, err
	}
	records := make([]models.AuditRecord, len(rows))
	for i, r := range rows {
		records[i] = models.AuditRecord{
			ID: r.ID, At: time.UnixMicro(r.AtUS).UTC(), Principal: r.Principal, From: r.Origin, Action: r.Action,
			Model: r.Model, Environment: r.Environment, Version: r.Version, Reason: r.Reason,
		}
		if err := json.Unmarshal([]byte(r.Details), &records[i].Details); err != nil {
			return nil, fmt.Errorf("decode audit record %d: %w", r.ID, err)
		}
	}
	return records, nil
}
