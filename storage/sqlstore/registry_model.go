package sqlstore

import (
	"errors"
	"fmt"

	"gorm.io/gorm"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

type registeredModelStore struct{ *tx }

// RegisteredModels implements storage.Tx.
func (t *tx) RegisteredModels() storage.RegisteredModelStore { return registeredModelStore{t.alone()} }

func noModel(name any) error {
	return models.Errorf(models.KindNotFound, "Registered Model with name=%v not found", name)
}

func modelTaken(name string, err error) error {
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		return models.Errorf(models.KindExists, "Registered Model (name=%s) already exists.", name).Because(err)
	}
	return err
}

func (s registeredModelStore) Create(m models.RegisteredModel) (models.RegisteredModel, error) {
	now, err := s.Now()
	if err != nil {
		return m, err
	}
	row := registeredModelRow{Name: &m.Name, Description: m.Description, CreatedUS: now.UnixMicro(), UpdatedUS: now.UnixMicro()}
	if err := s.db.Create(&row).Error; err != nil {
		return m, modelTaken(m.Name, err)
	}
	m.ID, m.Created, m.Updated = row.ID, now, now
	for key, value := range m.Tags {
		if err := s.SetTag(row.ID, key, value); err != nil {
			return m, err
		}
	}
	return m, nil
}

func (s registeredModelStore) Get(name string) (models.RegisteredModel, error) {
	return s.one(name, "name = ?", name)
}

func (s registeredModelStore) ByID(id int64) (models.RegisteredModel, error) {
	return s.one(id, "id = ? AND name IS NOT NULL", id)
}

func (s registeredModelStore) one(said any, where string, args ...any) (models.RegisteredModel, error) {
	var m models.RegisteredModel
	var created, updated int64
	var tags, aliases *string
	err := s.scan("SELECT id, name, description, created_us, updated_us, "+s.object("key, value", "registered_model_tag", "model_id = m.id")+", "+
		s.object("alias, number", "registered_model_alias", "model_id = m.id")+
		", EXISTS (SELECT 1 FROM pipeline WHERE model_id = m.id) FROM registered_model m WHERE "+where, args, func(scan scanner) error {
		return scan(&m.ID, &m.Name, &m.Description, &created, &updated, &tags, &aliases, &m.Pipelined)
	})
	if err != nil {
		return m, err
	}
	if m.ID == 0 {
		return m, noModel(said)
	}
	m.Created, m.Updated = fromMicros(created), fromMicros(updated)
	if m.Tags, err = listed[map[string]string](tags); err != nil {
		return m, err
	}
	m.Aliases, err = listed[map[string]int64](aliases)
	return m, err
}

func (s registeredModelStore) Update(id int64, u models.RegisteredModelUpdate) error {
	now, err := s.Now()
	if err != nil {
		return err
	}
	set := map[string]any{"updated_us": now.UnixMicro()}
	if u.Description != nil {
		set["description"] = *u.Description
	}
	if u.Name != nil {
		set["name"] = *u.Name
		// MLflow dates the versions of a renamed model as well.
		if err := s.db.Exec("UPDATE model_version SET updated_us = ? WHERE model_id = ? AND deleted = 0", now.UnixMicro(), id).Error; err != nil {
			return err
		}
	}
	err = s.db.Model(&registeredModelRow{}).Where("id = ?", id).Updates(set).Error
	if u.Name != nil {
		return modelTaken(*u.Name, err)
	}
	return err
}

func (s registeredModelStore) Delete(id int64) error {
	now, err := s.Now()
	if err != nil {
		return err
	}
	dated := "UPDATE %s SET updated_us = ? WHERE %s = ?"
	for table, column := range map[string]string{"registered_model": "id", "model_version": "model_id"} {
		if err := s.db.Exec(fmt.Sprintf(dated, table, column), now.UnixMicro(), id).Error; err != nil {
			return err
		}
	}
	for _, statement := range []string{
		"DELETE FROM registered_model_alias WHERE model_id = ?",
		"DELETE FROM registered_model_tag WHERE model_id = ?",
		"DELETE FROM named_value WHERE model_id = ?",
		"DELETE FROM model_version_tag WHERE version_id IN (SELECT id FROM model_version WHERE model_id = ?)",
		"DELETE FROM manifest_entry WHERE version_id IN (SELECT id FROM model_version WHERE model_id = ?)",
		tombstone + " WHERE model_id = ?",
		"UPDATE registered_model SET was = name, name = NULL, description = '' WHERE id = ?",
	} {
		if err := s.db.Exec(statement, id).Error; err != nil {
			return err
		}
	}
	return nil
}

func (s registeredModelStore) SetTag(id int64, key, value string) error {
	return s.db.Exec(`INSERT INTO registered_model_tag (model_id, key, value) VALUES (?, ?, ?)
		ON CONFLICT (model_id, key) DO UPDATE SET value = excluded.value`, id, key, value).Error
}

func (s registeredModelStore) DeleteTag(id int64, key string) error {
	return s.db.Exec("DELETE FROM registered_model_tag WHERE model_id = ? AND key = ?", id, key).Error
}

func (s registeredModelStore) SetAlias(id int64, alias string, version int64) error {
	set, err := s.exec(`INSERT INTO registered_model_alias (model_id, alias, number)
		SELECT model_id, CAST(? AS TEXT), number FROM model_version WHERE model_id = ? AND number = ? AND deleted = 0
		ON CONFLICT (model_id, alias) DO UPDATE SET number = excluded.number`, alias, id, version)
	if err == nil && set == 0 {
		return models.Errorf(models.KindNotFound, "Model Version (version=%d) not found", version)
	}
	return err
}

func (s registeredModelStore) DeleteAlias(id int64, alias string) error {
	return s.db.Exec("DELETE FROM registered_model_alias WHERE model_id = ? AND alias = ?", id, alias).Error
}
