package models

import "time"

// PromotionState is where a promotion stands.
type PromotionState string

// The states of a promotion; those from succeeded on are final.
const (
	PromotionPending    PromotionState = "pending"
	PromotionGated      PromotionState = "gated" // its gates said yes
	PromotionBuilding   PromotionState = "building"
	PromotionDeploying  PromotionState = "deploying"
	PromotionShifting   PromotionState = "shifting"
	PromotionPaused     PromotionState = "paused"
	PromotionSucceeded  PromotionState = "succeeded"
	PromotionRefused    PromotionState = "refused" // a gate said no
	PromotionFailed     PromotionState = "failed"
	PromotionRolledBack PromotionState = "rolled_back"
	PromotionCancelled  PromotionState = "cancelled"
	PromotionSuperseded PromotionState = "superseded"
)

// Active tells whether a rollout is moving its environment; the database holds
// at most one such promotion for each.
func (s PromotionState) Active() bool {
	switch s {
	case PromotionBuilding, PromotionDeploying, PromotionShifting, PromotionPaused:
		return true
	default:
		return false
	}
}

// Final tells whether the state can still change.
func (s PromotionState) Final() bool {
	return s != PromotionPending && s != PromotionGated && !s.Active()
}

// Cause is what asked for a promotion.
type Cause string

// The causes. A rollback brings an earlier release back as it was.
const (
	CauseManual   Cause = "manual"
	CauseAuto     Cause = "auto"  // promote: auto
	CauseAlias    Cause = "alias" // an MLflow client set the environment's alias or stage
	CauseRollback Cause = "rollback"
)

// Promotion is the request to release a model version in an environment, and
// how far its rollout is.
type Promotion struct {
	ID            int64
	EnvironmentID int64
	Model         string
	Environment   string
	Cause         Cause
	VersionID     int64
	Version       int64
	ReleaseID     int64 // 0 until there is one
	Release       int64 // its number
	ImageDigest   string
	StableID      int64 // the release it started from; 0 for a first one
	Stable        int64 // its number
	State         PromotionState
	Reason        string          // in a sentence: why it is where it is
	Spec          EnvironmentSpec // as it stood when the promotion was asked for
	Gates         []GateResult
	Step          int // counts from 1; 0 before the first
	Steps         []StepProgress
	Weight        int        // per cent of the traffic
	Analysis      []Analysis // the last look at each metric
	Tally         []byte     // what the analysis remembers of this step
	Deaths        int        // of an instance of the new release
	PausedBy      string     // who paused it; "" where the analysis holds it
	RequestedBy   string
	RequestReason string
	RequestedAt   time.Time
	StateAt       time.Time // when the present state began
	UpdatedAt     time.Time
	EndedAt       *time.Time
}

// StepProgress is how one step of a rollout goes.
type StepProgress struct {
	Weight    int           `json:"weight"`
	Hold      time.Duration `json:"hold"`
	Expected  time.Duration `json:"expected,omitempty"` // for a verdict, at the rate of requests when it began; 0 unknown
	StartedAt *time.Time    `json:"started_at,omitempty"`
	EndedAt   *time.Time    `json:"ended_at,omitempty"`
}

// GateResult is what one gate answered.
type GateResult struct {
	Gate   string    `json:"gate"`
	Passed bool      `json:"passed"`
	Reason string    `json:"reason"` // in a sentence
	At     time.Time `json:"at"`
}

// PromotionFilter selects promotions; zero fields select all.
type PromotionFilter struct {
	EnvironmentID int64
	Unfinished    bool
	BelowID       int64 // older than this one; 0: from the newest
	Limit         int
}
