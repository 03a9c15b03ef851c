package sqlstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

type imageRow struct {
	ID           int64 `gorm:"primaryKey"`
	VersionID    int64
	Inputs       string
	State        models.ImageState
	Reason       string
	Digest       string
	ManifestSize int64
	ConfigDigest string
	ModelDigest  string
	Size         int64
	Layers       string
	Components   string
	Runtime      string
	Base         string
	Platform     string
	CreatedUS    int64  `gorm:"column:created_us"`
	EndedUS      *int64 `gorm:"column:ended_us"`
}

func (imageRow) TableName() string { return "image" }

// imageView adds what other tables say about an image.
type imageView struct {
	Row     imageRow `gorm:"embedded"`
	Model   string
	Version int64
}

type images struct{ *tx }

// Images implements storage.Tx.
func (t *tx) Images() storage.ImageStore { return images{t.alone()} }

// Ensure implements storage.ImageStore.
func (t images) Ensure(img models.Image) (models.Image, error) {
	now, err := t.Now()
	if err != nil {
		return img, err
	}
	img.State = models.ImagePending
	row, err := rowOfImage(img)
	if err != nil {
		return img, err
	}
	row.CreatedUS = now.UnixMicro()
	if err := t.db.Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error; err != nil {
		return img, fmt.Errorf("create an image: %w", err)
	}
	return t.one(t.query().Where("image.version_id = ? AND image.inputs = ?", img.VersionID, img.Inputs), "there is no such image")
}

// Update implements storage.ImageStore.
func (t images) Update(img models.Image) error {
	row, err := rowOfImage(img)
	if err != nil {
		return err
	}
	if img.State.Final() {
		now, err := t.Now()
		if err != nil {
			return err
		}
		us := now.UnixMicro()
		row.EndedUS = &us
	}
	return t.db.Model(&imageRow{ID: img.ID}).Select("*").Omit("id", "version_id", "inputs", "created_us").Updates(&row).Error
}

func rowOfImage(img models.Image) (imageRow, error) {
	layers, err := json.Marshal(img.Layers)
	if err != nil {
		return imageRow{}, err
	}
	components, err := json.Marshal(img.Components)
	if err != nil {
		return imageRow{}, err
	}
	return imageRow{
		VersionID: img.VersionID, Inputs: img.Inputs, State: img.State, Reason: img.Reason, Digest: img.Digest,
		ManifestSize: img.ManifestSize, ConfigDigest: img.ConfigDigest, ModelDigest: img.ModelDigest, Size: img.Size,
		Layers: string(layers), Components: string(components), Runtime: img.Runtime, Base: img.Base, Platform: img.Platform,
	}, nil
}

func (v imageView) model() (models.Image, error) {
	r := v.Row
	img := models.Image{
		ID: r.ID, VersionID: r.VersionID, Model: v.Model, Version: v.Version, Inputs: r.Inputs, State: r.State,
		Reason: r.Reason, Digest: r.Digest, ManifestSize: r.ManifestSize, ConfigDigest: r.ConfigDigest,
		ModelDigest: r.ModelDigest, Size: r.Size, Runtime: r.Runtime, Base: r.Base, Platform: r.Platform,
		CreatedAt: time.UnixMicro(r.CreatedUS).UTC(), EndedAt: timeOf(r.EndedUS),
	}
	err := errors.Join(json.Unmarshal([]byte(r.Layers), &img.Layers), json.Unmarshal([]byte(r.Components), &img.Components))
	if err != nil {
		return img, fmt.Errorf("decode image %d: %w", r.ID, err)
	}
	return img, nil
}

func (t images) query() *gorm.DB {
	return t.db.Table("image").
		Select("image.*, COALESCE(registered_model.name, registered_model.was) AS model, model_version.number AS version").
		Joins("JOIN model_version ON model_version.id = image.version_id").
		Joins("JOIN registered_model ON registered_model.id = model_version.model_id")
}

func (t images) one(q *gorm.DB, missing string) (models.Image, error) {
	var view imageView
	if err := q.Take(&view).Error; err != nil {
		return models.Image{}, notFound(err, "%s", missing)
	}
	return view.model()
}

func (t images) all(q *gorm.DB) ([]models.Image, error) {
	var views []imageView
	if err := q.Find(&views).Error; err != nil {
		return nil, err
	}
	list := make([]models.Image, len(views))
	for i, v := range views {
		var err error
		if list[i], err = v.model(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Get implements storage.ImageStore.
func (t images) Get(id int64) (models.Image, error) {
	return t.one(t.query().Where("image.id = ?", id), fmt.Sprintf("there is no image %d", id))
}

// ByDigest implements storage.ImageStore.
func (t images) ByDigest(digest string) (models.Image, error) {
	q := t.query().Where("image.digest = ? AND image.digest <> '' AND image.state = ?", digest, models.ImageReady)
	return t.one(q.Order("image.id DESC"), "there is no image "+digest)
}

// OfVersion implements storage.ImageStore.
func (t images) OfVersion(versionID, below int64, limit int) ([]models.Image, error) {
	q := t.query().Where("image.version_id = ?", versionID).Order("image.id DESC").Limit(limit)
	if below > 0 {
		q = q.Where("image.id < ?", below)
	}
	return t.all(q)
}

// Ready implements storage.ImageStore.
func (t images) Ready() ([]models.Image, error) {
	return t.all(t.query().Where("image.state = ?", models.ImageReady).Order("image.id"))
}

type imageLayerRow struct {
	Key       string `gorm:"primaryKey"`
	Kind      models.LayerKind
	Digest    string
	DiffID    string
	MediaType string
	Size      int64
}

func (imageLayerRow) TableName() string { return "image_layer" }

// Layer implements storage.ImageStore.
func (t images) Layer(key string) (models.ImageLayer, error) {
	var row imageLayerRow
	if err := t.db.Where("key = ?", key).Take(&row).Error; err != nil {
		return models.ImageLayer{}, notFound(err, "there is no such layer")
	}
	return models.ImageLayer{Kind: row.Kind, Digest: row.Digest, DiffID: row.DiffID, MediaType: row.MediaType, Size: row.Size}, nil
}

// KeepLayer implements storage.ImageStore.
func (t images) KeepLayer(key string, l models.ImageLayer) error {
	row := imageLayerRow{Key: key, Kind: l.Kind, Digest: l.Digest, DiffID: l.DiffID, MediaType: l.MediaType, Size: l.Size}
	return t.db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error
}
