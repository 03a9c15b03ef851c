package vault

import (
	"os"
	"slices"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// A rotation is Renew, then one transaction that seals everything anew by
// Rewrap and ends with Adopt, then Settle. Killed between any two, everything
// opens, and the next rotation goes on.

// Renew has a new key ready: the one that the operator gave before the old
// ones, or a fresh one in the file. The database's key stays what it is.
func (v *Vault) Renew() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.pending {
		return nil
	}
	if v.file == "" {
		return models.Errorf(models.KindConflict, "the key is given by --secret-key: start every server with the new one there and the present one in --secret-key-old, then ask again")
	}
	present, err := os.ReadFile(v.file)
	if err != nil {
		return err
	}
	key, text := RandomKey()
	if err := replaceFile(v.file, append([]string{text}, lines(present)...)...); err != nil {
		return models.Errorf(models.KindConflict, "the new key cannot be written to %s: let the server write there, or give the keys by --secret-key and --secret-key-old", v.file).Because(err)
	}
	v.keys, v.pending = slices.Insert(slices.Clone(v.keys), 0, key), true
	return nil
}

// Rewrap seals under the newest key what any of them opens, else ErrSealed.
func (v *Vault) Rewrap(name string, sealed []byte) ([]byte, error) {
	text, err := v.Open(name, sealed)
	if err != nil {
		return nil, err
	}
	return v.all()[0].Seal(name, text), nil
}

// Adopt makes the newest key the database's.
func (v *Vault) Adopt(tx storage.Tx) error { return tx.NamedValues().SetKeyMark(v.mark()) }

// Settle forgets the keys that were replaced, once Adopt is committed: in the
// file, and as keys to be replaced. What was read before still opens.
func (v *Vault) Settle() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.pending = false
	if v.file == "" {
		return nil
	}
	text, err := os.ReadFile(v.file)
	if keys := lines(text); err == nil && len(keys) > 1 {
		err = replaceFile(v.file, keys[0])
	}
	return err
}

// Pending tells whether a rotation was begun and not ended.
func (v *Vault) Pending() bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.pending
}
