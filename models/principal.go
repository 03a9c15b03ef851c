package models

import (
	"context"
	"time"
)

// Principal is who asks: of a request, a job or an audit record.
type Principal struct {
	Name string `json:"name"`
	Role string `json:"role"` // owner until sign-in exists
	From string `json:"from"` // remote address, or the job that acts
}

// Anonymous is the owner of a server without sign-in.
var Anonymous = Principal{Name: "anonymous", Role: "owner"}

// RoleStep is the role of a run: step, which asks by its token.
const RoleStep = "step"

// System is the principal of what Slipway does by itself.
var System = Principal{Name: "slipway", Role: "system"}

type principalKey struct{}

// WithPrincipal gives a context its principal.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalOf tells who asks; System where nobody was set.
func PrincipalOf(ctx context.Context) Principal {
	if p, ok := ctx.Value(principalKey{}).(Principal); ok {
		return p
	}
	return System
}

// AuditRecord is one decision: who decided what about which object, and why.
type AuditRecord struct {
	ID          int64
	At          time.Time
	Principal   string
	From        string         // remote address, or job id
	Action      string         // verb.noun, such as "promotion.requested"
	Model       string         // "" where none is concerned
	Environment string         // "" where none is concerned
	Version     int64          // 0 where none is concerned
	Reason      string         // in a sentence
	Details     map[string]any // what gates and analysis saw
}

// AuditFilter selects audit records; zero fields select all.
type AuditFilter struct {
	Model       string
	Environment string
	Action      string
	BeforeID    int64 // older than this record; 0: from the newest
	Limit       int
}
