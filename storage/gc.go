package storage

import (
	"time"

	"github.com/slipway-ml/slipway/models"
)

// GCStore keeps collections of garbage and how far they are.
type GCStore interface {
	// Create adds a pending collection; a conflict where one is unfinished.
	Create(g models.GC) (models.GC, error)
	// Get finds one by id, else not_found.
	Get(id int64) (models.GC, error)
	// List gives them newest first, from below an id (0: the newest).
	List(below int64, limit int) ([]models.GC, error)
	// Unfinished gives the one that has not ended, else not_found.
	Unfinished() (models.GC, error)
	// Save writes what may change: state, reason, report and progress.
	Save(g models.GC) error
}

// PurgeStore finds and removes what nobody needs any more. What it lists
// before a time was deleted before it.
type PurgeStore interface {
	// Purgeable lists things of a kind that may go, in the order of keys after one.
	Purgeable(kind models.Garbage, before time.Time, after int64, limit int) ([]models.Purgeable, error)
	// Hide makes runs, logged models or experiments be found by nobody: they
	// can be neither restored nor registered from then on.
	Hide(kind models.Garbage, keys []int64) error
	// Remove removes the rows of things of a kind. done says that none is left:
	// where there are very many it removes a part and is called again.
	Remove(kind models.Garbage, keys []int64) (done bool, err error)
	// Logs gives the keys of the logs and attachments of versions' validations.
	Logs(versionIDs []int64) ([]string, error)

	// Doom says that these keys, files or folders, are about to be removed: from
	// then on nobody comes to cite them, here or on another server.
	Doom(keys []string) error
	// Doomed tells whether something at, above or under a path is.
	Doomed(path string) (bool, error)
	// Spare forgets all of that: what was to be removed has been.
	Spare() error

	// Digests gives the digest of every blob of an image that has a row, and
	// whether any of them is being built.
	Digests() (needed map[string]bool, building bool, err error)
	// ForgetLayers removes what is known of image layers that no image has.
	ForgetLayers(needed map[string]bool) error
	// CitedKeys tells which of these keys a manifest cites.
	CitedKeys(keys []string) (map[string]bool, error)
	// Hashing tells which of these versions have files that are hashed still.
	Hashing(versionIDs []int64) (map[int64]bool, error)
	// Owners tells which of these ids are those of runs, logged models and traces.
	Owners(ids []string) (map[string]bool, error)
	// Locations gives where experiments keep their artifacts, in the order of
	// ids after one, and the highest id ever given.
	Locations(after int64, limit int) (uris map[int64]string, highest int64, err error)
	// DataBlobs tells which of these digests a data set has.
	DataBlobs(digests []string) (map[string]bool, error)
	// ForgetDataBlobs removes what is known of blobs that no data set has.
	ForgetDataBlobs() error
	// ExpiredUploads forgets URLs that are over, by which paths could be written.
	ExpiredUploads(now time.Time) error
	// ExpiredKeys forgets Idempotency-Keys whose day is over, or only counts them.
	ExpiredKeys(now time.Time, onlyCount bool) (int64, error)
}
