package models

import (
	"encoding/json"
	"slices"
	"strings"
)

// UserTag names who made or changed what it is a tag of.
const UserTag = "mlflow.user"

// EvaluationDataset is a named set of records to evaluate a model or an agent
// on. It belongs to any number of experiments; names are not unique.
type EvaluationDataset struct {
	Key           int64  // the small key inside
	ID            string // "d-" and 32 hex digits
	Name          string
	Schema        string // JSON: the types of its records' fields; "" before there were any
	Profile       string // JSON: its statistics; "" without records
	Digest        string // changes with its records
	CreatedMS     int64
	UpdatedMS     int64
	CreatedBy     string // "" where nobody said
	UpdatedBy     string
	Tags          []Tag
	ExperimentIDs []int64
}

// EvaluationRecord is one example of an evaluation dataset. Its inputs are its
// key: a record with the same ones changes it. What it holds is JSON; nil is
// absent.
type EvaluationRecord struct {
	Key          int64
	ID           string // "dr-" and 32 hex digits
	InputHash    string
	Inputs       json.RawMessage // an object
	Outputs      json.RawMessage // anything
	Expectations json.RawMessage // an object
	Tags         json.RawMessage // an object, never absent
	Source       json.RawMessage // an object of source_type and source_data
	SourceType   string
	SourceID     string
	CreatedMS    int64
	UpdatedMS    int64
	CreatedBy    string
	UpdatedBy    string
}

// RecordSourceTypes says where a record of an evaluation dataset may come from.
func RecordSourceTypes() []string {
	return []string{"UNSPECIFIED", "TRACE", "HUMAN", "DOCUMENT", "CODE"}
}

// IssueStatus says what has become of an issue.
type IssueStatus string

// IssueSeverity says how bad an issue is; "" is not told.
type IssueSeverity string

// IssuePending is the status of a new issue.
const IssuePending IssueStatus = "pending"

// Rank orders severities: the higher, the worse; -1 where none is told.
func (s IssueSeverity) Rank() int64 {
	return int64(slices.Index([]IssueSeverity{"not_an_issue", "low", "medium", "high"}, s))
}

// Issue is a problem of quality or operation that was found in an experiment's
// traces.
type Issue struct {
	Key          int64
	ID           string // "iss-" and 32 hex digits
	ExperimentID int64
	Name         string
	Description  string
	Status       IssueStatus
	Severity     IssueSeverity
	RootCauses   []string
	Categories   []string
	SourceRunID  string // that found it; "" for none
	CreatedMS    int64
	UpdatedMS    int64
	CreatedBy    string
	TraceCount   int64 // where it was asked for
}

// IssueUpdate changes an issue; nil fields stay.
type IssueUpdate struct {
	Name, Description *string
	Status            *IssueStatus
	Severity          *IssueSeverity
	UpdatedMS         int64
}

// Scorer judges answers; its versions are numbered from 1. Slipway keeps it and
// never runs it.
type Scorer struct {
	Key          int64
	ID           string
	ExperimentID int64
	Name         string // unique in its experiment
	Online       *OnlineScoring
}

// ScorerVersion is one version of a scorer.
type ScorerVersion struct {
	Scorer
	Number     int64
	Serialized string // a JSON object
	CreatedMS  int64
}

// OnlineScoring says how much of an experiment's new traces a scorer judges.
type OnlineScoring struct {
	ID         string
	SampleRate float64 // 0 to 1
	Filter     *string // of traces; nil for all
}

// RecordSourceType reads a source type in any case; ok tells whether it is one.
func RecordSourceType(text string) (_ string, ok bool) {
	text = strings.ToUpper(text)
	return text, slices.Contains(RecordSourceTypes(), text)
}
