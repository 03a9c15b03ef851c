package storage

import "github.com/slipway-ml/slipway/models"

// ValidationStore keeps validations, their steps and what those measured.
type ValidationStore interface {
	// Create adds a queued validation with its steps.
	Create(v models.Validation) (models.Validation, error)
	// Get finds a validation with its steps, else not_found.
	Get(id int64) (models.Validation, error)
	// List gives a version's validations without their steps, newest first,
	// from below an id (0: the newest).
	List(versionID, below int64, limit int) ([]models.Validation, error)
	// Latest gives a version's newest validation with its steps, else not_found.
	Latest(versionID int64) (models.Validation, error)
	// SetState moves a validation on; a final one is a conflict.
	SetState(id int64, state models.ValidationState, reason string) error
	// SetMachine notes where it runs.
	SetMachine(id int64, machine map[string]string) error
	// Cancel notes that somebody asked for it; a final one is a conflict.
	Cancel(id int64) error

	// StartStep notes that a step begins (again).
	StartStep(id int64, index int, logKey string) error
	// Progress notes how far a running step is.
	Progress(id int64, index int, p models.Progress) error
	// EndStep keeps a step's report and verdict.
	EndStep(s models.StepResult) error

	// Measured finds what a version measured under a key (a check with all its
	// inputs), newest first, else not_found.
	Measured(versionID int64, key string) ([]models.Measurement, error)
	// MeasuredStep finds the step that did.
	MeasuredStep(versionID int64, key string) (models.StepResult, error)
	// Result finds the newest step that passed or failed with these inputs, of
	// any version, else not_found.
	Result(inputsKey string) (models.StepResult, error)
	// Waive adds a waiver of a step, which takes the place of earlier ones.
	Waive(id int64, index int, w models.Waiver) error
}
