package sqlstore

import (
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

type loggedModelRow struct {
	ID            int64  `gorm:"primaryKey"`
	UUID          string `gorm:"column:uuid"`
	ExperimentID  int64
	Name          string
	ModelType     string
	Status        string // without the prefix, as filters say it
	StatusMessage string
	SourceRunID   string
	ArtifactURI   string
	CreatedMS     int64  `gorm:"column:created_ms"`
	UpdatedMS     int64  `gorm:"column:updated_ms"`
	DeletedMS     *int64 `gorm:"column:deleted_ms"`
}

func (loggedModelRow) TableName() string { return "logged_model" }

const statusPrefix = "LOGGED_MODEL_"

func (r loggedModelRow) model() models.LoggedModel {
	return models.LoggedModel{
		Key: r.ID, ID: r.UUID, ExperimentID: r.ExperimentID, Name: r.Name, Type: r.ModelType,
		Status: models.LoggedModelStatus(statusPrefix + r.Status), StatusMessage: r.StatusMessage,
		SourceRunID: r.SourceRunID, ArtifactURI: r.ArtifactURI, CreatedMS: r.CreatedMS, UpdatedMS: r.UpdatedMS,
	}
}

type loggedModels struct{ *tx }

// LoggedModels implements storage.TrackingTx.
func (t *tx) LoggedModels() storage.LoggedModelStore { return loggedModels{t} }

// Create implements storage.LoggedModelStore.
func (t loggedModels) Create(m models.LoggedModel) (int64, error) {
	row := loggedModelRow{
		UUID: m.ID, ExperimentID: m.ExperimentID, Name: m.Name, ModelType: m.Type,
		Status: strings.TrimPrefix(string(m.Status), statusPrefix), StatusMessage: m.StatusMessage,
		SourceRunID: m.SourceRunID, ArtifactURI: m.ArtifactURI, CreatedMS: m.CreatedMS, UpdatedMS: m.UpdatedMS,
	}
	if err := t.db.Create(&row).Error; err != nil {
		return 0, err
	}
	if err := t.LogParams(row.ID, m.Params); err != nil {
		return 0, err
	}
	return row.ID, t.SetTags(row.ID, m.Tags)
}

// Find implements storage.LoggedModelStore.
func (t loggedModels) Find(id string) (models.LoggedModel, error) {
	return t.one(id, false)
}

// Load implements storage.LoggedModelStore.
func (t loggedModels) Load(id string) (models.LoggedModel, error) {
	return t.one(id, true)
}

func (t loggedModels) one(id string, whole bool) (models.LoggedModel, error) {
	var row loggedModelRow
	if err := t.db.Where("uuid = ? AND deleted_ms IS NULL", id).Take(&row).Error; err != nil {
		return models.LoggedModel{}, notFound(err, "Logged model with ID '%s' not found.", id)
	}
	list := []models.LoggedModel{row.model()}
	err := t.load(list, whole)
	return list[0], err
}

// IsDeleted implements storage.LoggedModelStore.
func (t loggedModels) IsDeleted(id string) (bool, error) {
	var n int64
	err := t.scan("SELECT COUNT(*) FROM logged_model WHERE uuid = ? AND deleted_ms <> 0", []any{id}, func(scan scanner) error { return scan(&n) })
	return n > 0, err
}

// keys gives the numbers of logged models, all of which must exist.
func (t loggedModels) keys(ids []string) (map[string]int64, error) {
	keys := make(map[string]int64, len(ids))
	if len(ids) == 0 {
		return keys, nil
	}
	err := t.scan("SELECT uuid, id FROM logged_model WHERE deleted_ms IS NULL AND uuid "+t.inTexts(), []any{jsonList(ids)}, func(scan scanner) error {
		var uuid string
		var id int64
		err := scan(&uuid, &id)
		keys[uuid] = id
		return err
	})
	for _, id := range ids {
		if _, ok := keys[id]; !ok && err == nil {
			return nil, models.Errorf(models.KindNotFound, "Logged model with ID '%s' not found.", id)
		}
	}
	return keys, err
}

func (t loggedModels) load(list []models.LoggedModel, whole bool) error {
	ids := make([]int64, len(list))
	at := make(map[int64]*models.LoggedModel, len(list))
	for i := range list {
		ids[i], at[list[i].Key] = list[i].Key, &list[i]
	}
	err := t.pairs("logged_model_tag", "logged_model_id", ids, func(id int64, key, value string) {
		at[id].Tags = append(at[id].Tags, models.Tag{Key: key, Value: value})
	})
	if err != nil || !whole {
		return err
	}
	if err := t.pairs("logged_model_param", "logged_model_id", ids, func(id int64, key, value string) {
		at[id].Params = append(at[id].Params, models.Param{Key: key, Value: value})
	}); err != nil {
		return err
	}
	return t.scan(`SELECT m.logged_model_id, k.name, m.timestamp_ms, m.step, m.value, m.is_nan, run.uuid, m.dataset_name, m.dataset_digest
		FROM logged_model_metric m JOIN tracking_key k ON k.id = m.key_id JOIN run ON run.id = m.run_id
		WHERE m.logged_model_id `+t.inInts()+` ORDER BY m.logged_model_id, m.key_id, m.run_id, m.dataset_name, m.dataset_digest`,
		[]any{jsonList(ids)}, func(scan scanner) error {
			var id, nan int64
			var m models.Metric
			err := scan(&id, &m.Key, &m.TimestampMS, &m.Step, &m.Value, &nan, &m.RunID, &m.DatasetName, &m.DatasetDigest)
			m.Value, m.ModelID = restored(m.Value, nan), at[id].ID
			at[id].Metrics = append(at[id].Metrics, m)
			return err
		})
}

// Update implements storage.LoggedModelStore.
func (t loggedModels) Update(key int64, u models.LoggedModelUpdate) error {
	set := map[string]any{"updated_ms": u.UpdatedMS}
	if u.Status != nil {
		set["status"] = strings.TrimPrefix(string(*u.Status), statusPrefix)
	}
	if u.Deleted {
		set["deleted_ms"] = u.UpdatedMS
	}
	return t.db.Model(&loggedModelRow{}).Where("id = ?", key).Updates(set).Error
}

// LogParams implements storage.LoggedModelStore.
func (t loggedModels) LogParams(key int64, params []models.Param) error {
	old, err := t.logParams("logged_model_param", "logged_model_id", key, params)
	if err == nil && len(old) > 0 {
		return models.Errorf(models.KindInvalid, "Changing param values is not allowed. Param with key='%s' was already logged with value='%s'.", old[0].Key, old[0].Value)
	}
	return err
}

// SetTags implements storage.LoggedModelStore.
func (t loggedModels) SetTags(key int64, tags []models.Tag) error {
	return t.setTags("logged_model_tag", "logged_model_id", key, tags)
}

// DeleteTag implements storage.LoggedModelStore.
func (t loggedModels) DeleteTag(key int64, name string) error {
	res := t.db.Exec("DELETE FROM logged_model_tag WHERE logged_model_id = ? AND key_id = "+keyOf, key, name)
	if res.Error == nil && res.RowsAffected == 0 {
		return models.Errorf(models.KindNotFound, "No tag with key '%s' found for this model.", name)
	}
	return res.Error
}

// logMetrics keeps the latest of those points that measure logged models.
func (t loggedModels) logMetrics(run models.Run, points []models.Metric, keyIDs map[string]int64) error {
	var of []string
	for _, p := range points {
		if p.ModelID != "" {
			of = append(of, p.ModelID)
		}
	}
	if len(of) == 0 {
		return nil
	}
	keys, err := t.keys(of)
	if err != nil {
		return err
	}
	const columns = "logged_model_id, key_id, run_id, dataset_name, dataset_digest"
	for _, p := range points {
		if p.ModelID == "" {
			continue
		}
		value, nan := stored(p.Value)
		row := []any{keys[p.ModelID], keyIDs[p.Key], run.Key, p.DatasetName, p.DatasetDigest, p.TimestampMS, p.Step, value, nan}
		if err := t.insert("INSERT INTO logged_model_metric ("+columns+", timestamp_ms, step, value, is_nan)",
			onlyNewer("logged_model_metric", columns), [][]any{row}); err != nil {
			return err
		}
	}
	return nil
}

// Search implements storage.LoggedModelStore.
func (t loggedModels) Search(q models.Search) ([]models.LoggedModel, models.Position, error) {
	s, err := t.compile(searchable{
		table: "logged_model",
		attribute: map[string]column{
			"name": {expr: "logged_model.name"}, "model_id": {expr: "logged_model.uuid", kind: ofID}, "model_type": {expr: "logged_model.model_type"},
			"status": {expr: "logged_model.status"}, "source_run_id": {expr: "logged_model.source_run_id"},
			"creation_timestamp": {expr: "logged_model.created_ms", kind: ofInt}, "last_updated_timestamp": {expr: "logged_model.updated_ms", kind: ofInt},
		},
		owned: map[models.Entity]ownedTable{
			models.EntityMetric: {table: "logged_model_metric", owner: "logged_model_id", many: true},
			models.EntityParam:  {table: "logged_model_param", owner: "logged_model_id"},
			models.EntityTag:    {table: "logged_model_tag", owner: "logged_model_id"},
		},
		order: []models.Order{
			{Entity: models.EntityAttribute, Key: "creation_timestamp", Desc: true}, {Entity: models.EntityAttribute, Key: "model_id"},
		},
	}, q)
	if err != nil {
		return nil, nil, err
	}
	s.experiments("logged_model", q.ExperimentIDs, t.tx)
	s.view("logged_model", q.View)
	if len(q.Datasets) > 0 {
		in, args := anyDataset("d", q.Datasets)
		s.and("EXISTS (SELECT 1 FROM logged_model_metric d WHERE d.logged_model_id = logged_model.id AND "+in+")", args...)
	}
	ids, next, err := t.pick(s)
	if err != nil || len(ids) == 0 {
		return nil, nil, err
	}
	var rows []loggedModelRow
	if err := t.db.Where("id "+t.inInts(), jsonList(ids)).Find(&rows).Error; err != nil {
		return nil, nil, err
	}
	at := make(map[int64]models.LoggedModel, len(rows))
	for _, r := range rows {
		at[r.ID] = r.model()
	}
	out := make([]models.LoggedModel, len(ids))
	for i, id := range ids {
		out[i] = at[id]
	}
	return out, next, t.load(out, true)
}
