// Package vault seals what nobody may read in the database.
package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrSealed is the error of what another key sealed, or somebody changed.
var ErrSealed = errors.New("sealed with another key, or changed since")

// Vault seals and opens by AES-256-GCM under one key.
type Vault struct {
	aead cipher.AEAD
}

// minKey is the least that a key's text has: 32 random bytes in base64 are 43.
const minKey = 32

// New makes a Vault of a key's text, of at least 32 characters.
func New(key string) (*Vault, error) {
	if len(key) < minKey {
		return nil, fmt.Errorf("the secret key has %d characters: use at least %d random ones", len(key), minKey)
	}
	sum := sha256.Sum256([]byte(key))
	block, err := aes.NewCipher(sum[:])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &Vault{aead: aead}, err
}

// Open makes a Vault of the key in a file, which is made where it is missing.
func Open(file string) (*Vault, error) {
	key, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = create(file)
	}
	if err != nil {
		return nil, fmt.Errorf("read the secret key: %w", err)
	}
	v, err := New(strings.TrimSpace(string(key)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return v, nil
}

// create writes a new key, whole or not at all; of two who do so at once both
// read the first one's.
func create(file string) ([]byte, error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".key-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString(rand.Text() + rand.Text() + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(f.Name(), file); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.ReadFile(file)
}

// Seal encrypts a text that belongs to a name: opened under another, it fails.
func (v *Vault) Seal(name, text string) []byte {
	nonce := make([]byte, v.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	return v.aead.Seal(nonce, nonce, []byte(text), []byte(name))
}

// Open decrypts what Seal made, else ErrSealed.
func (v *Vault) Open(name string, sealed []byte) (string, error) {
	n := v.aead.NonceSize()
	if len(sealed) < n {
		return "", ErrSealed
	}
	text, err := v.aead.Open(nil, sealed[:n], sealed[n:], []byte(name))
	if err != nil {
		return "", ErrSealed
	}
	return string(text), nil
}
