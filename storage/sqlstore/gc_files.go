package sqlstore

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm/clause"

	"github.com/slipway-ml/slipway/models"
)

// Digests implements storage.PurgeStore.
func (t purge) Digests() (map[string]bool, bool, error) {
	var rows []imageRow
	if err := t.db.Select("state, digest, config_digest, layers").Find(&rows).Error; err != nil {
		return nil, false, err
	}
	needed, building := map[string]bool{}, false
	for _, r := range rows {
		building = building || !r.State.Final()
		needed[r.Digest], needed[r.ConfigDigest] = true, true
		var layers []models.ImageLayer
		if err := json.Unmarshal([]byte(r.Layers), &layers); err != nil {
			return nil, false, fmt.Errorf("decode the layers of image %s: %w", r.Digest, err)
		}
		for _, l := range layers {
			needed[l.Digest] = true
		}
	}
	delete(needed, "")
	return needed, building, nil
}

// ForgetLayers implements storage.PurgeStore.
func (t purge) ForgetLayers(needed map[string]bool) error {
	var layers []imageLayerRow
	if err := t.db.Find(&layers).Error; err != nil {
		return err
	}
	for _, l := range layers {
		if needed[l.Digest] {
			continue
		}
		if err := t.db.Exec("DELETE FROM image_layer WHERE key = ?", l.Key).Error; err != nil {
			return err
		}
	}
	return nil
}

// Doom implements storage.PurgeStore.
func (t purge) Doom(keys []string) error {
	t.alone()
	for part := range slices.Chunk(keys, 500) {
		rows := make([]doomedRow, len(part))
		for i, key := range part {
			rows[i].Key = key
		}
		if err := t.db.Clauses(clause.OnConflict{DoNothing: true}).Create(&rows).Error; err != nil {
			return err
		}
	}
	return nil
}

type doomedRow struct {
	Key string `gorm:"primaryKey"`
}

func (doomedRow) TableName() string { return "doomed_blob" }

// Doomed implements storage.PurgeStore.
func (t purge) Doomed(path string) (bool, error) {
	above := []string{}
	for i := range path {
		if path[i] == '/' {
			above = append(above, path[:i])
		}
	}
	found := false
	err := t.scan("SELECT key FROM doomed_blob WHERE "+under+" OR key "+t.inTexts()+" LIMIT 1", append(underArgs(path), jsonList(above)), func(scanner) error {
		found = true
		return nil
	})
	return found, err
}

// Spare implements storage.PurgeStore.
func (t purge) Spare() error { return t.db.Exec("DELETE FROM doomed_blob").Error }

// ExpiredUploads implements storage.PurgeStore.
func (t purge) ExpiredUploads(now time.Time) error {
	return t.db.Exec("DELETE FROM presigned_upload WHERE until_us < ?", now.UnixMicro()).Error
}

// CitedKeys implements storage.PurgeStore.
func (t purge) CitedKeys(keys []string) (map[string]bool, error) {
	return t.known("SELECT DISTINCT key FROM manifest_entry WHERE key ", keys)
}

// Owners implements storage.PurgeStore.
func (t purge) Owners(ids []string) (map[string]bool, error) {
	known, err := t.known("SELECT uuid FROM run WHERE uuid ", ids)
	if err != nil {
		return nil, err
	}
	for _, query := range []string{"SELECT uuid FROM logged_model WHERE uuid ", "SELECT uuid FROM trace WHERE uuid "} {
		more, err := t.known(query, ids)
		if err != nil {
			return nil, err
		}
		for id := range more {
			known[id] = true
		}
	}
	return known, nil
}

// DataBlobs implements storage.PurgeStore.
func (t purge) DataBlobs(digests []string) (map[string]bool, error) {
	return t.known("SELECT sha256 FROM dataset_blob WHERE EXISTS (SELECT 1 FROM dataset_file f WHERE f.blob_id = dataset_blob.id) AND sha256 ", digests)
}

func (t purge) known(query string, list []string) (map[string]bool, error) {
	var found []string
	if err := t.db.Raw(query+t.inTexts(), jsonList(list)).Scan(&found).Error; err != nil {
		return nil, err
	}
	known := make(map[string]bool, len(found))
	for _, f := range found {
		known[f] = true
	}
	return known, nil
}

// ForgetDataBlobs implements storage.PurgeStore.
func (t purge) ForgetDataBlobs() error {
	return t.db.Exec("DELETE FROM dataset_blob WHERE id NOT IN (SELECT blob_id FROM dataset_file)").Error
}

// Hashing implements storage.PurgeStore.
func (t purge) Hashing(versionIDs []int64) (map[int64]bool, error) {
	var found []int64
	err := t.db.Raw("SELECT id FROM model_version WHERE deleted = 0 AND files = ? AND id "+t.inInts(), string(models.FilesHashing), jsonList(versionIDs)).Scan(&found).Error
	hashing := make(map[int64]bool, len(found))
	for _, id := range found {
		hashing[id] = true
	}
	return hashing, err
}

// Locations implements storage.PurgeStore.
func (t purge) Locations(after int64, limit int) (map[int64]string, int64, error) {
	var rows []experimentRow
	if err := t.db.Select("id, artifact_location").Where("id > ?", after).Order("id").Limit(limit).Find(&rows).Error; err != nil {
		return nil, 0, err
	}
	uris := make(map[int64]string, len(rows))
	for _, r := range rows {
		uris[r.ID] = r.ArtifactLocation
	}
	highest := "SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'experiment'), 0)"
	if t.dialect == "postgres" {
		highest = "SELECT COALESCE(pg_sequence_last_value(pg_get_serial_sequence('experiment', 'id')::regclass), 0)"
	}
	var id int64
	err := t.db.Raw(highest).Scan(&id).Error
	return uris, id, err
}

// keyLife is how long a done request is remembered.
const keyLife = 24 * time.Hour

// ExpiredKeys implements storage.PurgeStore.
func (t purge) ExpiredKeys(now time.Time, onlyCount bool) (n int64, err error) {
	expired := t.db.Model(&idempotencyRow{}).Where("created_us < ?", now.Add(-keyLife).UnixMicro())
	if onlyCount {
		return n, expired.Count(&n).Error
	}
	res := expired.Delete(&idempotencyRow{})
	return res.RowsAffected, res.Error
}
