package storage

import "github.com/slipway-ml/slipway/models"

// VerificationStore keeps verifications and how far they are.
type VerificationStore interface {
	// Create adds a pending one, or gives the unfinished one of the same scope;
	// made says which.
	Create(v models.Verification) (_ models.Verification, made bool, err error)
	// Get finds one by id, else not_found.
	Get(id int64) (models.Verification, error)
	// List gives them newest first, from below an id (0: the newest).
	List(below int64, limit int) ([]models.Verification, error)
	// Save writes what may change: state, reason, report and progress.
	Save(v models.Verification) error

	// Scope gives the ids of living versions that one is about, in their order
	// after one.
	Scope(v models.Verification, after int64, limit int) ([]int64, error)
	// Bytes is the size of the files of all of them.
	Bytes(v models.Verification) (int64, error)
}
