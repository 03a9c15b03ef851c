package sqlstore

import (
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

type evaluationDatasetRow struct {
	ID         int64 `gorm:"primaryKey"`
	UUID       string
	Name       string
	SchemaText *string
	Profile    *string
	Digest     string
	CreatedMS  int64 `gorm:"column:created_ms"`
	UpdatedMS  int64 `gorm:"column:updated_ms"`
	CreatedBy  *string
	UpdatedBy  *string
}

func (evaluationDatasetRow) TableName() string { return "evaluation_dataset" }

func (r evaluationDatasetRow) model() models.EvaluationDataset {
	return models.EvaluationDataset{
		Key: r.ID, ID: r.UUID, Name: r.Name, Schema: textOf(r.SchemaText), Profile: textOf(r.Profile), Digest: r.Digest,
		CreatedMS: r.CreatedMS, UpdatedMS: r.UpdatedMS, CreatedBy: textOf(r.CreatedBy), UpdatedBy: textOf(r.UpdatedBy),
	}
}

func textOf(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

type evaluationDatasets struct{ *tx }

// EvaluationDatasets implements storage.EvaluationTx.
func (t *tx) EvaluationDatasets() storage.EvaluationDatasetStore {
	return evaluationDatasets{t.alone()}
}

// Create implements storage.EvaluationDatasetStore.
func (t evaluationDatasets) Create(d models.EvaluationDataset) (int64, error) {
	row := evaluationDatasetRow{
		UUID: d.ID, Name: d.Name, SchemaText: orNull(d.Schema), Profile: orNull(d.Profile), Digest: d.Digest,
		CreatedMS: d.CreatedMS, UpdatedMS: d.UpdatedMS, CreatedBy: orNull(d.CreatedBy), UpdatedBy: orNull(d.UpdatedBy),
	}
	if err := t.db.Create(&row).Error; err != nil {
		return 0, err
	}
	for _, tag := range d.Tags {
		if err := t.SetTag(row.ID, tag); err != nil {
			return 0, err
		}
	}
	return row.ID, t.AddTo(row.ID, d.ExperimentIDs)
}

// Find implements storage.EvaluationDatasetStore.
func (t evaluationDatasets) Find(id string) (models.EvaluationDataset, error) {
	var row evaluationDatasetRow
	if err := t.db.Where("uuid = ?", id).Take(&row).Error; err != nil {
		return models.EvaluationDataset{}, notFound(err, "Evaluation dataset with id '%.100s' not found", id)
	}
	list := []models.EvaluationDataset{row.model()}
	err := t.load(list)
	return list[0], err
}

// load fills the tags and experiments of datasets.
func (t evaluationDatasets) load(list []models.EvaluationDataset) error {
	ids := make([]int64, len(list))
	at := make(map[int64]*models.EvaluationDataset, len(list))
	for i := range list {
		ids[i], at[list[i].Key] = list[i].Key, &list[i]
	}
	err := t.scan("SELECT dataset_id, key, value FROM evaluation_dataset_tag WHERE dataset_id "+t.inInts()+" ORDER BY dataset_id, key",
		[]any{jsonList(ids)}, func(scan scanner) error {
			var key int64
			var tag models.Tag
			err := scan(&key, &tag.Key, &tag.Value)
			at[key].Tags = append(at[key].Tags, tag)
			return err
		})
	if err != nil {
		return err
	}
	return t.scan("SELECT dataset_id, experiment_id FROM evaluation_dataset_experiment WHERE dataset_id "+t.inInts()+" ORDER BY dataset_id, experiment_id",
		[]any{jsonList(ids)}, func(scan scanner) error {
			var key, experiment int64
			err := scan(&key, &experiment)
			at[key].ExperimentIDs = append(at[key].ExperimentIDs, experiment)
			return err
		})
}

// Save implements storage.EvaluationDatasetStore.
func (t evaluationDatasets) Save(d models.EvaluationDataset) error {
	_, err := t.exec("UPDATE evaluation_dataset SET schema_text = ?, profile = ?, digest = ?, updated_ms = ?, updated_by = ? WHERE id = ?",
		orNull(d.Schema), orNull(d.Profile), d.Digest, d.UpdatedMS, orNull(d.UpdatedBy), d.Key)
	return err
}

// Delete implements storage.EvaluationDatasetStore.
func (t evaluationDatasets) Delete(key int64) error {
	_, err := t.exec("DELETE FROM evaluation_dataset WHERE id = ?", key)
	return err
}

// SetTag implements storage.EvaluationDatasetStore.
func (t evaluationDatasets) SetTag(key int64, tag models.Tag) error {
	_, err := t.exec(`INSERT INTO evaluation_dataset_tag (dataset_id, key, value) VALUES (?, ?, ?)
		ON CONFLICT (dataset_id, key) DO UPDATE SET value = excluded.value`, key, tag.Key, tag.Value)
	return err
}

// DeleteTag implements storage.EvaluationDatasetStore.
func (t evaluationDatasets) DeleteTag(key int64, name string) error {
	_, err := t.exec("DELETE FROM evaluation_dataset_tag WHERE dataset_id = ? AND key = ?", key, name)
	return err
}

// AddTo implements storage.EvaluationDatasetStore.
func (t evaluationDatasets) AddTo(key int64, experimentIDs []int64) error {
	rows := make([][]any, len(experimentIDs))
	for i, id := range experimentIDs {
		rows[i] = []any{key, id}
	}
	return t.insert("INSERT INTO evaluation_dataset_experiment (dataset_id, experiment_id)", "ON CONFLICT DO NOTHING", rows)
}

// RemoveFrom implements storage.EvaluationDatasetStore.
func (t evaluationDatasets) RemoveFrom(key int64, experimentIDs []int64) (int64, error) {
	return t.exec("DELETE FROM evaluation_dataset_experiment WHERE dataset_id = ? AND experiment_id "+t.inInts(), key, jsonList(experimentIDs))
}

// Search implements storage.EvaluationDatasetStore.
func (t evaluationDatasets) Search(q models.Search) ([]models.EvaluationDataset, models.Position, error) {
	s, err := t.compile(searchable{
		table: "evaluation_dataset",
		attribute: map[string]column{
			"name": {expr: "evaluation_dataset.name"}, "id": {expr: "evaluation_dataset.uuid", kind: ofID},
			"created_by": {expr: "evaluation_dataset.created_by"}, "last_updated_by": {expr: "evaluation_dataset.updated_by"},
			"created_time":     {expr: "evaluation_dataset.created_ms", kind: ofInt},
			"last_update_time": {expr: "evaluation_dataset.updated_ms", kind: ofInt},
		},
		owned: map[models.Entity]ownedTable{models.EntityTag: {table: "evaluation_dataset_tag", owner: "dataset_id", textKey: true}},
		order: datasetOrder(q),
	}, q)
	if err != nil {
		return nil, nil, err
	}
	if len(q.ExperimentIDs) > 0 {
		s.and("EXISTS (SELECT 1 FROM evaluation_dataset_experiment x WHERE x.dataset_id = evaluation_dataset.id AND x.experiment_id "+t.inInts()+")",
			jsonList(q.ExperimentIDs))
	}
	ids, next, err := t.pick(s)
	if err != nil || len(ids) == 0 {
		return nil, nil, err
	}
	var rows []evaluationDatasetRow
	if err := t.db.Where("id "+t.inInts(), jsonList(ids)).Find(&rows).Error; err != nil {
		return nil, nil, err
	}
	list := make([]models.EvaluationDataset, len(rows))
	for i, r := range inOrderOf(ids, rows, func(r evaluationDatasetRow) int64 { return r.ID }) {
		list[i] = r.model()
	}
	return list, next, t.load(list)
}

// datasetOrder is the newest first, where nothing else is asked for.
func datasetOrder(q models.Search) []models.Order {
	order := []models.Order{attribute("id", true)}
	if len(q.Order) == 0 {
		order = append([]models.Order{attribute("created_time", true)}, order...)
	}
	return order
}
