package sqlstore

import (
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/slipway-ml/slipway/models"
)

type datasetBlobRow struct {
	ID     int64  `gorm:"primaryKey"`
	SHA256 string `gorm:"column:sha256"`
	Size   int64
	Stored int // 1 when its bytes are in the artifact store
}

func (datasetBlobRow) TableName() string { return "dataset_blob" }

type datasetFileRow struct {
	VersionID int64  `gorm:"primaryKey"`
	Path      string `gorm:"primaryKey"`
	BlobID    int64
}

func (datasetFileRow) TableName() string { return "dataset_file" }

// batch keeps a statement's parameters under SQLite's bound.
const batch = 5000

// addFiles writes a version's files, and a row for each digest not seen yet.
func (t datasets) addFiles(versionID int64, files []models.DatasetFile) error {
	blobs := make([]datasetBlobRow, len(files))
	digests := make([]string, len(files))
	for i, f := range files {
		blobs[i], digests[i] = datasetBlobRow{SHA256: f.SHA256, Size: f.Size}, f.SHA256
	}
	if err := t.db.Clauses(clause.OnConflict{DoNothing: true}).CreateInBatches(&blobs, batch).Error; err != nil {
		return fmt.Errorf("note the blobs: %w", err)
	}
	ids := make(map[string]int64, len(digests))
	for first := 0; first < len(digests); first += batch {
		var known []datasetBlobRow
		if err := t.db.Where("sha256 IN ?", digests[first:min(first+batch, len(digests))]).Find(&known).Error; err != nil {
			return err
		}
		for _, b := range known {
			ids[b.SHA256] = b.ID
		}
	}
	rows := make([]datasetFileRow, len(files))
	for i, f := range files {
		rows[i] = datasetFileRow{VersionID: versionID, Path: f.Path, BlobID: ids[f.SHA256]}
	}
	if err := t.db.CreateInBatches(&rows, batch).Error; err != nil {
		return fmt.Errorf("note the files: %w", err)
	}
	return nil
}

func (t datasets) files(versionID int64) *gorm.DB {
	return t.db.Table("dataset_file").Select("dataset_file.path, dataset_blob.size, dataset_blob.sha256").
		Joins("JOIN dataset_blob ON dataset_blob.id = dataset_file.blob_id").
		Where("dataset_file.version_id = ?", versionID)
}

// Files implements storage.DatasetStore.
func (t datasets) Files(versionID int64) ([]models.DatasetFile, error) {
	var out []models.DatasetFile
	err := t.files(versionID).Order("dataset_file.path").Scan(&out).Error
	return out, err
}

// Missing implements storage.DatasetStore.
func (t datasets) Missing(versionID int64) ([]models.DatasetFile, error) {
	var out []models.DatasetFile
	err := t.db.Table("dataset_file").Select("MIN(dataset_file.path) AS path, dataset_blob.size, dataset_blob.sha256").
		Joins("JOIN dataset_blob ON dataset_blob.id = dataset_file.blob_id").
		Where("dataset_file.version_id = ? AND dataset_blob.stored = 0", versionID).
		Group("dataset_blob.size, dataset_blob.sha256").Order("path").Scan(&out).Error
	return out, err
}

// Blob implements storage.DatasetStore.
func (t datasets) Blob(versionID int64, sha256 string) (models.DatasetFile, bool, error) {
	var found struct {
		models.DatasetFile
		Stored int
	}
	err := t.db.Table("dataset_file").
		Select("dataset_file.path, dataset_blob.size, dataset_blob.sha256, dataset_blob.stored").
		Joins("JOIN dataset_blob ON dataset_blob.id = dataset_file.blob_id").
		Where("dataset_file.version_id = ? AND dataset_blob.sha256 = ?", versionID, sha256).Take(&found).Error
	if err != nil {
		return models.DatasetFile{}, false, notFound(err, "the manifest names no file with digest sha256:%s", sha256)
	}
	return found.DatasetFile, found.Stored != 0, nil
}

// Stored implements storage.DatasetStore.
func (t datasets) Stored(sha256 string) error {
	return t.db.Model(&datasetBlobRow{}).Where("sha256 = ?", sha256).Update("stored", 1).Error
}
