package vault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// Source says where the server's key is.
type Source struct {
	Key  string   // "" where it is in File
	Old  []string // keys that it is to replace
	File string   // made where there is none
	Lost bool     // go on with this key though the database's is another
}

// name is what an operator calls the source.
func (s Source) name() string {
	if s.Key != "" {
		return "--secret-key"
	}
	return s.File
}

// Open makes the Vault of a database. A key that did not seal the database's
// secrets is refused before anything is written, unless it is said to be lost:
// what it sealed stays as it is and cannot be read.
func Open(ctx context.Context, db storage.DB, src Source) (*Vault, error) {
	var mark []byte
	var hooks []models.Webhook
	err := db.View(ctx, func(tx storage.Tx) (err error) {
		if mark, err = tx.NamedValues().KeyMark(); err == nil && mark == nil {
			hooks, err = tx.Webhooks().List(0, 0)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	hooks = slices.DeleteFunc(hooks, func(w models.Webhook) bool { return w.Secret == nil })
	sealed := mark != nil || len(hooks) > 0
	v, err := src.vault(!sealed || src.Lost)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, models.Errorf(models.KindConflict, "%s is missing, which has the key of this database's secrets: bring it back from a backup, or start with --secret-key-lost to go on without them (docs/secrets.md)", src.File)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", src.name(), err)
	}
	fits := v.fits(mark, hooks)
	switch {
	case !sealed, fits && mark != nil:
		return v, nil
	case fits:
		// Webhooks' secrets are older than marks.
		return v, db.InTx(ctx, func(tx storage.Tx) error { _, err := v.present(tx); return err })
	case !src.Lost:
		return nil, models.Errorf(models.KindConflict, "%s is not the key that sealed this database's secrets: give the server that key, or start with --secret-key-lost to go on without them (docs/secrets.md); nothing was changed", src.name())
	}
	return v, db.InTx(ctx, func(tx storage.Tx) error {
		if err := tx.NamedValues().SetKeyMark(v.mark()); err != nil {
			return err
		}
		return tx.Audit(models.AuditRecord{Action: "secret_key.lost", Reason: "the server was started with --secret-key-lost: secrets that another key sealed cannot be read"})
	})
}

// vault makes the Vault of the keys, and the file of a new one where it may.
func (s Source) vault(create bool) (*Vault, error) {
	if s.Key != "" {
		return newVault("", append([]string{s.Key}, s.Old...))
	}
	text, err := os.ReadFile(s.File)
	if errors.Is(err, fs.ErrNotExist) && create {
		text, err = createFile(s.File)
	}
	if err != nil {
		return nil, err
	}
	return newVault(s.File, append(lines(text), s.Old...))
}

func newVault(file string, texts []string) (*Vault, error) {
	if len(texts) == 0 {
		texts = []string{""}
	}
	v := &Vault{file: file, pending: len(texts) > 1}
	for _, text := range texts {
		key, err := NewKey(text)
		if err != nil {
			return nil, err
		}
		v.keys = append(v.keys, key)
	}
	return v, nil
}

// fits tells whether one of the keys sealed the mark; without one, a webhook's
// secret.
func (v *Vault) fits(mark []byte, hooks []models.Webhook) bool {
	if mark != nil {
		_, err := v.Open(markName, mark)
		return err == nil
	}
	return slices.ContainsFunc(hooks, func(w models.Webhook) bool {
		_, err := v.Open(w.ID, w.Secret)
		return err == nil
	})
}
