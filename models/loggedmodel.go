package models

// LoggedModelStatus says whether a logged model's files are complete.
type LoggedModelStatus string

// The statuses, as they go over the wire.
const (
	LoggedModelPending      LoggedModelStatus = "LOGGED_MODEL_PENDING"
	LoggedModelReady        LoggedModelStatus = "LOGGED_MODEL_READY"
	LoggedModelUploadFailed LoggedModelStatus = "LOGGED_MODEL_UPLOAD_FAILED"
)

// LoggedModel is a model that a run (or nobody) logged in an experiment, before
// and beside its registration as a model version.
type LoggedModel struct {
	Key           int64  // the small key inside
	ID            string // "m-" and 32 hex digits
	ExperimentID  int64
	Name          string
	Type          string
	Status        LoggedModelStatus
	StatusMessage string
	SourceRunID   string // as its client said; "" for none
	ArtifactURI   string
	CreatedMS     int64
	UpdatedMS     int64

	Tags    []Tag
	Params  []Param
	Metrics []Metric // the latest of each key, run and dataset
}

// LoggedModelUpdate changes a logged model; nil fields stay.
type LoggedModelUpdate struct {
	Status    *LoggedModelStatus
	Deleted   bool
	UpdatedMS int64
}
