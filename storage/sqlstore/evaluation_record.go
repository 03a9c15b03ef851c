package sqlstore

import (
	"encoding/json"

	"github.com/slipway-ml/slipway/models"
)

const recordColumns = `id, uuid, input_hash, inputs, outputs, expectations, tags, source, source_type, source_id,
	created_ms, updated_ms, created_by, updated_by`

// records reads records by a condition.
func (t evaluationDatasets) records(where string, args ...any) ([]models.EvaluationRecord, error) {
	var list []models.EvaluationRecord
	err := t.scan("SELECT "+recordColumns+" FROM evaluation_record WHERE "+where, args, func(scan scanner) error {
		var r models.EvaluationRecord
		var inputs, tags string
		var outputs, expectations, source, sourceType, sourceID, createdBy, updatedBy *string
		err := scan(&r.Key, &r.ID, &r.InputHash, &inputs, &outputs, &expectations, &tags, &source, &sourceType, &sourceID,
			&r.CreatedMS, &r.UpdatedMS, &createdBy, &updatedBy)
		r.Inputs, r.Tags = json.RawMessage(inputs), json.RawMessage(tags)
		r.Outputs, r.Expectations, r.Source = rawOf(outputs), rawOf(expectations), rawOf(source)
		r.SourceType, r.SourceID, r.CreatedBy, r.UpdatedBy = textOf(sourceType), textOf(sourceID), textOf(createdBy), textOf(updatedBy)
		list = append(list, r)
		return err
	})
	return list, err
}

func rawOf(text *string) json.RawMessage {
	if text == nil {
		return nil
	}
	return json.RawMessage(*text)
}

// RecordsByHash implements storage.EvaluationDatasetStore.
func (t evaluationDatasets) RecordsByHash(key int64, hashes []string) ([]models.EvaluationRecord, error) {
	return t.records("dataset_id = ? AND input_hash "+t.inTexts(), key, jsonList(hashes))
}

// AddRecords implements storage.EvaluationDatasetStore.
func (t evaluationDatasets) AddRecords(key int64, list []models.EvaluationRecord) error {
	rows := make([][]any, len(list))
	for i, r := range list {
		rows[i] = []any{
			key, r.ID, r.InputHash, string(r.Inputs), orNull(string(r.Outputs)), orNull(string(r.Expectations)), string(r.Tags), orNull(string(r.Source)),
			orNull(r.SourceType), orNull(r.SourceID), r.CreatedMS, r.UpdatedMS, orNull(r.CreatedBy), orNull(r.UpdatedBy),
		}
	}
	return t.insert(`INSERT INTO evaluation_record (dataset_id, uuid, input_hash, inputs, outputs, expectations, tags, source,
		source_type, source_id, created_ms, updated_ms, created_by, updated_by)`, "", rows)
}

// SaveRecord implements storage.EvaluationDatasetStore.
func (t evaluationDatasets) SaveRecord(r models.EvaluationRecord) error {
	_, err := t.exec("UPDATE evaluation_record SET outputs = ?, expectations = ?, tags = ?, updated_ms = ?, updated_by = ? WHERE id = ?",
		orNull(string(r.Outputs)), orNull(string(r.Expectations)), string(r.Tags), r.UpdatedMS, orNull(r.UpdatedBy), r.Key)
	return err
}

// Records implements storage.EvaluationDatasetStore.
func (t evaluationDatasets) Records(key int64, q models.Search) ([]models.EvaluationRecord, models.Position, error) {
	s, err := t.compile(searchable{
		table: "evaluation_record",
		attribute: map[string]column{
			"created_time": {expr: "evaluation_record.created_ms", kind: ofInt}, "id": {expr: "evaluation_record.uuid", kind: ofID},
		},
		order: []models.Order{attribute("created_time", false), attribute("id", false)},
	}, q)
	if err != nil {
		return nil, nil, err
	}
	s.and("evaluation_record.dataset_id = ?", key)
	ids, next, err := t.pick(s)
	if err != nil || len(ids) == 0 {
		return nil, nil, err
	}
	list, err := t.records("id "+t.inInts(), jsonList(ids))
	return inOrderOf(ids, list, func(r models.EvaluationRecord) int64 { return r.Key }), next, err
}

// DeleteRecords implements storage.EvaluationDatasetStore.
func (t evaluationDatasets) DeleteRecords(key int64, ids []string) (int64, error) {
	return t.exec("DELETE FROM evaluation_record WHERE dataset_id = ? AND uuid "+t.inTexts(), key, jsonList(ids))
}

// CountRecords implements storage.EvaluationDatasetStore.
func (t evaluationDatasets) CountRecords(key int64) (n int64, err error) {
	err = t.scan("SELECT COUNT(*) FROM evaluation_record WHERE dataset_id = ?", []any{key}, func(scan scanner) error { return scan(&n) })
	return n, err
}
