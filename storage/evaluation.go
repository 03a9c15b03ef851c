package storage

import "github.com/slipway-ml/slipway/models"

// EvaluationTx is the part of Tx that holds what models and agents are
// evaluated by.
type EvaluationTx interface {
	EvaluationDatasets() EvaluationDatasetStore
	Issues() IssueStore
	Scorers() ScorerStore
}

// EvaluationDatasetStore keeps evaluation datasets and their records. An
// unknown id is not_found.
type EvaluationDatasetStore interface {
	// Create stores a dataset with its tags and experiments and gives its key.
	Create(d models.EvaluationDataset) (int64, error)
	Find(id string) (models.EvaluationDataset, error)
	// Save writes what may change: schema, profile, digest, when and by whom.
	Save(d models.EvaluationDataset) error
	// Delete removes a dataset with its records.
	Delete(key int64) error
	// SetTag sets a tag, DeleteTag removes it; an absent one is no error.
	SetTag(key int64, tag models.Tag) error
	DeleteTag(key int64, name string) error
	// AddTo puts a dataset into experiments that exist, RemoveFrom takes it out
	// of those it is in, and tells of how many.
	AddTo(key int64, experimentIDs []int64) error
	RemoveFrom(key int64, experimentIDs []int64) (int64, error)
	Search(q models.Search) ([]models.EvaluationDataset, models.Position, error)

	// RecordsByHash finds the records with these inputs.
	RecordsByHash(key int64, hashes []string) ([]models.EvaluationRecord, error)
	// AddRecords stores new records, SaveRecord what may change of one.
	AddRecords(key int64, list []models.EvaluationRecord) error
	SaveRecord(r models.EvaluationRecord) error
	// Records lists a page of records, the oldest first.
	Records(key int64, q models.Search) ([]models.EvaluationRecord, models.Position, error)
	// DeleteRecords removes the records of these ids and tells how many there were.
	DeleteRecords(key int64, ids []string) (int64, error)
	CountRecords(key int64) (int64, error)
}

// IssueStore keeps issues. An unknown id is not_found.
type IssueStore interface {
	Create(i models.Issue) error
	Find(id string) (models.Issue, error)
	Update(key int64, u models.IssueUpdate) error
	// Search finds issues, the worst first, then the newest; byTraces counts
	// each one's traces, and of equally bad ones that with the most comes first.
	Search(q models.Search, byTraces bool) ([]models.Issue, models.Position, error)
}

// ScorerStore keeps scorers and their versions.
type ScorerStore interface {
	// Find gives a scorer of an experiment, else not_found.
	Find(experimentID int64, name string) (models.Scorer, error)
	// Create stores a scorer without versions and gives its key.
	Create(s models.Scorer) (int64, error)
	// AddVersion stores a version with the next number, and gives it.
	AddVersion(key int64, serialized string, atMS int64) (number int64, err error)
	// Versions lists a scorer's versions, the lowest first.
	Versions(s models.Scorer) ([]models.ScorerVersion, error)
	// Latest lists the highest version of each scorer in these experiments, nil
	// for all, by experiment and name. Deleted experiments have none.
	Latest(experimentIDs []int64) ([]models.ScorerVersion, error)
	// DeleteVersion tells whether there was one.
	DeleteVersion(key, number int64) (bool, error)
	// Delete removes a scorer with its versions.
	Delete(key int64) error
	// SetOnline replaces a scorer's online scoring.
	SetOnline(key int64, o models.OnlineScoring) error
	// WithOnline lists those of these scorers that have online scoring.
	WithOnline(ids []string) ([]models.Scorer, error)
}
