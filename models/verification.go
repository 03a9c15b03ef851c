package models

import "time"

// VerificationState is where a verification stands.
type VerificationState string

// The states of a verification; the last three are final.
const (
	VerificationPending VerificationState = "pending"
	VerificationRunning VerificationState = "running"
	VerificationPassed  VerificationState = "passed"
	VerificationFailed  VerificationState = "failed"  // files are missing or changed
	VerificationErrored VerificationState = "errored" // it could not look at all of them
)

// Final tells whether the state changes no more.
func (s VerificationState) Final() bool {
	return s == VerificationPassed || s == VerificationFailed || s == VerificationErrored
}

// Verification reads the files of versions again and holds them against their
// manifests: of one version, of all versions of a model, or of all.
type Verification struct {
	ID        int64
	ModelID   int64  // 0: of all models
	Model     string // its name
	VersionID int64  // 0: of all versions
	Version   int64  // its number
	State     VerificationState
	Reason    string
	Report    VerificationReport
	Progress  Progress // in bytes
	CreatedAt time.Time
	CreatedBy string
	StartedAt *time.Time
	EndedAt   *time.Time
}

// VerificationReport is what a verification found, and how far it is.
type VerificationReport struct {
	Versions int64               `json:"versions"` // looked at
	Skipped  int64               `json:"skipped"`  // versions without a manifest: hashed still, or outside the store
	Files    int64               `json:"files"`
	Bytes    int64               `json:"bytes"`
	Missing  int64               `json:"missing"`
	Changed  int64               `json:"changed"`
	Extra    int64               `json:"extra"`
	Findings []VerificationEntry `json:"findings"` // the first MaxVerificationEntries

	// Where it goes on after a crash: after this path of the version after Last.
	Last int64  `json:"last"`
	Path string `json:"path"`
}

// MaxVerificationEntries bounds how many files a report names; its counts count
// all.
const MaxVerificationEntries = 1000

// The kinds of what a verification finds. What is extra stands beside a
// version's files and is none of them: Slipway never reads it, but a client that
// downloads the whole folder does.
const (
	FileMissing = "missing"
	FileChanged = "changed"
	FileExtra   = "extra"
)

// VerificationEntry is one file at fault.
type VerificationEntry struct {
	Model   string `json:"model"`
	Version int64  `json:"version"`
	Path    string `json:"path"`
	Kind    string `json:"kind"`
	Detail  string `json:"detail"`
}

// Add notes one file.
func (r *VerificationReport) Add(e VerificationEntry) {
	switch e.Kind {
	case FileMissing:
		r.Missing++
	case FileChanged:
		r.Changed++
	case FileExtra:
		r.Extra++
	}
	if len(r.Findings) < MaxVerificationEntries {
		r.Findings = append(r.Findings, e)
	}
}
