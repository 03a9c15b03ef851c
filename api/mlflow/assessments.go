package mlflow

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/trace"
)

type assessment struct {
	ID          string            `json:"assessment_id,omitempty"`
	Name        string            `json:"assessment_name"`
	TraceID     string            `json:"trace_id,omitempty"`
	SpanID      *string           `json:"span_id,omitempty"`
	Source      assessmentSource  `json:"source"`
	CreateTime  string            `json:"create_time"`
	UpdateTime  string            `json:"last_update_time"`
	Feedback    *feedback         `json:"feedback,omitempty"`
	Expectation *expectation      `json:"expectation,omitempty"`
	Issue       *issueRef         `json:"issue,omitempty"`
	Rationale   *string           `json:"rationale,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	Overrides   *string           `json:"overrides,omitempty"`
	Valid       *bool             `json:"valid"`
}

type assessmentSource struct {
	Type string  `json:"source_type" enum:"HUMAN,LLM_JUDGE,CODE,SOURCE_TYPE_UNSPECIFIED"`
	ID   *string `json:"source_id,omitempty"`
}

type feedback struct {
	Value any              `json:"value"`
	Error *assessmentError `json:"error,omitempty"`
}

type assessmentError struct {
	Code    string `json:"error_code"`
	Message string `json:"error_message,omitempty"`
	Stack   string `json:"stack_trace,omitempty"`
}

type expectation struct {
	Value      any         `json:"value,omitempty"`
	Serialized *serialized `json:"serialized_value,omitempty"`
}

type serialized struct {
	Format string `json:"serialization_format"`
	Value  string `json:"value"`
}

type issueRef struct {
	Name string `json:"issue_name" mlflow:"required"`
}

// jsonFormat is the one form in which expectations that are no scalars come.
const jsonFormat = "JSON_FORMAT"

func assessmentOf(a models.Assessment) assessment {
	out := assessment{
		ID: a.ID, Name: a.Name, TraceID: a.TraceID, SpanID: a.SpanID, Source: assessmentSource{a.SourceType, a.SourceID},
		CreateTime: timestamp(a.CreatedMS), UpdateTime: timestamp(a.UpdatedMS), Rationale: a.Rationale, Metadata: mapOf(a.Metadata),
		Overrides: a.Overrides, Valid: &a.Valid,
	}
	switch a.Type {
	case models.AssessExpectation:
		if bytes.HasPrefix(a.Value, []byte("{")) || bytes.HasPrefix(a.Value, []byte("[")) {
			out.Expectation = &expectation{Serialized: &serialized{jsonFormat, string(a.Value)}}
		} else {
			out.Expectation = &expectation{Value: a.Value}
		}
	case models.AssessIssue:
		out.Issue = &issueRef{}
		_ = json.Unmarshal(a.Value, &out.Issue.Name) // as it was written
	default:
		out.Feedback = &feedback{Value: a.Value}
		if a.Error != nil {
			out.Feedback.Error = &assessmentError{a.Error.Code, a.Error.Message, a.Error.Stack}
		}
	}
	return out
}

func (in assessment) assessment() (a models.Assessment, err error) {
	a = models.Assessment{
		ID: in.ID, Name: in.Name, TraceID: in.TraceID, SourceType: in.Source.Type, SourceID: in.Source.ID, SpanID: in.SpanID,
		Rationale: in.Rationale, Overrides: in.Overrides, Metadata: listOf(in.Metadata), Valid: in.Valid == nil || *in.Valid,
	}
	if a.SourceType == "" {
		a.SourceType = "SOURCE_TYPE_UNSPECIFIED"
	}
	if a.CreatedMS, err = parseTimestamp("assessment.create_time", in.CreateTime); err != nil {
		return a, err
	}
	if a.UpdatedMS, err = parseTimestamp("assessment.last_update_time", in.UpdateTime); err != nil {
		return a, err
	}
	return a, in.value(&a)
}

// value reads what an assessment says: one thing of three.
func (in assessment) value(a *models.Assessment) (err error) {
	given := 0
	if in.Feedback != nil {
		given++
		a.Type = models.AssessFeedback
		a.Value, err = jsonOf("assessment.feedback.value", in.Feedback.Value)
		if e := in.Feedback.Error; e != nil {
			a.Error = &models.AssessmentError{Code: e.Code, Message: e.Message, Stack: e.Stack}
		}
	}
	if in.Expectation != nil {
		given++
		a.Type = models.AssessExpectation
		a.Value, err = in.Expectation.json()
	}
	if in.Issue != nil {
		given++
		a.Type = models.AssessIssue
		a.Value, err = jsonOf("assessment.issue.issue_name", in.Issue.Name)
	}
	if err == nil && given != 1 {
		return models.Errorf(models.KindInvalid, "Exactly one of `expectation`, `feedback`, or `issue` should be specified.")
	}
	return err
}

func (e expectation) json() (json.RawMessage, error) {
	value := e.Value
	if s := e.Serialized; s != nil {
		if s.Format != "" && s.Format != jsonFormat {
			return nil, invalid("assessment.expectation.serialized_value.serialization_format", s.Format, "Only JSON_FORMAT is supported.")
		}
		var err error
		if value, err = parseJSON([]byte(s.Value)); err != nil {
			return nil, invalid("assessment.expectation.serialized_value.value", s.Value, "it is no JSON: %s", explain(err))
		}
	}
	if value == nil {
		return nil, models.Errorf(models.KindInvalid, "The `value` field must be specified.")
	}
	return jsonOf("assessment.expectation.value", value)
}

// jsonOf writes a value without escapes for HTML, so that a search finds what
// its caller sees.
func jsonOf(field string, value any) (json.RawMessage, error) {
	text := marshal(value)
	if bytes.Contains(text, []byte(`\u0000`)) {
		return nil, invalid(field, "…", "a NUL character cannot be stored; remove it")
	}
	return text, nil
}

type assessmentAnswer struct {
	Assessment assessment `json:"assessment"`
}

func answerAssessment(c *gin.Context, a models.Assessment, err error) error {
	if err != nil {
		return err
	}
	return answer(c, assessmentAnswer{assessmentOf(a)})
}

// CreateAssessment handles POST traces/{trace_id}/assessments.
func (t Traces) CreateAssessment(c *gin.Context) error {
	var in struct {
		TraceID    string      `json:"trace_id" mlflow:"required"`
		Assessment *assessment `json:"assessment" mlflow:"required"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	a, err := in.Assessment.assessment()
	if err != nil {
		return err
	}
	a, err = t.Service.Assess(c.Request.Context(), in.TraceID, a)
	return answerAssessment(c, a, err)
}

