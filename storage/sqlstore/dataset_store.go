package sqlstore

import (
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

type datasetRow struct {
	ID          int64 `gorm:"primaryKey"`
	Name        string
	Description string
	CreatedUS   int64 `gorm:"column:created_us"`
}

func (datasetRow) TableName() string { return "dataset" }

type datasets struct{ *tx }

// Datasets implements storage.Tx.
func (t *tx) Datasets() storage.DatasetStore { return datasets{t.alone()} }

// Create implements storage.DatasetStore.
func (t datasets) Create(name, description string) (models.Dataset, error) {
	now, err := t.Now()
	if err != nil {
		return models.Dataset{}, err
	}
	row := datasetRow{Name: name, Description: description, CreatedUS: now.UnixMicro()}
	err = t.db.Create(&row).Error
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		return models.Dataset{}, models.Errorf(models.KindExists, "there is a data set %q already; push a version of it", name)
	}
	return models.Dataset{ID: row.ID, Name: name, Description: description, CreatedAt: now}, err
}

// datasetView is a data set with the number of its newest committed version.
type datasetView struct {
	Row    datasetRow `gorm:"embedded"`
	Latest int64
	Format models.DatasetFormat
}

func (t datasets) query() *gorm.DB {
	return t.db.Table("dataset").Select(`dataset.*, COALESCE(newest.number, 0) AS latest, COALESCE(newest.format, '') AS format`).
		Joins(`LEFT JOIN dataset_version newest ON newest.dataset_id = dataset.id AND newest.number =
			(SELECT MAX(number) FROM dataset_version WHERE dataset_id = dataset.id AND state = ?)`, models.DatasetCommitted)
}

func (v datasetView) model() models.Dataset {
	return models.Dataset{
		ID: v.Row.ID, Name: v.Row.Name, Description: v.Row.Description, Latest: v.Latest, Format: v.Format,
		CreatedAt: time.UnixMicro(v.Row.CreatedUS).UTC(),
	}
}

// Get implements storage.DatasetStore.
func (t datasets) Get(name string) (models.Dataset, error) {
	var view datasetView
	if err := t.query().Where("name = ?", name).Take(&view).Error; err != nil {
		return models.Dataset{}, notFound(err, "there is no data set %q; push one (slipway dataset push DIR %s)", name, name)
	}
	return view.model(), nil
}

// List implements storage.DatasetStore.
func (t datasets) List(after string, limit int) ([]models.Dataset, error) {
	var views []datasetView
	if err := t.query().Where("name > ?", after).Order("name").Limit(limit).Find(&views).Error; err != nil {
		return nil, err
	}
	out := make([]models.Dataset, len(views))
	for i, view := range views {
		out[i] = view.model()
	}
	return out, nil
}
