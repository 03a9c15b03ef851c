package storage

import "context"

// Leases tells living workers from dead ones, so that the jobs of the dead are
// handed back at once instead of after River's longest deadline.
type Leases interface {
	// Heartbeat says that owner lives.
	Heartbeat(ctx context.Context, owner string) error
	// Release says that owner has stopped and gives back what it still held.
	Release(ctx context.Context, owner string) error
	// Rescue hands back the jobs of owners without a heartbeat for the lease's
	// length, and tells how many.
	Rescue(ctx context.Context) (int64, error)
}
