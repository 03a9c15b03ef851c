package models

// RunStatus is where a run's program stands; any may follow any.
type RunStatus string

// The statuses.
const (
	RunRunning   RunStatus = "RUNNING"
	RunScheduled RunStatus = "SCHEDULED"
	RunFinished  RunStatus = "FINISHED"
	RunFailed    RunStatus = "FAILED"
	RunKilled    RunStatus = "KILLED"
)

// Run is one execution of a program that logs to us. Find gives what stands
// in its own row; its data and inputs are filled by Load and Search.
type Run struct {
	Key          int64  // the small key inside
	ID           string // 32 hex digits, what clients know
	ExperimentID int64
	Name         string
	User         string
	Status       RunStatus
	StartMS      int64
	EndMS        int64 // 0: not ended
	Lifecycle    Lifecycle
	ArtifactURI  string

	Metrics       []Metric // the latest of each key
	Params        []Param
	Tags          []Tag
	DatasetInputs []DatasetInput
	ModelInputs   []string // ids of logged models
	ModelOutputs  []ModelOutput
}

// RunUpdate changes a run; nil fields stay.
type RunUpdate struct {
	Status *RunStatus
	EndMS  *int64
	Name   *string
}

// InputDataset is the data that a run read, described by its client. It is
// not a Slipway data set.
type InputDataset struct {
	Name       string
	Digest     string
	SourceType string
	Source     string
	Schema     string
	Profile    string
}

// DatasetInput links a run to a dataset; the tag TagDatasetContext tells what for.
type DatasetInput struct {
	Dataset InputDataset
	Tags    []Tag
}

// TagDatasetContext is the input tag that says what a dataset was used for.
const TagDatasetContext = "mlflow.data.context"

// DatasetSummary is one use of a dataset in an experiment.
type DatasetSummary struct {
	ExperimentID          int64
	Name, Digest, Context string
}

// ModelOutput says that a run made a logged model at a step.
type ModelOutput struct {
	ModelID string
	Step    int64
}
