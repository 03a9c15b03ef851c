package sqlstore

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

type idempotencyRow struct {
	Principal string `gorm:"primaryKey"`
	ClaimKey  string `gorm:"primaryKey"`
	Request   string
	Did       int
	Status    int
	Body      []byte
	CreatedUS int64 `gorm:"column:created_us"`
	UntilUS   int64 `gorm:"column:until_us"`
}

func (idempotencyRow) TableName() string { return "idempotency" }

type idempotencyStore struct{ *tx }

// Idempotency implements storage.Tx.
func (t *tx) Idempotency() storage.IdempotencyStore { return idempotencyStore{t} }

// claimed marks the claim of ctx as done in the transaction of what it did, so
// that a crash between the two cannot be.
func claimed(ctx context.Context, fn func(storage.Tx) error) func(storage.Tx) error {
	claim, ok := models.ClaimOf(ctx)
	if !ok {
		return fn
	}
	return func(t storage.Tx) error {
		if err := fn(t); err != nil {
			return err
		}
		return t.Idempotency().Did(claim)
	}
}

func (s idempotencyStore) row(c models.Claim) *gorm.DB {
	return s.db.Model(&idempotencyRow{}).Where("principal = ? AND claim_key = ?", c.Principal, c.Key)
}

func (s idempotencyStore) Claim(c models.Claim, until time.Time) (*models.Claimed, error) {
	now, err := s.Now()
	if err != nil {
		return nil, err
	}
	made := s.db.Clauses(clause.OnConflict{DoNothing: true}).Create(&idempotencyRow{
		Principal: c.Principal, ClaimKey: c.Key, Request: c.Request, Body: []byte{},
		CreatedUS: now.UnixMicro(), UntilUS: until.UnixMicro(),
	})
	if made.Error != nil || made.RowsAffected == 1 {
		return nil, made.Error
	}
	handed := s.row(c).Where("request = ? AND did = 0 AND status = 0 AND until_us < ?", c.Request, now.UnixMicro()).
		Update("until_us", until.UnixMicro())
	if handed.Error != nil || handed.RowsAffected == 1 {
		return nil, handed.Error
	}
	var row idempotencyRow
	if err := s.row(c).Take(&row).Error; err != nil {
		return nil, err
	}
	return &models.Claimed{
		Claim: models.Claim{Principal: row.Principal, Key: row.ClaimKey, Request: row.Request},
		Did:   row.Did != 0, Status: row.Status, Body: row.Body, Until: time.UnixMicro(row.UntilUS).UTC(),
	}, nil
}

func (s idempotencyStore) Did(c models.Claim) error { return s.row(c).Update("did", 1).Error }

func (s idempotencyStore) Answer(c models.Claim, status int, body []byte) error {
	return s.row(c).Updates(map[string]any{"status": status, "body": body}).Error
}

func (s idempotencyStore) Release(c models.Claim) error {
	return s.row(c).Where("did = 0 AND status = 0").Delete(&idempotencyRow{}).Error
}

func (s idempotencyStore) Forget(before time.Time) error {
	return s.db.Where("created_us < ?", before.UnixMicro()).Delete(&idempotencyRow{}).Error
}
