package secret

import (
	"context"
	"fmt"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// Rotation tells what a rotation did.
type Rotation struct {
	Rewrapped  int // secrets, webhooks' too, that the new key seals
	Unreadable int // those that no key opens; they stay as they are
}

// perRead is how many secrets are read at once.
const perRead = 500

// Rotate replaces the key that seals the secrets. It happens in one
// transaction: killed at any instant, every secret can be read, and the next
// rotation goes on. Afterwards the key before opens nothing of the database.
func (s *Service) Rotate(ctx context.Context) (r Rotation, err error) {
	if err := s.Vault.Renew(); err != nil {
		return r, err
	}
	err = s.DB.InTx(ctx, func(tx storage.Tx) error {
		r = Rotation{}
		if err := s.rewrapSecrets(tx, &r); err != nil {
			return err
		}
		if err := s.rewrapWebhooks(tx, &r); err != nil {
			return err
		}
		if err := s.Vault.Adopt(tx); err != nil {
			return err
		}
		return tx.Audit(models.AuditRecord{
			Action: "secret_key.rotated", Reason: fmt.Sprintf("%d secrets are sealed by a new key", r.Rewrapped),
			Details: map[string]any{"rewrapped": r.Rewrapped, "unreadable": r.Unreadable},
		})
	})
	if err != nil {
		return r, err
	}
	return r, s.Vault.Settle()
}

func (s *Service) rewrapSecrets(tx storage.Tx, r *Rotation) error {
	for after := int64(0); ; {
		page, err := tx.NamedValues().Secrets(after, perRead)
		if err != nil {
			return err
		}
		for _, v := range page {
			after = v.ID
			dataKey, err := s.Vault.Rewrap(keyPlace(v), v.DataKey)
			if err != nil {
				r.Unreadable++
				continue
			}
			r.Rewrapped++
			if err := tx.NamedValues().Rewrap(v.ID, dataKey); err != nil {
				return err
			}
		}
		if len(page) < perRead {
			return nil
		}
	}
}

func (s *Service) rewrapWebhooks(tx storage.Tx, r *Rotation) error {
	hooks, err := tx.Webhooks().List(0, 0)
	if err != nil {
		return err
	}
	for _, w := range hooks {
		if w.Secret == nil {
			continue
		}
		sealed, err := s.Vault.Rewrap(w.ID, w.Secret)
		if err != nil {
			r.Unreadable++
			continue
		}
		r.Rewrapped++
		if err := tx.Webhooks().Update(w.Key, models.WebhookUpdate{Secret: &sealed}, w.UpdatedMS); err != nil {
			return err
		}
	}
	return nil
}
