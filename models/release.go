package models

import "time"

// Release is a model version in an environment: which image, how it is served.
// It never changes; only its life, kept apart, does.
type Release struct {
	ID            int64
	EnvironmentID int64
	Model         string
	Environment   string
	Number        int64 // counts from 1 in each environment of a model
	VersionID     int64
	Version       int64
	ImageDigest   string
	Target        string
	Serving       ServingSpec
	PromotionID   int64 // that made it
	CreatedAt     time.Time

	ReleaseLife
}

// ReleaseLife is what does change about a release.
type ReleaseLife struct {
	State      ReleaseState
	Generation int64      // counts the times its instances were started anew
	LiveAt     *time.Time // when it last took all the traffic; nil: it never succeeded
	WarmUntil  *time.Time // while it is warm
	RetiredAt  *time.Time // when its instances were stopped
}

// ReleaseState is what a release is doing.
type ReleaseState string

// The states of a release. The first four have instances that are kept alive.
const (
	ReleaseStarting   ReleaseState = "starting"
	ReleaseCandidate  ReleaseState = "candidate" // traffic shifts to it
	ReleaseLive       ReleaseState = "live"
	ReleaseWarm       ReleaseState = "warm" // live before; a rollback takes no start
	ReleaseRetired    ReleaseState = "retired"
	ReleaseRolledBack ReleaseState = "rolled_back"
	ReleaseFailed     ReleaseState = "failed"
)

// Running tells whether the release's instances are kept alive.
func (s ReleaseState) Running() bool {
	switch s {
	case ReleaseStarting, ReleaseCandidate, ReleaseLive, ReleaseWarm:
		return true
	default:
		return false
	}
}
