// Package audit reads what was decided, by whom and why. It writes nothing: the
// record of a decision is written in the transaction that makes it, by tx.Audit.
package audit

import (
	"context"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// Service reads decisions.
type Service struct {
	DB storage.DB
}

// AuditRecords lists decisions, newest first.
func (s Service) AuditRecords(ctx context.Context, f models.AuditFilter) (records []models.AuditRecord, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		records, err = tx.AuditRecords(f)
		return err
	})
	return records, err
}
