package storage

import "github.com/slipway-ml/slipway/models"

// TraceTx is the part of Tx that holds traces.
type TraceTx interface {
	Traces() TraceStore
	Spans() SpanStore
	Assessments() AssessmentStore
}

// TraceStore keeps traces, their tags and metadata. An unknown id is not_found.
type TraceStore interface {
	// Create stores a trace with its tags and metadata. made is false where
	// there is one of this id: nothing is changed then.
	Create(t models.Trace) (key int64, made bool, err error)
	// Lock reads a trace with its tags and metadata, so that no other
	// transaction changes it until this one ends.
	Lock(id string) (models.Trace, error)
	// Load reads traces with all that is told of them, in this order; those
	// that are unknown are left out.
	Load(ids []string) ([]models.Trace, error)
	// Update writes a trace's own row.
	Update(t models.Trace) error
	SetTags(key int64, tags []models.Tag) error
	// DeleteTag is not_found for a tag that is absent.
	DeleteTag(key int64, name string) error
	SetMetadata(key int64, metadata []models.Tag) error
	Search(q models.Search) ([]models.Trace, models.Position, error)
	// Count tells how many traces a search finds in all.
	Count(q models.Search) (int64, error)
	// Delete removes traces and tells how many: at most d.Limit.
	Delete(d models.TraceDeletion) (int, error)
	// LinkRun links traces, those too that are still to come, to a run.
	LinkRun(runKey int64, traceIDs []string) error
	// LinkPrompts links a trace to prompts' versions, NAME/VERSION each.
	LinkPrompts(key int64, prompts []string) error
	Metrics(q models.TraceMetricQuery) ([]models.TraceMetricPoint, error)
}

// SpanStore keeps the spans of traces.
type SpanStore interface {
	// Log stores spans of a trace; one that is there is replaced.
	Log(traceKey int64, spans []models.Span) error
	// Of reads the spans of traces: roots first, then by start.
	Of(traceKeys []int64) (map[int64][]models.Span, error)
}

// AssessmentStore keeps the assessments of traces. An unknown id is not_found.
type AssessmentStore interface {
	// Save stores an assessment of a trace; one of its id is replaced.
	Save(traceKey int64, a models.Assessment) error
	Find(traceKey int64, id string) (models.Assessment, error)
	Delete(traceKey int64, id string) error
}
