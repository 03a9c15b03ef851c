package storage

import "github.com/slipway-ml/slipway/models"

// EnvironmentStore keeps environments that a promotion has named, and the
// versions that are quarantined there.
type EnvironmentStore interface {
	// Ensure gives the environment of a model by this name, made where there
	// is none.
	Ensure(modelID int64, name string) (models.Environment, error)
	// Find gives the environment of a model by name, else not_found.
	Find(modelID int64, name string) (models.Environment, error)
	// Get finds an environment by id, else not_found.
	Get(id int64) (models.Environment, error)
	// All lists every environment that has had a promotion.
	All() ([]models.Environment, error)
	// SetStable says which release takes the traffic.
	SetStable(id, releaseID int64) error

	// Quarantine keeps a version out; one that is kept out already stays so.
	Quarantine(q models.Quarantine) error
	// Quarantined lists the versions that are kept out, oldest first.
	Quarantined(id int64) ([]models.Quarantine, error)
	// Lift lets a version in again, else not_found.
	Lift(id, versionID int64, reason string) error
}

// ReleaseStore keeps releases, which never change, and the life of each, which
// does.
type ReleaseStore interface {
	// Create adds a release under its environment's next number.
	Create(r models.Release) (models.Release, error)
	// Get finds a release by id, else not_found.
	Get(id int64) (models.Release, error)
	// ByNumber finds a release of an environment, else not_found.
	ByNumber(environmentID, number int64) (models.Release, error)
	// List gives an environment's releases, newest first, from below a number
	// (0: the newest).
	List(environmentID, below int64, limit int) ([]models.Release, error)
	// Up lists every release whose instances have not all been stopped.
	Up() ([]models.Release, error)
	// SetLife changes a release's life.
	SetLife(id int64, life models.ReleaseLife) error
	// Needing lists the releases of a version that are up, or that a rollback
	// could bring back.
	Needing(versionID int64) ([]models.Release, error)
}

// PromotionStore keeps promotions.
type PromotionStore interface {
	// Create adds a promotion, requested now by the context's principal.
	Create(p models.Promotion) (models.Promotion, error)
	// Get finds a promotion by id, else not_found.
	Get(id int64) (models.Promotion, error)
	// Lock is Get for a change: nobody else changes it until the end of the
	// transaction.
	Lock(id int64) (models.Promotion, error)
	// Save writes what may change of a promotion and dates it. A second active
	// one of an environment is a conflict.
	Save(p models.Promotion) error
	// Active gives an environment's promotion whose rollout is under way, else
	// not_found.
	Active(environmentID int64) (models.Promotion, error)
	// List gives promotions, newest first.
	List(f models.PromotionFilter) ([]models.Promotion, error)
}
