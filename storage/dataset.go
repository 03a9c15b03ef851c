package storage

import "github.com/slipway-ml/slipway/models"

// DatasetStore keeps data sets, their versions and which blobs are there.
type DatasetStore interface {
	// Create adds a data set under a name that is free, else exists.
	Create(name, description string) (models.Dataset, error)
	// Get finds a data set by name, else not_found.
	Get(name string) (models.Dataset, error)
	// List gives data sets by name, after one ("": from the first).
	List(after string, limit int) ([]models.Dataset, error)

	// AddVersion adds an uploading version with its files under the next number.
	AddVersion(v models.DatasetVersion, files []models.DatasetFile) (models.DatasetVersion, error)
	// Version finds a version by name and number, uploading or committed, else
	// not_found.
	Version(ref models.DatasetRef) (models.DatasetVersion, error)
	// VersionByDigest finds a data set's version by its manifest's digest, else
	// not_found.
	VersionByDigest(datasetID int64, digest string) (models.DatasetVersion, error)
	// Versions lists a data set's versions, newest first, from below a number
	// (0: the newest).
	Versions(datasetID, below int64, limit int) ([]models.DatasetVersion, error)
	// Commit freezes an uploading version with its format and what was counted in
	// it.
	Commit(v models.DatasetVersion) error
	// Drop removes an uploading version; its number is free again.
	Drop(versionID int64) error

	// Files lists a version's files in the order of paths.
	Files(versionID int64) ([]models.DatasetFile, error)
	// Missing lists those whose blob is not there yet, one for each digest.
	Missing(versionID int64) ([]models.DatasetFile, error)
	// Blob finds a version's file by digest, and whether its bytes are there,
	// else not_found.
	Blob(versionID int64, sha256 string) (models.DatasetFile, bool, error)
	// Stored notes that a blob is there, and what was seen of a picture.
	Stored(sha256 string, seen models.ImageFacts) error
	// Pictures gives what was seen of a version's pictures, by digest.
	Pictures(versionID int64) (map[string]models.ImageFacts, error)
}
