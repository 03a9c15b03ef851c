// Package vault seals what nobody may read in the database. It knows the key
// of a database by the mark that it left there with the first secret, and so
// never seals with another.
package vault

import (
	"crypto/rand"
	"errors"
	"sync"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// ErrSealed is the error of what another key sealed, or somebody changed.
var ErrSealed = errors.New("sealed with another key, or changed since")

// Vault seals and opens under the server's keys: the newest, and those that it
// replaces. It may be used by many at once.
type Vault struct {
	file string // that holds the keys, a line each; "" where the operator gives them

	mu      sync.RWMutex
	keys    []Key // the newest first
	pending bool  // a rotation to the first of them is under way
}

// markName is what the mark is sealed for.
const markName = "mark of the key"

// Seal encrypts a text that belongs to a name: opened under another, it fails.
// It does so under the key that the database's secrets are sealed with, which a
// rotation changes: so it is part of the transaction that keeps the text. Where
// this server has another key, it is refused.
func (v *Vault) Seal(tx storage.Tx, name, text string) ([]byte, error) {
	key, err := v.present(tx)
	if err != nil {
		return nil, err
	}
	return key.Seal(name, text), nil
}

// present gives the key of the database; the first secret of all makes ours it.
func (v *Vault) present(tx storage.Tx) (Key, error) {
	mark, err := tx.NamedValues().KeyMark()
	if err != nil {
		return Key{}, err
	}
	keys := v.all()
	if mark == nil {
		return keys[0], tx.NamedValues().SetKeyMark(v.mark())
	}
	for _, k := range keys {
		if _, err := k.Open(markName, mark); err == nil {
			return k, nil
		}
	}
	return Key{}, models.Errorf(models.KindConflict, "this server does not have the key that seals the secrets: give it the one that the other servers on this database have (docs/secrets.md)")
}

// mark is what the first key seals, to be known by.
func (v *Vault) mark() []byte { return v.all()[0].Seal(markName, rand.Text()) }

// Open decrypts what Seal made under any of the keys, else ErrSealed.
func (v *Vault) Open(name string, sealed []byte) (string, error) {
	for _, k := range v.all() {
		if text, err := k.Open(name, sealed); err == nil {
			return text, nil
		}
	}
	return "", ErrSealed
}

func (v *Vault) all() []Key {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.keys
}
