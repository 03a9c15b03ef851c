package sqlstore

import (
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/slipway-ml/slipway/models"
)

type datasetVersionRow struct {
	ID          int64 `gorm:"primaryKey"`
	DatasetID   int64
	Number      int64
	State       models.DatasetState
	Digest      string
	Settings    string
	Format      models.DatasetFormat
	Classes     string
	Files       int64
	Images      int64
	Backgrounds int64
	Boxes       int64
	Bytes       int64
	Summary     string
	CreatedUS   int64 `gorm:"column:created_us"`
	CreatedBy   string
	CommittedUS *int64 `gorm:"column:committed_us"`
}

func (datasetVersionRow) TableName() string { return "dataset_version" }

// AddVersion implements storage.DatasetStore.
func (t datasets) AddVersion(v models.DatasetVersion, files []models.DatasetFile) (models.DatasetVersion, error) {
	if err := t.lock("dataset", v.DatasetID); err != nil {
		return v, err
	}
	var err error
	if v.CreatedAt, err = t.Now(); err != nil {
		return v, err
	}
	if v.Number, err = t.next(&datasetVersionRow{}, "dataset_id", v.DatasetID); err != nil {
		return v, err
	}
	settings, err := json.Marshal(v.Settings)
	if err != nil {
		return v, fmt.Errorf("encode the settings: %w", err)
	}
	v.Classes, v.State, v.CreatedBy = []string{}, models.DatasetUploading, models.PrincipalOf(t.ctx).Name
	row := datasetVersionRow{
		DatasetID: v.DatasetID, Number: v.Number, State: v.State, Digest: v.Digest, Settings: string(settings),
		Classes: "[]", Files: v.Files, Bytes: v.Bytes, Summary: "{}",
		CreatedUS: v.CreatedAt.UnixMicro(), CreatedBy: v.CreatedBy,
	}
	if err := t.db.Create(&row).Error; err != nil {
		return v, fmt.Errorf("add version %d of data set %q: %w", v.Number, v.Dataset, err)
	}
	v.ID = row.ID
	return v, t.addFiles(v.ID, files)
}

type datasetVersionView struct {
	Row     datasetVersionRow `gorm:"embedded"`
	Dataset string
}

func (t datasets) versions() *gorm.DB {
	return t.db.Table("dataset_version").Select("dataset_version.*, dataset.name AS dataset").
		Joins("JOIN dataset ON dataset.id = dataset_version.dataset_id")
}

func (v datasetVersionView) model() (models.DatasetVersion, error) {
	out := models.DatasetVersion{
		ID: v.Row.ID, DatasetID: v.Row.DatasetID, Dataset: v.Dataset, Number: v.Row.Number, State: v.Row.State, Digest: v.Row.Digest,
		Format: v.Row.Format, Files: v.Row.Files, Images: v.Row.Images, Backgrounds: v.Row.Backgrounds, Boxes: v.Row.Boxes, Bytes: v.Row.Bytes,
		CreatedAt: time.UnixMicro(v.Row.CreatedUS).UTC(), CreatedBy: v.Row.CreatedBy,
		CommittedAt: timeOf(v.Row.CommittedUS),
	}
	for text, target := range map[string]any{v.Row.Classes: &out.Classes, v.Row.Settings: &out.Settings, v.Row.Summary: &out.Summary} {
		if err := json.Unmarshal([]byte(text), target); err != nil {
			return out, fmt.Errorf("decode data set version %d: %w", v.Row.ID, err)
		}
	}
	return out, nil
}

// Version implements storage.DatasetStore.
func (t datasets) Version(ref models.DatasetRef) (models.DatasetVersion, error) {
	var view datasetVersionView
	err := t.versions().Where("dataset.name = ? AND number = ?", ref.Name, ref.Version).Take(&view).Error
	if err != nil {
		return models.DatasetVersion{}, notFound(err, "there is no data set %s; push it (slipway dataset push DIR %s)", ref, ref.Name)
	}
	return view.model()
}

// VersionByDigest implements storage.DatasetStore.
func (t datasets) VersionByDigest(datasetID int64, digest string) (models.DatasetVersion, error) {
	var view datasetVersionView
	if err := t.versions().Where("dataset_id = ? AND digest = ?", datasetID, digest).Take(&view).Error; err != nil {
		return models.DatasetVersion{}, notFound(err, "the data set has no version with digest %s", digest)
	}
	return view.model()
}

// Versions implements storage.DatasetStore.
func (t datasets) Versions(datasetID, below int64, limit int) ([]models.DatasetVersion, error) {
	q := t.versions().Where("dataset_id = ?", datasetID).Order("number DESC").Limit(limit)
	if below > 0 {
		q = q.Where("number < ?", below)
	}
	var views []datasetVersionView
	if err := q.Find(&views).Error; err != nil {
		return nil, err
	}
	out := make([]models.DatasetVersion, len(views))
	for i, view := range views {
		var err error
		if out[i], err = view.model(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Commit implements storage.DatasetStore.
func (t datasets) Commit(v models.DatasetVersion) error {
	classes, err := json.Marshal(v.Classes)
	if err != nil {
		return fmt.Errorf("encode the classes: %w", err)
	}
	summary, err := json.Marshal(v.Summary)
	if err != nil {
		return fmt.Errorf("encode the summary: %w", err)
	}
	now, err := t.Now()
	if err != nil {
		return err
	}
	return t.db.Model(&datasetVersionRow{}).Where("id = ? AND state = ?", v.ID, models.DatasetUploading).Updates(map[string]any{
		"committed_us": now.UnixMicro(),
		"state":        models.DatasetCommitted, "format": v.Format, "classes": string(classes), "summary": string(summary),
		"images": v.Images, "backgrounds": v.Backgrounds, "boxes": v.Boxes,
	}).Error
}

// Drop implements storage.DatasetStore.
func (t datasets) Drop(versionID int64) error {
	pending := t.db.Model(&datasetVersionRow{}).Where("id = ? AND state = ?", versionID, models.DatasetUploading).Select("id")
	if err := t.db.Where("version_id IN (?)", pending).Delete(&datasetFileRow{}).Error; err != nil {
		return err
	}
	return t.db.Where("id = ? AND state = ?", versionID, models.DatasetUploading).Delete(&datasetVersionRow{}).Error
}
