package models

// Lifecycle says whether an experiment, a run or a logged model is deleted:
// hidden from searches, and restorable until it is purged.
type Lifecycle string

// The lifecycles.
const (
	LifecycleActive  Lifecycle = "active"
	LifecycleDeleted Lifecycle = "deleted"
)

// ViewType says which lifecycles a search sees.
type ViewType string

// The view types, in MLflow's words.
const (
	ViewActive  ViewType = "ACTIVE_ONLY"
	ViewDeleted ViewType = "DELETED_ONLY"
	ViewAll     ViewType = "ALL"
)

// DefaultExperiment is the id of the experiment every server begins with.
const DefaultExperiment int64 = 0

// Experiment groups runs and logged models. Times are Unix milliseconds, as
// its clients send them.
type Experiment struct {
	ID               int64
	Name             string // unique, deleted ones included
	ArtifactLocation string // URI under which its runs keep their artifacts
	Lifecycle        Lifecycle
	CreatedMS        int64
	UpdatedMS        int64
	Tags             []Tag
}

// ExperimentUpdate changes an experiment; nil fields stay.
type ExperimentUpdate struct {
	Name      *string
	Lifecycle *Lifecycle
	UpdatedMS int64
}

// Tag is a named text that may be changed.
type Tag struct{ Key, Value string }

// Param is a named text of a run or logged model, written once.
type Param struct{ Key, Value string }

// CheckActive refuses an experiment that is deleted.
func (e Experiment) CheckActive() error {
	if e.Lifecycle != LifecycleActive {
		return Errorf(KindInvalid, "The experiment %d must be in the 'active' state. Current state is %s.", e.ID, e.Lifecycle)
	}
	return nil
}
