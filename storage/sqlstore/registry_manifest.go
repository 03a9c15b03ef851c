package sqlstore

import (
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

type manifestRow struct {
	VersionID int64  `gorm:"primaryKey;autoIncrement:false"`
	Path      string `gorm:"primaryKey"`
	Size      int64
	SHA256    string `gorm:"column:sha256"`
	Key       string
}

func (manifestRow) TableName() string { return "manifest_entry" }

func (r manifestRow) entry() models.ManifestEntry {
	return models.ManifestEntry{Path: r.Path, Size: r.Size, SHA256: r.SHA256, Key: r.Key}
}

// under is the condition for the keys at or under a path, a range of the
// index: '0' is the sign after '/'.
const under = "(key = ? OR (key > ? AND key < ?))"

func underArgs(path string) []any { return []any{path, path + "/", path + "0"} }

type artifactStore struct{ *tx }

// Artifacts implements storage.Tx.
func (t *tx) Artifacts() storage.ArtifactStore { return artifactStore{t} }

func (s artifactStore) Put(a models.Artifact) error {
	return s.later(`INSERT INTO artifact (key, size, sha256, modified_us, etag) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (key) DO UPDATE SET size = excluded.size, sha256 = excluded.sha256, modified_us = excluded.modified_us, etag = excluded.etag`,
		a.Key, a.Size, a.SHA256, a.Modified.UnixMicro(), a.ETag)
}

func (s artifactStore) Under(path string) ([]models.Artifact, error) {
	return s.list("WHERE "+under+" ORDER BY key", underArgs(path)...)
}

func (s artifactStore) Page(path, after string, limit int) ([]models.Artifact, error) {
	return s.list("WHERE "+under+" AND key > ? ORDER BY key LIMIT ?", append(underArgs(path), after, limit)...)
}

func (s artifactStore) list(where string, args ...any) ([]models.Artifact, error) {
	var list []models.Artifact
	err := s.scan("SELECT key, size, sha256, modified_us, etag FROM artifact "+where, args, func(scan scanner) error {
		var a models.Artifact
		var modified int64
		if err := scan(&a.Key, &a.Size, &a.SHA256, &modified, &a.ETag); err != nil {
			return err
		}
		a.Modified = fromMicros(modified)
		list = append(list, a)
		return nil
	})
	return list, err
}

// AllowUpload implements storage.ArtifactStore.
func (s artifactStore) AllowUpload(key string, until time.Time) error {
	if _, err := s.alone().exec("DELETE FROM artifact WHERE key = ?", key); err != nil {
		return err
	}
	_, err := s.exec(`INSERT INTO presigned_upload (key, until_us) VALUES (?, ?)
		ON CONFLICT (key) DO UPDATE SET until_us = CASE WHEN excluded.until_us > presigned_upload.until_us
			THEN excluded.until_us ELSE presigned_upload.until_us END`, key, until.UnixMicro())
	return err
}

// Writable implements storage.ArtifactStore.
func (s artifactStore) Writable(path string) (map[string]bool, error) {
	now, err := s.Now()
	if err != nil {
		return nil, err
	}
	keys := map[string]bool{}
	return keys, s.scan("SELECT key FROM presigned_upload WHERE "+under+" AND until_us > ?", append(underArgs(path), now.UnixMicro()), func(scan scanner) error {
		var key string
		err := scan(&key)
		keys[key] = true
		return err
	})
}

func (s artifactStore) Forget(path string) error {
	return s.db.Exec("DELETE FROM artifact WHERE "+under, underArgs(path)...).Error
}

func (s artifactStore) ForgetKeys(keys []string) error {
	return s.db.Exec("DELETE FROM artifact WHERE key "+s.inTexts(), jsonList(keys)).Error
}

type manifestStore struct{ *tx }

// Manifests implements storage.Tx.
func (t *tx) Manifests() storage.ManifestStore { return manifestStore{t.alone()} }

func (s manifestStore) Put(versionID int64, entries []models.ManifestEntry) error {
	rows := make([][]any, len(entries))
	for i, e := range entries {
		rows[i] = []any{versionID, e.Path, e.Size, e.SHA256, e.Key}
	}
	return s.insertLater("INSERT INTO manifest_entry (version_id, path, size, sha256, key)", "", rows)
}

func (s manifestStore) Get(versionID int64) ([]models.ManifestEntry, error) {
	return s.entries("version_id = ?", versionID)
}

func (s manifestStore) entries(where string, args ...any) ([]models.ManifestEntry, error) {
	var rows []manifestRow
	if err := s.db.Where(where, args...).Order("path").Find(&rows).Error; err != nil {
		return nil, err
	}
	list := make([]models.ManifestEntry, len(rows))
	for i, r := range rows {
		list[i] = r.entry()
	}
	return list, nil
}

func (s manifestStore) Seal(versionID int64, from string, e models.ManifestEntry) error {
	return s.db.Exec("UPDATE manifest_entry SET size = ?, sha256 = ?, key = ? WHERE version_id = ? AND path = ? AND sha256 = '' AND key = ?",
		e.Size, e.SHA256, e.Key, versionID, e.Path, from).Error
}

func (s manifestStore) Cited(path string) ([]models.ManifestEntry, error) {
	var rows []manifestRow
	err := s.db.Raw("SELECT DISTINCT key, sha256, size FROM manifest_entry WHERE "+under+" ORDER BY key", underArgs(path)...).Scan(&rows).Error
	list := make([]models.ManifestEntry, len(rows))
	for i, r := range rows {
		list[i] = r.entry()
	}
	return list, err
}

func (s manifestStore) Move(key, sha256, to string) error {
	return s.db.Exec("UPDATE manifest_entry SET key = ? WHERE key = ? AND sha256 = ?", to, key, sha256).Error
}
