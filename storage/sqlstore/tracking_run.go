package sqlstore

import (
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

type runRow struct {
	ID           int64  `gorm:"primaryKey"`
	UUID         string `gorm:"column:uuid"`
	ExperimentID int64
	Name         string
	UserName     string
	Status       string
	StartMS      int64  `gorm:"column:start_ms"`
	EndMS        *int64 `gorm:"column:end_ms"`
	DeletedMS    *int64 `gorm:"column:deleted_ms"`

	ArtifactLocation string `gorm:"->"` // its experiment's; read along, never written
}

func (runRow) TableName() string { return "run" }

func (r runRow) model() models.Run {
	run := models.Run{
		Key: r.ID, ID: r.UUID, ExperimentID: r.ExperimentID, Name: r.Name, User: r.UserName, Status: models.RunStatus(r.Status),
		StartMS: r.StartMS, Lifecycle: lifecycle(r.DeletedMS), ArtifactURI: models.JoinURI(r.ArtifactLocation, r.UUID, "artifacts"),
	}
	if r.EndMS != nil {
		run.EndMS = *r.EndMS
	}
	return run
}

type runs struct{ *tx }

// Runs implements storage.TrackingTx.
func (t *tx) Runs() storage.RunStore { return runs{t} }

// Create implements storage.RunStore.
func (t runs) Create(r models.Run) (int64, error) {
	var end *int64
	if r.EndMS != 0 {
		end = &r.EndMS
	}
	var id int64
	if err := t.scan("INSERT INTO run (uuid, experiment_id, name, user_name, status, start_ms, end_ms) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
		[]any{r.ID, r.ExperimentID, r.Name, r.User, string(r.Status), r.StartMS, end},
		func(scan scanner) error { return scan(&id) }); err != nil {
		return 0, err
	}
	return id, t.SetTags(id, r.Tags)
}

// Find implements storage.RunStore. What gc is removing (deleted at 0) is not
// there any more.
func (t runs) Find(id string) (models.Run, error) {
	var row runRow
	err := t.scan(`SELECT run.id, run.uuid, run.experiment_id, run.name, run.user_name, run.status, run.start_ms, run.end_ms, run.deleted_ms,
		e.artifact_location FROM run JOIN experiment e ON e.id = run.experiment_id WHERE run.uuid = ?
		AND COALESCE(run.deleted_ms, 1) <> 0`, []any{id}, func(scan scanner) error {
		return scan(&row.ID, &row.UUID, &row.ExperimentID, &row.Name, &row.UserName, &row.Status, &row.StartMS, &row.EndMS, &row.DeletedMS,
			&row.ArtifactLocation)
	})
	if err != nil {
		return models.Run{}, err
	}
	if row.ID == 0 {
		return models.Run{}, noRun(id)
	}
	return row.model(), nil
}

func noRun(id string) error {
	return models.Errorf(models.KindNotFound, "Run with id=%s not found", id)
}

// load fills the data, inputs and outputs of runs.
func (t runs) load(list []models.Run) error {
	if len(list) == 0 {
		return nil
	}
	ids := make([]int64, len(list))
	at := make(map[int64]*models.Run, len(list))
	for i := range list {
		ids[i], at[list[i].Key] = list[i].Key, &list[i]
	}
	if err := t.latest(ids, at); err != nil {
		return err
	}
	if err := t.pairs("run_param", "run_id", ids, func(id int64, key, value string) {
		at[id].Params = append(at[id].Params, models.Param{Key: key, Value: value})
	}); err != nil {
		return err
	}
	if err := t.pairs("run_tag", "run_id", ids, func(id int64, key, value string) {
		at[id].Tags = append(at[id].Tags, models.Tag{Key: key, Value: value})
	}); err != nil {
		return err
	}
	return inputs(t).load(ids, at)
}

// Update implements storage.RunStore.
func (t runs) Update(key int64, u models.RunUpdate) error {
	set := map[string]any{}
	if u.Status != nil {
		set["status"] = string(*u.Status)
	}
	if u.EndMS != nil {
		set["end_ms"] = *u.EndMS
	}
	if u.Name != nil {
		set["name"] = *u.Name
	}
	if len(set) == 0 {
		return nil
	}
	return t.db.Model(&runRow{}).Where("id = ?", key).Updates(set).Error
}

// SetLifecycle implements storage.RunStore.
func (t runs) SetLifecycle(key int64, l models.Lifecycle, atMS int64) error {
	return t.db.Model(&runRow{}).Where("id = ?", key).Update("deleted_ms", deletedAt(l, atMS)).Error
}

// SetLifecycleIn implements storage.RunStore. What gc is removing stays so.
func (t runs) SetLifecycleIn(experimentID int64, l models.Lifecycle, atMS int64) error {
	q := t.db.Model(&runRow{}).Where("experiment_id = ?", experimentID)
	if l == models.LifecycleDeleted {
		q = q.Where("deleted_ms IS NULL")
	}
	q = q.Where("COALESCE(deleted_ms, 1) <> 0")
	return q.Update("deleted_ms", deletedAt(l, atMS)).Error
}

// SetTags implements storage.RunStore.
func (t runs) SetTags(key int64, tags []models.Tag) error {
	return t.setTags("run_tag", "run_id", key, tags)
}

// DeleteTag implements storage.RunStore.
func (t runs) DeleteTag(key int64, name string) error {
	res := t.db.Exec("DELETE FROM run_tag WHERE run_id = ? AND key_id = "+keyOf, key, name)
	if res.Error == nil && res.RowsAffected == 0 {
		return models.Errorf(models.KindNotFound, "No tag with name: %s in this run", name)
	}
	return res.Error
}

// LogParams implements storage.RunStore.
func (t runs) LogParams(key int64, params []models.Param) ([]models.Param, error) {
	return t.logParams("run_param", "run_id", key, params)
}

func searchableRuns() searchable {
	return searchable{
		table: "run",
		attribute: map[string]column{
			"run_id": {expr: "run.uuid", kind: ofID}, "run_name": {expr: "run.name"}, "status": {expr: "run.status"}, "user_id": {expr: "run.user_name"},
			"start_time": {expr: "run.start_ms", kind: ofInt}, "end_time": {expr: "run.end_ms", kind: ofInt, null: true},
			"lifecycle_stage": {expr: "CASE WHEN run.deleted_ms IS NULL THEN 'active' ELSE 'deleted' END"},
			"artifact_uri":    {expr: "((SELECT rtrim(artifact_location, '/') FROM experiment e WHERE e.id = run.experiment_id) || '/' || run.uuid || '/artifacts')"},
		},
		owned: map[models.Entity]ownedTable{
			models.EntityMetric: {table: "latest_metric", owner: "run_id"},
			models.EntityParam:  {table: "run_param", owner: "run_id", indexed: true},
			models.EntityTag:    {table: "run_tag", owner: "run_id"},
		},
		order: []models.Order{
			{Entity: models.EntityAttribute, Key: "start_time", Desc: true}, {Entity: models.EntityAttribute, Key: "run_id"},
		},
	}
}

// Search implements storage.RunStore.
func (t runs) Search(q models.Search) ([]models.Run, models.Position, error) {
	var others, datasets []models.Condition
	for _, c := range q.Filter {
		if c.Entity == models.EntityDataset {
			datasets = append(datasets, c)
		} else {
			others = append(others, c)
		}
	}
	q.Filter = others
	s, err := t.compile(searchableRuns(), q)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range datasets {
		t.onDataset(s, c)
	}
	if err := t.lead(s, q.ExperimentIDs); err != nil {
		return nil, nil, err
	}
	s.experiments("run", q.ExperimentIDs, t.tx)
	s.view("run", q.View)
	ids, next, err := t.pick(s)
	if err != nil || len(ids) == 0 {
		return nil, nil, err
	}
	out, err := t.byKeys(ids)
	return out, next, err
}

// byKeys reads runs, in the order of their keys.
func (t runs) byKeys(ids []int64) ([]models.Run, error) {
	place := make(map[int64]int, len(ids))
	for i, id := range ids {
		place[id] = i
	}
	out := make([]models.Run, len(ids))
	err := t.scan(`SELECT run.id, run.uuid, run.experiment_id, run.name, run.user_name, run.status, run.start_ms, run.end_ms, run.deleted_ms,
		e.artifact_location FROM run JOIN experiment e ON e.id = run.experiment_id WHERE run.id `+t.inInts(), []any{jsonList(ids)},
		func(scan scanner) error {
			var row runRow
			err := scan(&row.ID, &row.UUID, &row.ExperimentID, &row.Name, &row.UserName, &row.Status, &row.StartMS, &row.EndMS, &row.DeletedMS,
				&row.ArtifactLocation)
			out[place[row.ID]] = row.model()
			return err
		})
	if err != nil {
		return nil, err
	}
	return out, t.load(out)
}

// onDataset keeps runs that have an input of which the condition holds.
func (t runs) onDataset(s *statement, c models.Condition) {
	var b strings.Builder
	var args []any
	b.WriteString("EXISTS (SELECT 1 FROM run_dataset x JOIN input_dataset d ON d.id = x.dataset_id")
	expr := "d." + c.Key
	if c.Key == "context" {
		b.WriteString(" JOIN run_dataset_tag g ON g.run_id = x.run_id AND g.dataset_id = x.dataset_id AND g.key = ?")
		args, expr = append(args, models.TagDatasetContext), "g.value"
	}
	text, more := t.compare(expr, c)
	b.WriteString(" WHERE x.run_id = run.id AND " + text + ")")
	s.and(b.String(), append(args, more...)...)
}

// experiments keeps to experiments; a single one by equality, which lets the
// index give the order. Behind what leads, a row is found by its id: Postgres,
// as long as it has no statistics, would read the whole experiment each time.
func (s *statement) experiments(table string, ids []int64, t *tx) {
	column := table + ".experiment_id"
	if s.lead != nil {
		column += " + 0"
	}
	switch {
	case len(ids) == 1:
		s.and(column+" = ?", ids[0])
	case s.lead != nil:
		s.and(column+" "+t.inSet(), jsonList(ids))
	default:
		s.and(column+" "+t.inInts(), jsonList(ids))
	}
}
