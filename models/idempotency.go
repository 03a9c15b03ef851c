package models

import (
	"context"
	"time"
)

// Claim is a request that is to be done once, however often it is sent.
type Claim struct {
	Principal string
	Key       string // the caller's Idempotency-Key
	Request   string // hex SHA-256 of method, path and body
}

// Claimed is what became of a claim.
type Claimed struct {
	Claim
	Did    bool // its change is committed
	Status int  // of its answer; 0 while there is none
	Body   []byte
	Until  time.Time // while it has no answer, nobody else takes it before
}

type claimKey struct{}

// WithClaim gives a context the claim that it works for: the first transaction
// that commits under it marks the claim as done.
func WithClaim(ctx context.Context, c Claim) context.Context {
	return context.WithValue(ctx, claimKey{}, c)
}

// ClaimOf tells the claim that a context works for, if any.
func ClaimOf(ctx context.Context) (Claim, bool) {
	c, ok := ctx.Value(claimKey{}).(Claim)
	return c, ok
}