// assessmentRef names an assessment by the path.
type assessmentRef struct {
	TraceID string `json:"trace_id" mlflow:"required"`
	ID      string `json:"assessment_id" mlflow:"required"`
}

// GetAssessment handles GET traces/{trace_id}/assessments/{assessment_id}.
func (t Traces) GetAssessment(c *gin.Context) error {
	var in assessmentRef
	if err := decode(c, &in); err != nil {
		return err
	}
	a, err := t.Service.Assessment(c.Request.Context(), in.TraceID, in.ID)
	return answerAssessment(c, a, err)
}

// UpdateAssessment handles PATCH traces/{trace_id}/assessments/{assessment_id}.
func (t Traces) UpdateAssessment(c *gin.Context) error {
	var in struct {
		Ref        assessmentRef `json:",inline"`
		Assessment *assessment   `json:"assessment" mlflow:"required"`
		Mask       string        `json:"update_mask" mlflow:"required"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	u, err := in.Assessment.update(in.Mask)
	if err != nil {
		return err
	}
	a, err := t.Service.Reassess(c.Request.Context(), in.Ref.TraceID, in.Ref.ID, u)
	return answerAssessment(c, a, err)
}

// update takes the fields that a mask names, in snake or camel case.
func (in assessment) update(mask string) (u trace.AssessmentUpdate, err error) {
	var value assessment
	for _, field := range strings.Split(mask, ",") {
		switch strings.TrimSpace(field) {
		case "assessment_name", "assessmentName":
			u.Name = &in.Name
		case "feedback":
			value.Feedback = in.Feedback
		case "expectation":
			value.Expectation = in.Expectation
		case "rationale":
			u.Rationale = in.Rationale
		case "metadata":
			u.Metadata = listOf(in.Metadata)
		case "valid":
			u.Valid = in.Valid
		}
	}
	switch {
	case value.Feedback != nil && value.Expectation != nil:
		return u, models.Errorf(models.KindInvalid, "Cannot specify both `expectation` and `feedback` parameters.")
	case value.Feedback == nil && value.Expectation == nil:
		return u, nil
	}
	u.Value = &models.Assessment{}
	return u, value.value(u.Value)
}

// DeleteAssessment handles DELETE traces/{trace_id}/assessments/{assessment_id}.
func (t Traces) DeleteAssessment(c *gin.Context) error {
	var in assessmentRef
	if err := decode(c, &in); err != nil {
		return err
	}
	return done(c, t.Service.Withdraw(c.Request.Context(), in.TraceID, in.ID))
}
