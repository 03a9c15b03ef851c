package sqlstore

import (
	"github.com/slipway-ml/slipway/models"
)

func attribute(key string, desc bool) models.Order {
	return models.Order{Entity: models.EntityAttribute, Key: key, Desc: desc}
}

// Search implements storage.RegisteredModelStore.
func (s registeredModelStore) Search(q models.Search) ([]models.RegisteredModel, models.Position, error) {
	st, err := s.compile(searchable{
		table: "registered_model",
		attribute: map[string]column{
			"name": {expr: "registered_model.name", kind: ofID}, "creation_timestamp": {expr: "registered_model.created_us", kind: ofInt},
			"last_updated_timestamp": {expr: "registered_model.updated_us", kind: ofInt},
		},
		owned: map[models.Entity]ownedTable{models.EntityTag: {table: "registered_model_tag", owner: "model_id", textKey: true}},
		order: []models.Order{attribute("name", false)},
	}, q)
	if err != nil {
		return nil, nil, err
	}
	st.and("registered_model.name IS NOT NULL")
	ids, next, err := s.pick(st)
	if err != nil || len(ids) == 0 {
		return nil, nil, err
	}
	var rows []registeredModelRow
	if err := s.db.Raw("SELECT * FROM registered_model WHERE id "+s.inInts(), jsonList(ids)).Scan(&rows).Error; err != nil {
		return nil, nil, err
	}
	list, err := s.registeredModels(inOrderOf(ids, rows, func(r registeredModelRow) int64 { return r.ID }))
	return list, next, err
}

// Search implements storage.VersionStore.
func (s versionStore) Search(q models.Search) ([]models.Version, models.Position, error) {
	order := []models.Order{attribute("name", false), attribute("version_number", true)}
	if len(q.Order) == 0 {
		order = append([]models.Order{attribute("last_updated_timestamp", true)}, order...)
	}
	st, err := s.compile(searchable{
		table: "model_version", from: "model_version JOIN registered_model ON registered_model.id = model_version.model_id",
		attribute: map[string]column{
			"name": {expr: "registered_model.name", kind: ofID}, "run_id": {expr: "model_version.run_id"}, "source_path": {expr: "model_version.source"},
			"version_number": {expr: "model_version.number", kind: ofInt}, "creation_timestamp": {expr: "model_version.created_us", kind: ofInt},
			"last_updated_timestamp": {expr: "model_version.updated_us", kind: ofInt},
		},
		owned: map[models.Entity]ownedTable{models.EntityTag: {table: "model_version_tag", owner: "version_id", textKey: true}},
		order: order,
	}, q)
	if err != nil {
		return nil, nil, err
	}
	st.and("model_version.deleted = 0")
	for _, c := range q.Filter {
		if c.Entity != models.EntityAttribute || c.Key != "name" || c.Op != models.OpEqual {
			continue
		}
		// The number of the model, found first, lets an index give the order.
		id := int64(-1)
		if err := s.scan("SELECT id FROM registered_model WHERE name = ?", []any{c.Text}, func(scan scanner) error { return scan(&id) }); err != nil {
			return nil, nil, err
		}
		st.and("model_version.model_id = ?", id)
	}
	ids, next, err := s.pick(st)
	if err != nil || len(ids) == 0 {
		return nil, nil, err
	}
	list, err := s.versions("SELECT "+s.versionColumns("v", "m")+" FROM model_version v JOIN registered_model m ON m.id = v.model_id WHERE v.id "+s.inInts(),
		jsonList(ids))
	return inOrderOf(ids, list, func(v models.Version) int64 { return v.ID }), next, err
}
