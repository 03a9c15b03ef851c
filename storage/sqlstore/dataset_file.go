package sqlstore

import (
	"fmt"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/slipway-ml/slipway/models"
)

type datasetBlobRow struct {
	ID     int64  `gorm:"primaryKey"`
	SHA256 string `gorm:"column:sha256"`
	Size   int64
	Stored int // 1 when its bytes are in the artifact store
	Width  int // of an upright picture
	Height int
	Turned int    // 1 when the picture is stored lying
	Fault  string // why it does not decode
}

func (datasetBlobRow) TableName() string { return "dataset_blob" }

type datasetFileRow struct {
	VersionID int64  `gorm:"primaryKey"`
	Path      string `gorm:"primaryKey"`
	BlobID    int64
	Tags      string // a line each
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
	if err := t.db.Select("SHA256", "Size").Clauses(clause.OnConflict{DoNothing: true}).CreateInBatches(&blobs, batch).Error; err != nil {
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
		rows[i] = datasetFileRow{VersionID: versionID, Path: f.Path, BlobID: ids[f.SHA256], Tags: strings.Join(f.Tags, "\n")}
	}
	if err := t.db.CreateInBatches(&rows, batch).Error; err != nil {
		return fmt.Errorf("note the files: %w", err)
	}
	return nil
}

func (t datasets) files(versionID int64) *gorm.DB {
	return t.db.Table("dataset_file").Select("dataset_file.path, dataset_file.tags, dataset_blob.size, dataset_blob.sha256").
		Joins("JOIN dataset_blob ON dataset_blob.id = dataset_file.blob_id").
		Where("dataset_file.version_id = ?", versionID)
}

// datasetFileView is a file with its blob.
type datasetFileView struct {
	Path   string
	Tags   string
	Size   int64
	SHA256 string `gorm:"column:sha256"`
}

// Files implements storage.DatasetStore.
func (t datasets) Files(versionID int64) ([]models.DatasetFile, error) {
	var views []datasetFileView
	if err := t.files(versionID).Order("dataset_file.path").Scan(&views).Error; err != nil {
		return nil, err
	}
	out := make([]models.DatasetFile, len(views))
	for i, v := range views {
		out[i] = models.DatasetFile{Path: v.Path, Size: v.Size, SHA256: v.SHA256}
		if v.Tags != "" {
			out[i].Tags = strings.Split(v.Tags, "\n")
		}
	}
	return out, nil
}

// Missing implements storage.DatasetStore.
func (t datasets) Missing(versionID int64) ([]models.DatasetFile, error) {
	var views []datasetFileView
	err := t.db.Table("dataset_file").Select("MIN(dataset_file.path) AS path, dataset_blob.size, dataset_blob.sha256").
		Joins("JOIN dataset_blob ON dataset_blob.id = dataset_file.blob_id").
		Where("dataset_file.version_id = ? AND dataset_blob.stored = 0", versionID).
		Group("dataset_blob.size, dataset_blob.sha256").Order("path").Scan(&views).Error
	var out []models.DatasetFile
	for _, v := range views {
		out = append(out, models.DatasetFile{Path: v.Path, Size: v.Size, SHA256: v.SHA256})
	}
	return out, err
}

// Blob implements storage.DatasetStore.
func (t datasets) Blob(versionID int64, sha256 string) (models.DatasetFile, bool, error) {
	var found struct {
		File   datasetFileView `gorm:"embedded"`
		Stored int
	}
	err := t.db.Table("dataset_file").
		Select("dataset_file.path, dataset_blob.size, dataset_blob.sha256, dataset_blob.stored").
		Joins("JOIN dataset_blob ON dataset_blob.id = dataset_file.blob_id").
		Where("dataset_file.version_id = ? AND dataset_blob.sha256 = ?", versionID, sha256).Take(&found).Error
	if err != nil {
		return models.DatasetFile{}, false, notFound(err, "the manifest names no file with digest sha256:%s", sha256)
	}
	return models.DatasetFile{Path: found.File.Path, Size: found.File.Size, SHA256: found.File.SHA256}, found.Stored != 0, nil
}

// Stored implements storage.DatasetStore.
func (t datasets) Stored(sha256 string, seen models.ImageFacts) error {
	turned := 0
	if seen.Turned {
		turned = 1
	}
	return t.db.Model(&datasetBlobRow{}).Where("sha256 = ?", sha256).Updates(map[string]any{
		"stored": 1, "width": seen.Width, "height": seen.Height, "turned": turned, "fault": seen.Fault,
	}).Error
}

// Pictures implements storage.DatasetStore.
func (t datasets) Pictures(versionID int64) (map[string]models.ImageFacts, error) {
	var rows []datasetBlobRow
	err := t.db.Where("id IN (?) AND (width > 0 OR fault <> '')",
		t.db.Model(&datasetFileRow{}).Where("version_id = ?", versionID).Select("blob_id")).Find(&rows).Error
	out := make(map[string]models.ImageFacts, len(rows))
	for _, r := range rows {
		out[r.SHA256] = models.ImageFacts{Width: r.Width, Height: r.Height, Turned: r.Turned != 0, Fault: r.Fault}
	}
	return out, err
}
