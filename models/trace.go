package models

// TraceState is how a trace ended.
type TraceState string

// The states of a trace.
const (
	TraceUnspecified TraceState = "STATE_UNSPECIFIED"
	TraceOK          TraceState = "OK"
	TraceError       TraceState = "ERROR"
	TraceInProgress  TraceState = "IN_PROGRESS"
)

// Tags and metadata of traces that mean something to us.
const (
	TagTraceName     = "mlflow.traceName"
	TagTraceLocation = "mlflow.artifactLocation"    // URI of a trace's files
	TagSpansLocation = "mlflow.trace.spansLocation" // where its spans are
	SpansInDatabase  = "TRACKING_STORE"             // in the database; else in its files

	MetaSourceRun  = "mlflow.sourceRun"
	MetaSession    = "mlflow.trace.session"
	MetaUser       = "mlflow.trace.user"
	MetaTokenUsage = "mlflow.trace.tokenUsage" //nolint:gosec // counts of words
	MetaCost       = "mlflow.trace.cost"
	MetaSizeStats  = "mlflow.trace.sizeStats"
)

// Trace is what one request to a program did, span by span. Its spans are read
// apart.
type Trace struct {
	Key             int64
	ID              string // the client's own, mostly tr- and 32 hex digits
	ExperimentID    int64
	StartMS         int64
	DurationMS      *int64 // nil: not ended
	State           TraceState
	ClientRequestID *string
	RequestPreview  *string
	ResponsePreview *string
	Told            Told

	// What searches and metrics ask for, out of its metadata.
	Session *string
	Tokens  TokenUsage

	Tags        []Tag
	Metadata    []Tag
	Assessments []Assessment
}

// Told is what a trace's client has told itself once the trace had ended: what
// spans say changes that no more.
type Told struct{ Times, Usage, Cost bool }

// TokenUsage counts tokens; nil is unknown.
type TokenUsage struct{ Input, Output, Total, CacheRead, CacheCreation *int64 }

// ValueOf finds a tag's value; "" where it is absent.
func ValueOf(tags []Tag, key string) string {
	for _, t := range tags {
		if t.Key == key {
			return t.Value
		}
	}
	return ""
}

// WithTag sets a tag in a list of them.
func WithTag(tags []Tag, key, value string) []Tag {
	for i := range tags {
		if tags[i].Key == key {
			tags[i].Value = value
			return tags
		}
	}
	return append(tags, Tag{Key: key, Value: value})
}

// TraceDeletion says which traces of an experiment go: those named, or those
// that began no later, the oldest first.
type TraceDeletion struct {
	ExperimentID int64
	IDs          []string
	UntilMS      *int64
	Limit        int
}
