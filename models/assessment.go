package models

import "encoding/json"

// AssessmentType is what an assessment says.
type AssessmentType string

// The types of assessment.
const (
	AssessFeedback    AssessmentType = "feedback"
	AssessExpectation AssessmentType = "expectation"
	AssessIssue       AssessmentType = "issue"
)

// MetaAssessmentRun is the metadata of an assessment that names the run it came of.
const MetaAssessmentRun = "mlflow.assessment.sourceRunId"

// Assessment is a judgement on a trace or on one of its spans.
type Assessment struct {
	ID         string
	TraceID    string
	Name       string // of an issue's reference: the issue's id
	Type       AssessmentType
	Value      json.RawMessage // of an issue's reference: its name
	Error      *AssessmentError
	SourceType string
	SourceID   *string
	RunID      *string
	SpanID     *string
	Rationale  *string
	Overrides  *string // the assessment that this one replaces
	Valid      bool    // no other replaces it
	Metadata   []Tag
	CreatedMS  int64
	UpdatedMS  int64
}

// AssessmentError tells why there is no judgement.
type AssessmentError struct {
	Code    string `json:"error_code"`
	Message string `json:"error_message,omitempty"`
	Stack   string `json:"stack_trace,omitempty"`
}
