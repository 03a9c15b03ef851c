package sqlstore

import (
	"strings"

	"gorm.io/gorm"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

type versionStore struct{ *tx }

// Versions implements storage.Tx.
func (t *tx) Versions() storage.VersionStore { return versionStore{t.alone()} }

// tombstone keeps a deleted version's number and nothing of what it said.
const tombstone = `UPDATE model_version SET deleted = 1, stage = 'None', description = '', source = '', download_uri = '',
	run_id = '', run_link = '', logged_model_id = ''`

func noVersion(model string, number int64) error {
	return models.Errorf(models.KindNotFound, "Model Version (name=%s, version=%d) not found", model, number)
}

// one finds the first living version under a condition.
func (s versionStore) one(none error, where string, args ...any) (models.Version, error) {
	list, err := s.versions("SELECT "+s.versionColumns("v", "m")+
		" FROM model_version AS v JOIN registered_model AS m ON m.id = v.model_id WHERE v.deleted = 0 AND "+where+" LIMIT 1", args...)
	switch {
	case err != nil:
		return models.Version{}, err
	case len(list) == 0:
		return models.Version{}, none
	}
	return list[0], nil
}

func (s versionStore) Create(v models.Version) (models.Version, error) {
	if v.Stage == "" {
		v.Stage = models.StageNone
	}
	if err := s.add(&v); err != nil {
		return v, err
	}
	if v.Number == 0 {
		return v, noModel(v.Model)
	}
	rows := make([][]any, 0, len(v.Tags))
	for key, value := range v.Tags {
		rows = append(rows, []any{v.ID, key, value})
	}
	return v, s.insertLater("INSERT INTO model_version_tag (version_id, key, value)", "", rows)
}

// add counts on the model's row, where two who register at once queue, and
// inserts the version: in one statement where the dialect can. Without the
// model the number stays 0.
func (s versionStore) add(v *models.Version) error {
	var us int64
	count := "UPDATE registered_model SET last_number = last_number + 1, updated_us = " + s.clock() +
		" WHERE id = ? AND name IS NOT NULL RETURNING last_number, updated_us"
	const insert = `INSERT INTO model_version (model_id, number, created_us, updated_us, stage, description, source, download_uri, run_id,
		run_link, logged_model_id, files, digest) `
	texts := []any{string(v.Stage), v.Description, v.Source, v.DownloadURI, v.RunID, v.RunLink, v.LoggedModelID, string(v.Files), v.Digest}
	var err error
	if s.dialect == "postgres" {
		err = s.scan("WITH m AS ("+count+") "+insert+"SELECT ?, last_number, updated_us, updated_us, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM m RETURNING id, number, created_us",
			append([]any{v.ModelID, v.ModelID}, texts...), func(scan scanner) error { return scan(&v.ID, &v.Number, &us) })
	} else if err = s.scan(count, []any{v.ModelID}, func(scan scanner) error { return scan(&v.Number, &us) }); err == nil && v.Number > 0 {
		err = s.scan(insert+"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
			append([]any{v.ModelID, v.Number, us, us}, texts...), func(scan scanner) error { return scan(&v.ID) })
	}
	v.Created, v.Updated = fromMicros(us), fromMicros(us)
	return err
}

func (s versionStore) Get(id int64) (models.Version, error) {
	return s.one(models.Errorf(models.KindNotFound, "Model Version (id=%d) not found", id), "v.id = ?", id)
}

func (s versionStore) ByNumber(model string, number int64) (models.Version, error) {
	return s.one(noVersion(model, number), "m.name = ? AND v.number = ?", model, number)
}

func (s versionStore) Latest(modelID int64, stages ...models.Stage) ([]models.Version, error) {
	of, err := s.LatestOf([]int64{modelID}, stages...)
	return of[modelID], err
}

func (s versionStore) LatestOf(modelIDs []int64, stages ...models.Stage) (map[int64][]models.Version, error) {
	if len(stages) == 0 {
		stages = models.Stages()
	}
	of := make(map[int64][]models.Version, len(modelIDs))
	asked := "SELECT CAST(? AS TEXT) AS stage" + strings.Repeat(" UNION ALL SELECT CAST(? AS TEXT)", len(stages)-1)
	args := make([]any, len(stages)+1)
	for i, stage := range stages {
		args[i] = string(stage)
	}
	return of, inChunks(modelIDs, func(part []int64) error {
		args[len(stages)] = jsonList(part)
		// One look into the index for each model and stage, however many versions.
		list, err := s.versions(`SELECT `+s.versionColumns("v", "m")+` FROM registered_model AS m CROSS JOIN (`+asked+`) AS s
			JOIN model_version AS v ON v.id = (SELECT o.id FROM model_version AS o
				WHERE o.model_id = m.id AND o.stage = s.stage AND o.deleted = 0 ORDER BY o.number DESC LIMIT 1)
			WHERE m.id `+s.inInts()+` ORDER BY v.number`, args...)
		for _, v := range list {
			of[v.ModelID] = append(of[v.ModelID], v)
		}
		return err
	})
}

func (s versionStore) Newest(modelID int64) (models.Version, error) {
	return s.one(models.Errorf(models.KindNotFound, "the registered model has no versions"), "v.model_id = ? ORDER BY v.number DESC", modelID)
}

func (s versionStore) Update(id int64, u models.VersionUpdate) error {
	set := map[string]any{}
	if u.Description != nil {
		set["description"] = *u.Description
	}
	if u.Stage != nil {
		set["stage"] = string(*u.Stage)
		return s.touch("id = ?", []any{id}, set)
	}
	now, err := s.Now()
	if err != nil {
		return err
	}
	set["updated_us"] = now.UnixMicro()
	return s.db.Model(&modelVersionRow{}).Where("id = ?", id).Updates(set).Error
}

func (s versionStore) Restage(modelID int64, from, to models.Stage, exceptID int64) error {
	return s.touch("model_id = ? AND stage = ? AND id <> ?", []any{modelID, from, exceptID}, map[string]any{"stage": string(to)})
}

// touch changes living versions and dates them and their model.
func (s versionStore) touch(where string, args []any, set map[string]any) error {
	now, err := s.Now()
	if err != nil {
		return err
	}
	set["updated_us"] = now.UnixMicro()
	living := s.db.Model(&modelVersionRow{}).Where("deleted = 0").Where(where, args...)
	if err := s.db.Table("registered_model").Where("id IN (?)", living.Session(&gorm.Session{}).Select("model_id")).
		Update("updated_us", now.UnixMicro()).Error; err != nil {
		return err
	}
	return living.Updates(set).Error
}

func (s versionStore) Delete(id int64) error {
	if err := s.touch("id = ?", []any{id}, map[string]any{}); err != nil {
		return err
	}
	for _, statement := range []string{
		"DELETE FROM registered_model_alias WHERE (model_id, number) IN (SELECT model_id, number FROM model_version WHERE id = ?)",
		"DELETE FROM model_version_tag WHERE version_id = ?",
		"DELETE FROM manifest_entry WHERE version_id = ?",
		tombstone + " WHERE id = ?",
	} {
		if err := s.db.Exec(statement, id).Error; err != nil {
			return err
		}
	}
	return nil
}

func (s versionStore) SetTag(id int64, key, value string) error {
	return s.db.Exec(`INSERT INTO model_version_tag (version_id, key, value) VALUES (?, ?, ?)
		ON CONFLICT (version_id, key) DO UPDATE SET value = excluded.value`, id, key, value).Error
}

func (s versionStore) DeleteTag(id int64, key string) error {
	return s.db.Exec("DELETE FROM model_version_tag WHERE version_id = ? AND key = ?", id, key).Error
}

func (s versionStore) SetFiles(id int64, state models.FilesState, digest string) error {
	return s.db.Exec("UPDATE model_version SET files = ?, digest = ? WHERE id = ?", string(state), digest, id).Error
}
