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
	}
	return false
}

// Final tells whether the state can still change.
func (s PromotionState) Final() bool {
	return s != PromotionPending && s != PromotionGated && !s.Active()
}

// PromotionKind tells a way forward from a way back.
type PromotionKind string

// The kinds of promotion. A rollback brings an earlier release back as it was.
const (
	PromotionForward PromotionKind = "promotion"
	PromotionBack    PromotionKind = "rollback"
)

// Cause is what asked for a promotion, or paused it.
type Cause string

// The causes.
const (
	CausePerson   Cause = "person" // or a CI job
	CauseAuto     Cause = "auto"   // promote: auto
	CauseAlias    Cause = "alias"  // an MLflow client set the environment's alias or stage
	CauseAnalysis Cause = "analysis"
)

// Promotion is the request to release a model version in an environment, and
// how far its rollout is.
type Promotion struct {
	ID            int64
	EnvironmentID int64
	Model         string
	Environment   string
	Kind          PromotionKind
	Cause         Cause
	VersionID     int64
	Version       int64
	ReleaseID     int64 // 0 until there is one
	Release       int64 // its number
	StableID      int64 // the release it started from; 0 for a first one
	State         PromotionState
	Step          int             // index in Spec.Rollout.Steps while shifting
	Weight        int             // per cent of the traffic
	PausedBy      Cause           // while paused: person or analysis
	Reason        string          // in a sentence: why it is where it is
	Spec          EnvironmentSpec // as it stood when the promotion was asked for
	Gates         []GateResult
	Analysis      []Analysis // the last look
	Tally         []byte     // what the analysis remembers of this step
	Deaths        int        // of instances of the new release
	NeedSeconds   []int64    // forecast of each step, from the rate at its start; -1 unknown
	RequestedBy   string
	RequestedAt   time.Time
	StepAt        *time.Time // when the present step began
	EndedAt       *time.Time
}

// GateResult is what one gate answered.
type GateResult struct {
	Gate   string    `json:"gate"`
	Passed bool      `json:"passed"`
	Reason string    `json:"reason"` // in a sentence
	At     time.Time `json:"at"`
}

// PromotionEvent is one thing that happened to a promotion, in order of ids.
type PromotionEvent struct {
	ID          int64
	PromotionID int64
	At          time.Time
	Principal   string
	Event       string // from the table of transitions, or "progress"
	State       PromotionState
	Step        int
	Weight      int
	Message     string
	Analysis    []Analysis // what the decision saw, where it was the analysis's
}

// PromotionFilter selects promotions; zero fields select all.
type PromotionFilter struct {
	EnvironmentID int64
	VersionID     int64
	Unfinished    bool
	BeforeID      int64 // older than this one; 0: from the newest
	Limit         int
}
