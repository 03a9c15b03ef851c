package sqlstore

import (
	"github.com/slipway-ml/slipway/models"
)

func attribute(key string, desc bool) models.Order {
	return models.Order{Entity: models.EntityAttribute, Key: key, Desc: desc}
}

// Search implements storage.RegisteredModelStore.
func (s registeredModelStore) Search(q models.Search) ([]models.RegisteredModel, error) {
	st, err := s.compile(searchable{
		table: "registered_model",
		attribute: map[string]string{
			"name": "registered_model.name", "creation_timestamp": "registered_model.created_us",
			"last_updated_timestamp": "registered_model.updated_us",
		},
		owned: map[models.Entity]ownedTable{models.EntityTag: {table: "registered_model_tag", owner: "model_id", textKey: true}},
		order: []models.Order{attribute("name", false)},
	}, q)
	if err != nil {
		return nil, err
	}
	st.and("registered_model.name IS NOT NULL")
	query, args := st.build("registered_model.*", "registered_model")
	var rows []registeredModelRow
	if err := s.db.Raw(query, args...).Scan(&rows).Error; err != nil {
		return nil, err
	}
	return s.registeredModels(rows)
}

// Search implements storage.VersionStore.
func (s versionStore) Search(q models.Search) ([]models.Version, error) {
	order := []models.Order{attribute("name", false), attribute("version_number", true)}
	if len(q.Order) == 0 {
		order = append([]models.Order{attribute("last_updated_timestamp", true)}, order...)
	}
	st, err := s.compile(searchable{
		table: "model_version",
		attribute: map[string]string{
			"name": "registered_model.name", "run_id": "model_version.run_id", "source_path": "model_version.source",
			"version_number": "model_version.number", "creation_timestamp": "model_version.created_us",
			"last_updated_timestamp": "model_version.updated_us",
		},
		owned: map[models.Entity]ownedTable{models.EntityTag: {table: "model_version_tag", owner: "version_id", textKey: true}},
		order: order,
	}, q)
	if err != nil {
		return nil, err
	}
	st.and("model_version.deleted = 0")
	query, args := st.build(s.versionColumns("model_version", "registered_model"),
		"model_version JOIN registered_model ON registered_model.id = model_version.model_id")
	return s.list(s.db.Raw(query, args...))
}
