package models

import "time"

// ValidationState is where a validation stands.
type ValidationState string

// The states of a validation; the last four are final.
const (
	ValidationQueued    ValidationState = "queued"
	ValidationRunning   ValidationState = "running"
	ValidationPassed    ValidationState = "passed"
	ValidationFailed    ValidationState = "failed"  // a step found a problem
	ValidationErrored   ValidationState = "errored" // a step could not look
	ValidationCancelled ValidationState = "cancelled"
)

// Final tells whether the state can still change.
func (s ValidationState) Final() bool {
	return s != ValidationQueued && s != ValidationRunning
}

// Validation is one execution of a pipeline revision's steps on one model
// version. A newer revision does not change it.
type Validation struct {
	ID         int64
	VersionID  int64
	Model      string // name
	Version    int64  // number
	RevisionID int64  // of the pipeline
	Revision   int64  // its number
	Trigger    Trigger
	State      ValidationState
	Reason     string // in a sentence, when it is final and not passed
	Cancelling bool   // somebody asked to cancel it
	Priority   Priority
	Fresh      bool  // it measures everything anew
	RepeatOf   int64 // the validation that it does again; 0: none
	CreatedAt  time.Time
	CreatedBy  string
	StartedAt  *time.Time
	EndedAt    *time.Time
	Machine    map[string]string // where it ran: what may make figures differ
	Steps      []StepResult      // one for each step of the pipeline, in order
}

// Verdict is the judgement of one step.
type Verdict string

// The verdicts; "" while a step has none. Failed means that it looked and
// found a problem, errored that it could not look.
const (
	VerdictPassed  Verdict = "passed"
	VerdictFailed  Verdict = "failed"
	VerdictErrored Verdict = "errored"
	VerdictSkipped Verdict = "skipped"
)

// StepResult is one step of a validation: what it measured, what it found and
// how it was judged.
type StepResult struct {
	ValidationID int64
	Index        int // from 0
	Name         string
	Check        string // "" for a command
	Run          string // "" for a check
	Report
	Reason     string // in a sentence, where the verdict is not passed
	LogKey     string // the artifact store's key of its log
	Progress   Progress
	Inputs     map[string]string // exactly what it looked at, with digests
	InputsKey  string            // of them all: same key, same result; "" where it cannot be reused
	Excused    bool              // its verdict counts for nothing: continue_on_error, or an if that is false
	ReusedFrom int64             // the validation whose result this is; 0: its own
	Waiver     *Waiver           // the newest one; it may have run out
	StartedAt  *time.Time
	EndedAt    *time.Time
}

// Progress tells how far a running step is.
type Progress struct {
	Done  int64         `json:"done"`
	Total int64         `json:"total"` // 0: unknown
	Unit  string        `json:"unit"`  // such as images
	Left  time.Duration `json:"-"`     // estimated; 0: unknown
}

// Report is what a check says about a version.
type Report struct {
	Measurements []Measurement
	Findings     []Finding
	Facts        map[string]string // what else it says, such as the output's layout
	Figures      Figures           // drawn by its page; kept as the attachment figures.json
	Attachments  []Attachment      // files kept with it
	Compared     bool              // the check held its figures against the champion's by itself
	Verdict      Verdict
	Key          string // of the check with all its inputs: same key, same figures; "" where they are not kept for reuse
}

// Measurement is one figure, with the promise it was held against.
type Measurement struct {
	Name      string   `json:"name"` // with its unit, where it has one
	Value     float64  `json:"value"`
	Threshold string   `json:"threshold,omitempty"` // such as ">= 0.8"; "": not judged
	Broken    bool     `json:"broken,omitempty"`    // the threshold does not hold
	Champion  *float64 `json:"champion,omitempty"`  // the same of the version it is compared with
}

// Severity ranks a finding.
type Severity string

// The severities. Only an error makes a step fail.
const (
	SeverityInfo    Severity = "info"
	SeverityWarning Severity = "warning"
	SeverityError   Severity = "error"
)

// The rules of findings that stand for a test of the team's own, passed ones
// too.
const (
	RuleTest        = "test"
	RuleSkippedTest = "test.skipped"
)

// Finding is one thing a step found, where it is and what to do about it.
type Finding struct {
	Severity Severity `json:"severity"`
	Where    string   `json:"where,omitempty"` // a file, file:line, test or node
	Message  string   `json:"message"`
	Remedy   string   `json:"remedy,omitempty"`
	Rule     string   `json:"rule,omitempty"`   // of the check that found it, where it has several
	Judged   bool     `json:"judged,omitempty"` // it comes from a threshold or comparison of the step, not from looking
}
