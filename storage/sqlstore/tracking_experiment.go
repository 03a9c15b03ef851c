package sqlstore

import (
	"errors"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

type experimentRow struct {
	ID               int64 `gorm:"primaryKey"`
	Name             string
	ArtifactLocation string
	CreatedMS        int64  `gorm:"column:created_ms"`
	UpdatedMS        int64  `gorm:"column:updated_ms"`
	DeletedMS        *int64 `gorm:"column:deleted_ms"`
}

func (experimentRow) TableName() string { return "experiment" }

func (r experimentRow) model() models.Experiment {
	return models.Experiment{
		ID: r.ID, Name: r.Name, ArtifactLocation: r.ArtifactLocation, Lifecycle: lifecycle(r.DeletedMS),
		CreatedMS: r.CreatedMS, UpdatedMS: r.UpdatedMS,
	}
}

type experimentTagRow struct {
	ExperimentID int64 `gorm:"primaryKey"`
	Key          string
	Value        string
}

func (experimentTagRow) TableName() string { return "experiment_tag" }

type experiments struct{ *tx }

// Experiments implements storage.TrackingTx.
func (t *tx) Experiments() storage.ExperimentStore { return experiments{t} }

// Create implements storage.ExperimentStore.
func (t experiments) Create(e models.Experiment) (int64, error) {
	row := experimentRow{Name: e.Name, ArtifactLocation: e.ArtifactLocation, CreatedMS: e.CreatedMS, UpdatedMS: e.UpdatedMS}
	made := t.db.Clauses(clause.OnConflict{DoNothing: true}).Create(&row)
	if made.Error != nil {
		return 0, made.Error
	}
	if made.RowsAffected == 0 {
		return 0, t.taken(e.Name)
	}
	for _, tag := range e.Tags {
		if err := t.SetTag(row.ID, tag); err != nil {
			return 0, err
		}
	}
	return row.ID, nil
}

// taken explains a name that exists, which may be a deleted experiment's.
func (t experiments) taken(name string) error {
	if have, err := t.ByName(name); err == nil && have.Lifecycle == models.LifecycleDeleted {
		return models.Errorf(models.KindExists, "Experiment(name=%s) already exists in deleted state. You can restore the experiment, "+
			"or permanently delete the experiment to create a new one.", name)
	}
	return models.Errorf(models.KindExists, "Experiment(name=%s) already exists. Use another name, or the experiment that has it.", name)
}

// SetLocation implements storage.ExperimentStore.
func (t experiments) SetLocation(id int64, uri string) error {
	return t.db.Model(&experimentRow{}).Where("id = ?", id).Update("artifact_location", uri).Error
}

// Get implements storage.ExperimentStore. What gc is removing (deleted at 0) is
// not there any more.
func (t experiments) Get(id int64) (models.Experiment, error) {
	var row experimentRow
	var found bool
	var tags []models.Tag
	err := t.scan(`SELECT e.id, e.name, e.artifact_location, e.created_ms, e.updated_ms, e.deleted_ms, t.key, t.value
		FROM experiment e LEFT JOIN experiment_tag t ON t.experiment_id = e.id WHERE e.id = ? AND COALESCE(e.deleted_ms, 1) <> 0
		ORDER BY t.key`, []any{id},
		func(scan scanner) error {
			found = true
			var key, value *string
			err := scan(&row.ID, &row.Name, &row.ArtifactLocation, &row.CreatedMS, &row.UpdatedMS, &row.DeletedMS, &key, &value)
			if key != nil && value != nil {
				tags = append(tags, models.Tag{Key: *key, Value: *value})
			}
			return err
		})
	if err != nil {
		return models.Experiment{}, err
	}
	if !found {
		return models.Experiment{}, models.Errorf(models.KindNotFound, "No Experiment with id=%d exists", id)
	}
	e := row.model()
	e.Tags = tags
	return e, nil
}

// ByName implements storage.ExperimentStore.
func (t experiments) ByName(name string) (models.Experiment, error) {
	var row experimentRow
	if err := t.db.Where("name = ?", name).Take(&row).Error; err != nil {
		return models.Experiment{}, notFound(err, "Could not find experiment with name '%s'", name)
	}
	return t.withTags(row)
}

func (t experiments) withTags(row experimentRow) (models.Experiment, error) {
	list := []models.Experiment{row.model()}
	err := t.loadTags(list)
	return list[0], err
}

func (t experiments) loadTags(list []models.Experiment) error {
	ids := make([]int64, len(list))
	at := make(map[int64]*models.Experiment, len(list))
	for i := range list {
		ids[i], at[list[i].ID] = list[i].ID, &list[i]
	}
	var rows []experimentTagRow
	err := t.db.Where("experiment_id "+t.inInts(), jsonList(ids)).Order("experiment_id, key").Find(&rows).Error
	for _, r := range rows {
		e := at[r.ExperimentID]
		e.Tags = append(e.Tags, models.Tag{Key: r.Key, Value: r.Value})
	}
	return err
}

// Update implements storage.ExperimentStore.
func (t experiments) Update(id int64, u models.ExperimentUpdate) error {
	set := map[string]any{"updated_ms": u.UpdatedMS}
	if u.Name != nil {
		set["name"] = *u.Name
	}
	if u.Lifecycle != nil {
		set["deleted_ms"] = deletedAt(*u.Lifecycle, u.UpdatedMS)
	}
	err := t.attempt(func() error { return t.db.Model(&experimentRow{}).Where("id = ?", id).Updates(set).Error })
	if u.Name != nil && errors.Is(err, gorm.ErrDuplicatedKey) {
		return t.taken(*u.Name)
	}
	return err
}

// SetTag implements storage.ExperimentStore.
func (t experiments) SetTag(id int64, tag models.Tag) error {
	return t.db.Exec(`INSERT INTO experiment_tag (experiment_id, key, value) VALUES (?, ?, ?)
		ON CONFLICT (experiment_id, key) DO UPDATE SET value = excluded.value`, id, tag.Key, tag.Value).Error
}

// DeleteTag implements storage.ExperimentStore.
func (t experiments) DeleteTag(id int64, key string) error {
	res := t.db.Where("experiment_id = ? AND key = ?", id, key).Delete(&experimentTagRow{})
	if res.Error == nil && res.RowsAffected == 0 {
		return models.Errorf(models.KindNotFound, "No tag with name: %s in experiment with id %d", key, id)
	}
	return res.Error
}

// Search implements storage.ExperimentStore.
func (t experiments) Search(q models.Search) ([]models.Experiment, models.Position, error) {
	s, err := t.compile(searchable{
		table: "experiment",
		attribute: map[string]column{
			"name": {expr: "experiment.name"}, "experiment_id": {expr: "CAST(experiment.id AS TEXT)"},
			"creation_time": {expr: "experiment.created_ms", kind: ofInt}, "last_update_time": {expr: "experiment.updated_ms", kind: ofInt},
			"id": {expr: "experiment.id", kind: ofInt},
		},
		owned: map[models.Entity]ownedTable{models.EntityTag: {table: "experiment_tag", owner: "experiment_id", textKey: true}},
		order: []models.Order{
			{Entity: models.EntityAttribute, Key: "creation_time", Desc: true}, {Entity: models.EntityAttribute, Key: "id"},
		},
	}, byNumber(q, "experiment_id", "id"))
	if err != nil {
		return nil, nil, err
	}
	s.view("experiment", q.View)
	ids, next, err := t.pick(s)
	if err != nil || len(ids) == 0 {
		return nil, nil, err
	}
	var rows []experimentRow
	if err := t.db.Raw("SELECT * FROM experiment WHERE id "+t.inInts(), jsonList(ids)).Scan(&rows).Error; err != nil {
		return nil, nil, err
	}
	out := make([]models.Experiment, len(rows))
	for i, r := range inOrderOf(ids, rows, func(r experimentRow) int64 { return r.ID }) {
		out[i] = r.model()
	}
	return out, next, t.loadTags(out)
}

// byNumber orders a key that is compared as text by its number.
func byNumber(q models.Search, text, number string) models.Search {
	order := make([]models.Order, len(q.Order))
	for i, o := range q.Order {
		if o.Key == text {
			o.Key = number
		}
		order[i] = o
	}
	q.Order = order
	return q
}

// view keeps to the lifecycles that a search sees. What gc is removing (deleted
// at 0) is seen by none.
func (s *statement) view(table string, v models.ViewType) {
	switch v {
	case models.ViewAll:
		s.and("COALESCE(" + table + ".deleted_ms, 1) <> 0")
	case models.ViewDeleted:
		s.and(table + ".deleted_ms <> 0")
	default:
		s.and(table + ".deleted_ms IS NULL")
	}
}
