package models

import (
	"slices"
	"time"
)

// Waiver lets a failed step count as passed until it runs out. What it found
// stays as it is.
type Waiver struct {
	Reason    string
	By        string
	At        time.Time
	ExpiresAt time.Time
}

// Holds tells whether a waiver counts at a time; nil never does.
func (w *Waiver) Holds(now time.Time) bool { return w != nil && now.Before(w.ExpiresAt) }

// Waived gives the failed steps that are waived at a time.
func (v Validation) Waived(now time.Time) []StepResult {
	var waived []StepResult
	for _, s := range v.Steps {
		if s.Verdict == VerdictFailed && s.Waiver.Holds(now) {
			waived = append(waived, s)
		}
	}
	return waived
}

// Accepted tells whether a validation counts as a pass at a time: it passed, or
// it failed and every step that did not pass is waived, or counts for nothing.
// An errored or skipped step is no pass whatever is waived.
func (v Validation) Accepted(now time.Time) bool {
	if v.State != ValidationFailed {
		return v.State == ValidationPassed
	}
	missed := slices.ContainsFunc(v.Steps, func(s StepResult) bool {
		return s.Verdict != VerdictPassed && !s.Excused && (s.Verdict != VerdictFailed || !s.Waiver.Holds(now))
	})
	return !missed && len(v.Waived(now)) > 0
}

// Repeat tells how a validation that does another again compares with it.
type Repeat struct {
	Of          int64
	Compared    int      // figures that must be the same
	Differences []string // what is not, a sentence each
}
