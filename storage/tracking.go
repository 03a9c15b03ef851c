package storage

import "github.com/slipway-ml/slipway/models"

// TrackingTx is the part of Tx that holds what training leaves behind.
type TrackingTx interface {
	Experiments() ExperimentStore
	Runs() RunStore
	Metrics() MetricStore
	Inputs() InputStore
	LoggedModels() LoggedModelStore
}

// ExperimentStore keeps experiments and their tags. An unknown id or name is
// not_found.
type ExperimentStore interface {
	// Create stores an experiment with its tags and gives its id; a taken name
	// is exists. Where ArtifactLocation is "" SetLocation must follow.
	Create(e models.Experiment) (int64, error)
	SetLocation(id int64, uri string) error
	Get(id int64) (models.Experiment, error)
	ByName(name string) (models.Experiment, error)
	Update(id int64, u models.ExperimentUpdate) error
	SetTag(id int64, tag models.Tag) error
	// DeleteTag is not_found for a tag that is absent.
	DeleteTag(id int64, key string) error
	Search(q models.Search) ([]models.Experiment, models.Position, error)
}

// RunStore keeps runs, their params and tags. Keys must exist.
type RunStore interface {
	// Create stores a run with its tags and gives its key.
	Create(r models.Run) (int64, error)
	// Find reads a run's own row; an unknown id is not_found.
	Find(id string) (models.Run, error)
	// Load reads a run with its data, inputs and outputs.
	Load(id string) (models.Run, error)
	Update(key int64, u models.RunUpdate) error
	SetLifecycle(key int64, l models.Lifecycle, atMS int64) error
	// SetLifecycleIn does so for all runs of an experiment.
	SetLifecycleIn(experimentID int64, l models.Lifecycle, atMS int64) error
	Search(q models.Search) ([]models.Run, models.Position, error)

	SetTags(key int64, tags []models.Tag) error
	// DeleteTag is not_found for a tag that is absent.
	DeleteTag(key int64, name string) error
	// LogParams stores params that are written once. Those that contradict
	// what is stored are returned with the stored value, and the transaction
	// must then not commit.
	LogParams(key int64, params []models.Param) (old []models.Param, err error)
}

// MetricStore keeps every point of every metric, and the latest of each.
type MetricStore interface {
	// Log stores points of a run; one that is stored already is not stored
	// twice. A point with a ModelID is also that logged model's.
	Log(run models.Run, points []models.Metric) error
	History(runKey int64, q models.HistoryQuery) ([]models.Metric, error)
	// Sample reads at most limit points of a run's metric by step, time and
	// value, evenly spread, the first and the last always; within nil: all steps.
	Sample(runKey int64, key string, within *models.StepRange, limit int) ([]models.Metric, error)
}

// InputStore keeps what runs read and made.
type InputStore interface {
	// LogDatasets links a run to datasets, made where they are new; again is
	// the same.
	LogDatasets(run models.Run, inputs []models.DatasetInput) error
	// LogModels links a run to logged models it read; again is the same.
	LogModels(run models.Run, modelIDs []string) error
	// LogOutputs links a run to logged models it made; again sets the step.
	LogOutputs(run models.Run, outputs []models.ModelOutput) error
	// Summaries lists the uses of datasets in experiments.
	Summaries(experimentIDs []int64) ([]models.DatasetSummary, error)
}

// LoggedModelStore keeps logged models. An unknown or deleted id is not_found.
type LoggedModelStore interface {
	// Create stores a logged model with its tags and params and gives its key.
	Create(m models.LoggedModel) (int64, error)
	// Find reads its own row and tags, Load its params and metrics too.
	Find(id string) (models.LoggedModel, error)
	Load(id string) (models.LoggedModel, error)
	// IsDeleted tells whether an id is that of a deleted one, which gc has not
	// begun to remove.
	IsDeleted(id string) (bool, error)
	Update(key int64, u models.LoggedModelUpdate) error
	LogParams(key int64, params []models.Param) error
	SetTags(key int64, tags []models.Tag) error
	// DeleteTag is not_found for a tag that is absent.
	DeleteTag(key int64, name string) error
	Search(q models.Search) ([]models.LoggedModel, models.Position, error)
}
