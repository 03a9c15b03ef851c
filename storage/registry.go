package storage

import (
	"time"

	"github.com/slipway-ml/slipway/models"
)

// RegisteredModelStore keeps registered models, with their tags and aliases.
// Deleting one frees its name; what refers to its id goes on doing so.
type RegisteredModelStore interface {
	// Create adds a model under a name that is free, else exists.
	Create(m models.RegisteredModel) (models.RegisteredModel, error)
	// Get finds a model by name, else not_found.
	Get(name string) (models.RegisteredModel, error)
	// ByID finds a model by id, else not_found.
	ByID(id int64) (models.RegisteredModel, error)
	// Update changes a model and dates it; exists where the new name is taken.
	Update(id int64, u models.RegisteredModelUpdate) error
	// Delete removes a model with its versions, tags and aliases.
	Delete(id int64) error
	// SetTag sets a tag.
	SetTag(id int64, key, value string) error
	// DeleteTag removes a tag; a missing one is no error.
	DeleteTag(id int64, key string) error
	// SetAlias points an alias at a version of the model, else not_found.
	SetAlias(id int64, alias string, version int64) error
	// DeleteAlias removes an alias; a missing one is no error.
	DeleteAlias(id int64, alias string) error
	// Search selects models, by name where q says nothing else.
	Search(q models.Search) ([]models.RegisteredModel, models.Position, error)
}

// VersionStore keeps model versions. A number is given once: a deleted version
// leaves a tombstone that nothing here finds.
type VersionStore interface {
	// Create adds a version under the model's next number and dates the model.
	Create(v models.Version) (models.Version, error)
	// Get finds a version by id, else not_found.
	Get(id int64) (models.Version, error)
	// ByNumber finds a version by model name and number, else not_found.
	ByNumber(model string, number int64) (models.Version, error)
	// Latest gives the highest version of each stage asked for; all without.
	Latest(modelID int64, stages ...models.Stage) ([]models.Version, error)
	// LatestOf is Latest for several models, by their ids.
	LatestOf(modelIDs []int64, stages ...models.Stage) (map[int64][]models.Version, error)
	// Search selects versions, those changed last first where q says nothing
	// else, then by name, and the highest number first.
	Search(q models.Search) ([]models.Version, models.Position, error)
	// Newest gives the highest version of all stages, else not_found.
	Newest(modelID int64) (models.Version, error)
	// Update changes a version and dates it, and its model where the stage is
	// another.
	Update(id int64, u models.VersionUpdate) error
	// Restage moves all of a model's versions in one stage to another, but for
	// the one of this id.
	Restage(modelID int64, from, to models.Stage, exceptID int64) error
	// Delete removes a version and its aliases and dates the model.
	Delete(id int64) error
	// SetTag sets a tag.
	SetTag(id int64, key, value string) error
	// DeleteTag removes a tag; a missing one is no error.
	DeleteTag(id int64, key string) error
	// SetFiles says what we hold of the version's files, and their digest.
	SetFiles(id int64, state models.FilesState, digest string) error
}

// ManifestStore keeps the frozen list of files of each version.
type ManifestStore interface {
	// Put writes a version's entries, once.
	Put(versionID int64, entries []models.ManifestEntry) error
	// Get reads a version's entries in the order of paths.
	Get(versionID int64) ([]models.ManifestEntry, error)
	// Seal records the digest and the resting place of one entry that was not
	// hashed, unless its bytes have been moved from a key meanwhile.
	Seal(versionID int64, from string, e models.ManifestEntry) error
	// Cited gives one entry for each key at or under a path that a living
	// version cites.
	Cited(path string) ([]models.ManifestEntry, error)
	// Move makes every entry of one key with these bytes cite another.
	Move(key, sha256, to string) error
}

// ArtifactStore keeps the digests of files that came through us.
type ArtifactStore interface {
	// Put records a file, in place of what its key said before.
	Put(a models.Artifact) error
	// Under gives the files at or under a path, in the order of keys.
	Under(path string) ([]models.Artifact, error)
	// Page gives the files at or under a path whose keys come after one, in the
	// order of keys, limit of them at most.
	Page(path, after string, limit int) ([]models.Artifact, error)
	// Forget removes what stands at or under a path.
	Forget(path string) error
	// ForgetKeys removes what stands at these keys.
	ForgetKeys(keys []string) error
	// AllowUpload says that until a time somebody may write a key past us, and
	// forgets what was recorded of it.
	AllowUpload(key string, until time.Time) error
	// Writable gives the keys at or under a path that somebody may still write
	// past us.
	Writable(path string) (map[string]bool, error)
}
