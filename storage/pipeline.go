package storage

import "github.com/slipway-ml/slipway/models"

// PipelineStore keeps the revisions of each registered model's pipeline.
type PipelineStore interface {
	// Add keeps a revision under the model's next number.
	Add(rev models.PipelineRevision) (models.PipelineRevision, error)
	// Current gives a model's newest revision, else not_found.
	Current(modelID int64) (models.PipelineRevision, error)
	// Revision gives a revision by id, else not_found.
	Revision(id int64) (models.PipelineRevision, error)
	// Revisions lists a model's revisions, newest first, from below a number
	// (0: the newest).
	Revisions(modelID, below int64, limit int) ([]models.PipelineRevision, error)
}
