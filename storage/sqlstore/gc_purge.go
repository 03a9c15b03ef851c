package sqlstore

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

type purge struct{ *tx }

// Purge implements storage.Tx.
func (t *tx) Purge() storage.PurgeStore { return purge{t} }

// needing is the condition for a release that is up, or that a rollback could
// bring back.
const needing = `(l.retired_us IS NULL OR (l.live_us IS NOT NULL AND NOT EXISTS (
	SELECT 1 FROM quarantine AS q WHERE q.environment_id = r.environment_id AND q.version_id = r.version_id AND q.lifted_us IS NULL)))`

// forgotten is the condition for a deleted version that no environment's
// history names.
const forgotten = `v.deleted = 1 AND v.updated_us < @us
	AND NOT EXISTS (SELECT 1 FROM release r WHERE r.version_id = v.id)
	AND NOT EXISTS (SELECT 1 FROM promotion p WHERE p.version_id = v.id)
	AND NOT EXISTS (SELECT 1 FROM quarantine q WHERE q.version_id = v.id)`

// purgeable selects key, id, name and folder of what may go of each kind.
func purgeable() map[models.Garbage]string {
	return map[models.Garbage]string{
		models.GarbageRun: `SELECT x.id AS key, x.uuid AS id, x.name, e.artifact_location AS folder
		FROM run x JOIN experiment e ON e.id = x.experiment_id
		WHERE x.id > @after AND (x.deleted_ms < @ms OR (e.id <> 0 AND e.deleted_ms < @ms))`,
		models.GarbageLoggedModel: `SELECT x.id AS key, x.uuid AS id, x.name, x.artifact_uri AS folder
		FROM logged_model x JOIN experiment e ON e.id = x.experiment_id
		WHERE x.id > @after AND (x.deleted_ms < @ms OR (e.id <> 0 AND e.deleted_ms < @ms))`,
		models.GarbageExperiment: `SELECT x.id AS key, CAST(x.id AS TEXT) AS id, x.name, x.artifact_location AS folder
		FROM experiment x WHERE x.id > @after AND x.id <> 0 AND x.deleted_ms < @ms`,
		models.GarbageImage: `SELECT x.id AS key, x.digest AS id, COALESCE(m.name, m.was) || ' ' || CAST(v.number AS TEXT) AS name, '' AS folder
		FROM image x JOIN model_version v ON v.id = x.version_id JOIN registered_model m ON m.id = v.model_id
		WHERE x.id > @after AND COALESCE(x.ended_us, x.created_us) < @us
		AND (v.deleted = 1 OR (x.state IN ('ready', 'failed')
			AND EXISTS (SELECT 1 FROM image n WHERE n.version_id = x.version_id AND n.id > x.id AND n.state = 'ready')))
		AND NOT EXISTS (SELECT 1 FROM promotion p WHERE p.version_id = x.version_id AND p.ended_us IS NULL)
		AND NOT EXISTS (SELECT 1 FROM release r JOIN release_life l ON l.release_id = r.id
			WHERE r.version_id = x.version_id AND r.image_digest = x.digest AND ` + needing + `)`,
		models.GarbageVersion: `SELECT v.id AS key, CAST(v.number AS TEXT) AS id, COALESCE(m.name, m.was) AS name, '' AS folder
		FROM model_version v JOIN registered_model m ON m.id = v.model_id WHERE v.id > @after AND ` + forgotten,
		models.GarbageModel: `SELECT m.id AS key, m.was AS id, m.was AS name, '' AS folder FROM registered_model m
		WHERE m.id > @after AND m.name IS NULL AND m.updated_us < @us
		AND NOT EXISTS (SELECT 1 FROM environment e WHERE e.model_id = m.id)
		AND NOT EXISTS (SELECT 1 FROM model_version v WHERE v.model_id = m.id AND NOT (` + forgotten + `))`,
		models.GarbagePush: `SELECT x.id AS key, CAST(x.number AS TEXT) AS id, d.name, '' AS folder
		FROM dataset_version x JOIN dataset d ON d.id = x.dataset_id
		WHERE x.id > @after AND x.state = 'uploading' AND x.created_us < @us`,
	}
}

// Purgeable implements storage.PurgeStore.
func (t purge) Purgeable(kind models.Garbage, before time.Time, after int64, limit int) ([]models.Purgeable, error) {
	query, ok := purgeable()[kind]
	if !ok {
		return nil, fmt.Errorf("%s has no rows", kind)
	}
	args := map[string]any{"after": after, "ms": before.UnixMilli(), "us": before.UnixMicro(), "limit": limit}
	var list []models.Purgeable
	if err := t.db.Raw(query+" ORDER BY 1 LIMIT @limit", args).Scan(&list).Error; err != nil {
		return nil, fmt.Errorf("list what may go of kind %s: %w", kind, err)
	}
	for i := range list {
		list[i].Kind = kind
		if kind == models.GarbageRun {
			list[i].Folder = models.JoinURI(list[i].Folder, list[i].ID, "artifacts")
		}
	}
	return list, nil
}

