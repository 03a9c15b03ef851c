package artifact_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/artifact"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/blob"
	"github.com/slipway-ml/slipway/storage/blob/mem"
	"github.com/slipway-ml/slipway/storage/sqlstore"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
)

func database(t *testing.T) storage.DB {
	t.Helper()
	db, err := sqlstore.Open(t.Context(), postgres.OrSQLite(t, t.TempDir()), sqlstore.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func put(t *testing.T, s *artifact.Service, path, content string) models.Artifact {
	t.Helper()
	a, err := s.Put(t.Context(), path, strings.NewReader(content), int64(len(content)))
	require.NoError(t, err)
	return a
}

// cite makes a version whose manifest cites what was put.
func cite(t *testing.T, db storage.DB, files ...models.Artifact) (id int64) {
	t.Helper()
	require.NoError(t, db.InTx(t.Context(), func(tx storage.Tx) error {
		m, err := tx.RegisteredModels().Create(models.RegisteredModel{Name: "m"})
		if err != nil {
			return err
		}
		entries := make([]models.ManifestEntry, len(files))
		for i, f := range files {
			entries[i] = models.ManifestEntry{Path: "data/" + f.Key, Size: f.Size, SHA256: f.SHA256, Key: f.Key}
		}
		manifest := models.NewManifest(entries)
		v, err := tx.Versions().Create(models.Version{ModelID: m.ID, Files: models.FilesFrozen, Digest: manifest.Digest})
		if err != nil {
			return err
		}
		id = v.ID
		return tx.Manifests().Put(id, manifest.Entries)
	}))
	return id
}

func materialize(t *testing.T, s *artifact.Service, versionID int64) (string, error) {
	t.Helper()
	m, err := s.Manifest(t.Context(), versionID)
	require.NoError(t, err)
	dir := t.TempDir()
	return dir, s.Materialize(t.Context(), m, dir)
}

func TestMaterializeWritesWhatWasFrozen(t *testing.T) {
	t.Parallel()
	db := database(t)
	s := artifact.New(db, mem.New(time.Now))
	id := cite(t, db, put(t, s, "a", "first"), put(t, s, "b/c", ""))
	put(t, s, "a", "second")
	require.NoError(t, s.Delete(t.Context(), "b"))
	dir, err := materialize(t, s, id)
	require.NoError(t, err)
	for path, want := range map[string]string{"data/a": "first", "data/b/c": ""} {
		got, err := os.ReadFile(filepath.Join(dir, path))
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	_, err = s.Manifest(t.Context(), id+1)
	require.True(t, models.IsKind(err, models.KindNotFound))
	outside := models.Manifest{Entries: []models.ManifestEntry{{Path: "../x", Key: "a"}}}
	require.True(t, models.IsKind(s.Materialize(t.Context(), outside, dir), models.KindInvalid))
}

func TestBytesThatWereChangedAreNoticed(t *testing.T) {
	t.Parallel()
	for name, changed := range map[string]string{"another byte": "fIrst", "fewer bytes": "firs", "more bytes": "firsts", "no bytes": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, blobs := database(t), mem.New(time.Now)
			s := artifact.New(db, blobs)
			id := cite(t, db, put(t, s, "a", "first"))
			_, err := blobs.Put(t.Context(), "a", strings.NewReader(changed), -1)
			require.NoError(t, err)
			_, err = materialize(t, s, id)
			require.True(t, models.IsKind(err, models.KindConflict), "%v", err)
			require.ErrorContains(t, err, "data/a is not what was registered")
		})
	}
	db, blobs := database(t), mem.New(time.Now)
	s := artifact.New(db, blobs)
	id := cite(t, db, put(t, s, "a", "first"))
	require.NoError(t, blobs.Delete(t.Context(), "a"))
	_, err := materialize(t, s, id)
	require.True(t, models.IsKind(err, models.KindConflict), "%v", err)
	require.ErrorContains(t, err, "data/a")
}

// full is a store whose disk is full when the last byte has come.
type full struct{ blob.Store }

func (f full) Put(_ context.Context, _ string, r io.Reader, _ int64) (blob.Object, error) {
	_, err := io.Copy(io.Discard, r)
	return blob.Object{}, errors.Join(err, models.Errorf(models.KindUnavailable, "full"))
}

func TestAnUploadThatFailsAtItsEndLosesNothing(t *testing.T) {
	t.Parallel()
	db, blobs := database(t), mem.New(time.Now)
	s := artifact.New(db, blobs)
	id := cite(t, db, put(t, s, "a", "first"))
	_, err := artifact.New(db, full{blobs}).Put(t.Context(), "a", strings.NewReader("second"), -1)
	require.True(t, models.IsKind(err, models.KindUnavailable), "%v", err)
	_, err = materialize(t, s, id)
	require.NoError(t, err)
	f, err := s.File(t.Context(), "a")
	require.NoError(t, err)
	require.Empty(t, f.SHA256, "what may have been replaced has no digest any more")
}

func TestBytesChangedByHandDoNotPassForOthers(t *testing.T) {
	t.Parallel()
	db, blobs := database(t), mem.New(time.Now)
	s := artifact.New(db, blobs)
	a := put(t, s, "a", "first")
	id := cite(t, db, a)
	_, err := blobs.Put(t.Context(), "a", strings.NewReader("FIRST"), -1)
	require.NoError(t, err)
	put(t, s, "a", "second")
	_, err = materialize(t, s, id)
	require.True(t, models.IsKind(err, models.KindConflict), "%v", err)
	_, err = blobs.Stat(t.Context(), blob.Reserved+"/sha256/"+a.SHA256[:2]+"/"+a.SHA256)
	require.True(t, models.IsKind(err, models.KindNotFound), "%v", err)
}
