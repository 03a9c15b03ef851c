package storage

import (
	"time"

	"github.com/slipway-ml/slipway/models"
)

// IdempotencyStore remembers what requests with an Idempotency-Key did and
// answered. InTx marks the claim of its context as done by itself.
type IdempotencyStore interface {
	// Claim takes a key until a time, and tells what is known of it where it
	// was taken before: then nothing is written, unless that claim ran out
	// before it did anything, which hands it over.
	Claim(c models.Claim, until time.Time) (earlier *models.Claimed, err error)
	// Did marks a claim's change as made.
	Did(c models.Claim) error
	// Answer keeps what a claim was answered.
	Answer(c models.Claim, status int, body []byte) error
	// Release forgets a claim that did nothing.
	Release(c models.Claim) error
	// Forget drops claims made before a time.
	Forget(before time.Time) error
}
