package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
)

// Key seals and opens by AES-256-GCM.
type Key struct{ aead cipher.AEAD }

// minKey is the least that a key's text has: 32 random bytes in base64 are 43.
const minKey = 32

// NewKey makes a Key of its text, of at least 32 characters.
func NewKey(text string) (Key, error) {
	if len(text) < minKey {
		return Key{}, fmt.Errorf("the secret key has %d characters: use at least %d random ones", len(text), minKey)
	}
	sum := sha256.Sum256([]byte(text))
	block, err := aes.NewCipher(sum[:])
	if err != nil {
		return Key{}, err
	}
	aead, err := cipher.NewGCM(block)
	return Key{aead}, err
}

// RandomKey makes a Key and the text that NewKey makes it of again.
func RandomKey() (Key, string) {
	text := rand.Text() + rand.Text()
	key, err := NewKey(text)
	if err != nil {
		panic(err) // it is long enough
	}
	return key, text
}

// Seal encrypts a text for a name.
func (k Key) Seal(name, text string) []byte {
	nonce := make([]byte, k.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	return k.aead.Seal(nonce, nonce, []byte(text), []byte(name))
}

// Open decrypts what Seal made for the name, else ErrSealed.
func (k Key) Open(name string, sealed []byte) (string, error) {
	n := k.aead.NonceSize()
	if len(sealed) < n {
		return "", ErrSealed
	}
	text, err := k.aead.Open(nil, sealed[:n], sealed[n:], []byte(name))
	if err != nil {
		return "", ErrSealed
	}
	return string(text), nil
}