// Hide implements storage.PurgeStore: deleted at no time at all means hidden.
func (t purge) Hide(kind models.Garbage, keys []int64) error {
	if len(keys) == 0 {
		return nil
	}
	table := map[models.Garbage]string{
		models.GarbageRun: "run", models.GarbageLoggedModel: "logged_model", models.GarbageExperiment: "experiment",
	}[kind]
	if table == "" {
		return nil
	}
	return t.db.Exec("UPDATE "+table+" SET deleted_ms = 0 WHERE id "+t.inInts(), jsonList(keys)).Error
}

// removeAtOnce bounds how many points of metrics one transaction removes.
const removeAtOnce = 20_000

// tracesAtOnce bounds how many traces, each with its spans.
const tracesAtOnce = 500

// Remove implements storage.PurgeStore.
func (t purge) Remove(kind models.Garbage, keys []int64) (bool, error) {
	if len(keys) == 0 {
		return true, nil
	}
	in, list := t.inInts(), jsonList(keys)
	var statements []string
	switch kind {
	case models.GarbageRun:
		const point = "run_id, key_id, timestamp_ms, step, value, is_nan"
		res := t.db.Exec(fmt.Sprintf("DELETE FROM metric WHERE (%s) IN (SELECT %s FROM metric WHERE run_id %s LIMIT %d)", point, point, in, removeAtOnce), list)
		if res.Error != nil || res.RowsAffected == removeAtOnce {
			return false, res.Error
		}
		statements = []string{"DELETE FROM latest_metric WHERE run_id ", "DELETE FROM logged_model_metric WHERE run_id ", "DELETE FROM run WHERE id "}
	case models.GarbageLoggedModel:
		statements = []string{"DELETE FROM logged_model WHERE id "}
	case models.GarbageExperiment:
		// Traces have no life of their own: they go with their experiment.
		res := t.db.Exec(fmt.Sprintf("DELETE FROM trace WHERE id IN (SELECT id FROM trace WHERE experiment_id %s LIMIT %d)", in, tracesAtOnce), list)
		if res.Error != nil || res.RowsAffected == tracesAtOnce {
			return false, res.Error
		}
		statements = []string{"DELETE FROM experiment WHERE id "}
	case models.GarbageImage:
		statements = []string{"DELETE FROM image WHERE id "}
	case models.GarbageVersion:
		for _, table := range []string{"validation_waiver", "validation_step"} {
			if err := t.db.Exec("DELETE FROM "+table+" WHERE validation_id IN (SELECT id FROM validation WHERE version_id "+in+")", list).Error; err != nil {
				return false, err
			}
		}
		statements = []string{"DELETE FROM validation WHERE version_id ", "DELETE FROM model_version WHERE id "}
	case models.GarbageModel:
		statements = []string{"DELETE FROM registered_model_tag WHERE model_id ", "DELETE FROM pipeline WHERE model_id ", "DELETE FROM registered_model WHERE id "}
	case models.GarbagePush:
		for _, key := range keys {
			if err := t.Datasets().Drop(key); err != nil {
				return false, err
			}
		}
	default:
		return false, fmt.Errorf("%s has no rows", kind)
	}
	for _, statement := range statements {
		if err := t.db.Exec(statement+in, list).Error; err != nil {
			return false, fmt.Errorf("remove rows of kind %s: %w", kind, err)
		}
	}
	return true, nil
}

// Logs implements storage.PurgeStore.
func (t purge) Logs(versionIDs []int64) (keys []string, err error) {
	var rows []struct{ LogKey, Attachments string }
	err = t.db.Raw(`SELECT s.log_key, s.attachments FROM validation_step s JOIN validation v ON v.id = s.validation_id
		WHERE s.log_key <> '' AND v.version_id `+t.inInts(), jsonList(versionIDs)).Scan(&rows).Error
	for _, row := range rows {
		var attached []models.Attachment
		if err := json.Unmarshal([]byte(row.Attachments), &attached); err != nil {
			return nil, fmt.Errorf("decode the attachments of a validation: %w", err)
		}
		keys = append(keys, row.LogKey)
		for _, a := range attached {
			keys = append(keys, a.Key)
		}
	}
	return keys, err
}
