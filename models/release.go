package models

import "time"

// Release is a model version in an environment: which image, how it is served.
// It never changes; only its state, kept apart, does.
type Release struct {
	ID            int64
	EnvironmentID int64
	Model         string
	Environment   string
	Number        int64 // counts from 1 in each environment of a model
	VersionID     int64
	Version       int64
	ImageID       int64
	ImageDigest   string
	Target        string
	Serving       ServingSpec
	CreatedAt     time.Time
	CreatedBy     string

	ReleaseLife
}

// ReleaseLife is what does change about a release.
type ReleaseLife struct {
	State      ReleaseState
	Generation int64      // counts the times its instances were started anew
	LiveAt     *time.Time // when it first took all the traffic; nil: it never succeeded
	WarmUntil  *time.Time // while it is warm
}

// ReleaseState is what a release is doing.
type ReleaseState string

// The states of a release. The first three have instances that are kept alive.
const (
	ReleaseCandidate ReleaseState = "candidate" // in a rollout
	ReleaseLive      ReleaseState = "live"
	ReleaseWarm      ReleaseState = "warm"     // live before; a rollback takes no start
	ReleaseRetiring  ReleaseState = "retiring" // finishing its requests
	ReleaseRetired   ReleaseState = "retired"
)

// Running tells whether the release's instances are kept alive.
func (s ReleaseState) Running() bool {
	return s == ReleaseCandidate || s == ReleaseLive || s == ReleaseWarm
}
