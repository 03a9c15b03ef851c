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

type pipelineRow struct {
	ID        int64 `gorm:"primaryKey"`
	ModelID   int64
	Number    int64
	Document  []byte
	MediaType string
	Digest    string
	Spec      string
	CreatedUS int64 `gorm:"column:created_us"`
	CreatedBy string
}

func (pipelineRow) TableName() string { return "pipeline" }

type pipelines struct{ *tx }

// Pipelines implements storage.Tx.
func (t *tx) Pipelines() storage.PipelineStore { return pipelines{t.alone()} }

// Add implements storage.PipelineStore.
func (t pipelines) Add(rev models.PipelineRevision) (models.PipelineRevision, error) {
	spec, err := json.Marshal(rev.Pipeline)
	if err != nil {
		return rev, fmt.Errorf("encode the pipeline: %w", err)
	}
	if err := t.lock("registered_model", rev.ModelID); err != nil {
		return rev, err
	}
	if rev.CreatedAt, err = t.Now(); err != nil {
		return rev, err
	}
	if rev.Number, err = t.next(&pipelineRow{}, "model_id", rev.ModelID); err != nil {
		return rev, err
	}
	rev.CreatedBy = models.PrincipalOf(t.ctx).Name
	row := pipelineRow{
		ModelID: rev.ModelID, Number: rev.Number, Document: rev.Document, MediaType: rev.MediaType, Digest: rev.Digest,
		Spec: string(spec), CreatedUS: rev.CreatedAt.UnixMicro(), CreatedBy: rev.CreatedBy,
	}
	if err := t.db.Create(&row).Error; err != nil {
		return rev, fmt.Errorf("keep the pipeline of %q: %w", rev.Model, err)
	}
	rev.ID = row.ID
	return rev, nil
}

// Current implements storage.PipelineStore.
func (t pipelines) Current(modelID int64) (models.PipelineRevision, error) {
	return t.one(t.db.Where("model_id = ?", modelID).Order("number DESC"), "the model has no pipeline; apply one (slipway pipeline apply)")
}

// Revision implements storage.PipelineStore.
func (t pipelines) Revision(id int64) (models.PipelineRevision, error) {
	return t.one(t.db.Where("id = ?", id), "there is no such pipeline revision")
}

func (t pipelines) one(q *gorm.DB, missing string) (models.PipelineRevision, error) {
	var row pipelineRow
	if err := q.Take(&row).Error; err != nil {
		return models.PipelineRevision{}, notFound(err, "%s", missing)
	}
	return row.model()
}

// Revisions implements storage.PipelineStore.
func (t pipelines) Revisions(modelID, below int64, limit int) ([]models.PipelineRevision, error) {
	q := t.db.Where("model_id = ?", modelID).Order("number DESC").Limit(limit)
	if below > 0 {
		q = q.Where("number < ?", below)
	}
	var rows []pipelineRow
	if err := q.Find(&rows).Error; err != nil {
		return nil, err
	}
	revisions := make([]models.PipelineRevision, len(rows))
	for i, row := range rows {
		var err error
		if revisions[i], err = row.model(); err != nil {
			return nil, err
		}
	}
	return revisions, nil
}

func (r pipelineRow) model() (models.PipelineRevision, error) {
	rev := models.PipelineRevision{
		ID: r.ID, ModelID: r.ModelID, Number: r.Number, Document: r.Document, MediaType: r.MediaType, Digest: r.Digest,
		CreatedAt: time.UnixMicro(r.CreatedUS).UTC(), CreatedBy: r.CreatedBy,
	}
	if err := json.Unmarshal([]byte(r.Spec), &rev.Pipeline); err != nil {
		return rev, fmt.Errorf("decode pipeline %d: %w", r.ID, err)
	}
	rev.Model = rev.Pipeline.Model
	return rev, nil
}

// lock makes other transactions wait that number things of the same parent;
// SQLite, with its one writer, takes none.
func (t *tx) lock(table string, id int64) error {
	var locked int64
	q := t.db.Table(table).Clauses(clause.Locking{Strength: "UPDATE"}).Where("id = ?", id).Select("id")
	return q.Scan(&locked).Error
}

// next gives the number after the highest of a parent's rows.
func (t *tx) next(row any, parent string, id int64) (int64, error) {
	var highest int64
	err := t.db.Model(row).Where(parent+" = ?", id).Select("COALESCE(MAX(number), 0)").Scan(&highest).Error
	return highest + 1, err
}

// notFound says in words that a row is missing; other errors pass.
func notFound(err error, format string, args ...any) error {
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return models.Errorf(models.KindNotFound, format, args...)
	}
	return err
}
