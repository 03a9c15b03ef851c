package registry_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/artifact"
	"github.com/slipway-ml/slipway/services/job"
	"github.com/slipway-ml/slipway/services/registry"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/blob/local"
	"github.com/slipway-ml/slipway/storage/sqlstore"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
)

type house struct {
	db        storage.DB
	blobs     *local.Store
	artifacts *artifact.Service
	registry  *registry.Service
	logged    string // a logged model's id
}

const root = "0/models/m-1/artifacts/"

func build(t *testing.T) house {
	t.Helper()
	db, err := sqlstore.Open(t.Context(), postgres.OrSQLite(t, t.TempDir()), sqlstore.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	blobs, err := local.New(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { _ = blobs.Close() })
	h := house{db: db, blobs: blobs, artifacts: artifact.New(db, blobs), registry: &registry.Service{DB: db, Blobs: blobs}, logged: "m-1"}
	require.NoError(t, db.InTx(t.Context(), func(tx storage.Tx) error {
		id, err := tx.Experiments().Create(models.Experiment{Name: "e", ArtifactLocation: "mlflow-artifacts:/0"})
		if err != nil {
			return err
		}
		_, err = tx.LoggedModels().Create(models.LoggedModel{
			ID: h.logged, ExperimentID: id, Name: "model", Status: models.LoggedModelReady, ArtifactURI: "mlflow-artifacts:/" + strings.TrimSuffix(root, "/"),
		})
		return err
	}))
	_, err = h.registry.CreateModel(t.Context(), "m", "", nil)
	require.NoError(t, err)
	return h
}

func (h house) put(t *testing.T, path, content string) {
	t.Helper()
	_, err := h.artifacts.Put(t.Context(), root+path, strings.NewReader(content), -1)
	require.NoError(t, err)
}

func (h house) register(t *testing.T) models.Version {
	t.Helper()
	v, err := h.registry.Register(t.Context(), registry.NewVersion{Model: "m", Source: "models:/" + h.logged, LoggedModelID: &h.logged})
	require.NoError(t, err)
	return v
}

// hash does the job that was enqueued for a version.
func (h house) hash(t *testing.T, v models.Version) {
	t.Helper()
	args, err := json.Marshal(map[string]int64{"version_id": v.ID})
	require.NoError(t, err)
	require.NoError(t, registry.Hash{Service: h.registry}.Work(t.Context(), job.Job{Args: args}))
}

func (h house) materialize(t *testing.T, v models.Version) {
	t.Helper()
	m, err := h.artifacts.Manifest(t.Context(), v.ID)
	require.NoError(t, err)
	require.NotEmpty(t, m.Digest)
	require.NoError(t, h.artifacts.Materialize(t.Context(), m, t.TempDir()), v.Ref())
}

func TestVersionsMadeWhileFilesAreReplacedAreWhole(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.put(t, "a", "0")
	var versions [8]models.Version
	var wg sync.WaitGroup
	for i := range versions {
		wg.Go(func() { h.put(t, "a", fmt.Sprint("content ", i)) })
		wg.Go(func() { h.put(t, fmt.Sprint("b", i%2), strings.Repeat("x", 1000*i)) })
		wg.Go(func() { versions[i] = h.register(t) })
	}
	wg.Go(func() {
		if err := h.artifacts.Delete(t.Context(), root+"b0"); err != nil {
			t.Error(err)
		}
	})
	wg.Wait()
	for _, v := range versions {
		h.hash(t, v) // those that met a file in the middle of a change
		h.materialize(t, v)
	}
}

func TestTheHashJobGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	h := build(t)
	for _, name := range []string{"a", "b"} {
		_, err := h.blobs.Put(t.Context(), root+name, strings.NewReader("by hand "+name), -1)
		require.NoError(t, err)
	}
	v := h.register(t)
	require.Equal(t, models.FilesHashing, v.Files)
	_, err := h.artifacts.Manifest(t.Context(), v.ID)
	require.True(t, models.IsKind(err, models.KindConflict), "%v", err)

	require.NoError(t, h.db.InTx(t.Context(), func(tx storage.Tx) error { // as if the first run had died here
		return tx.Manifests().Seal(v.ID, root+"a", models.ManifestEntry{Path: "a", Size: 9, SHA256: "made before", Key: "kept"})
	}))
	h.hash(t, v)
	m, err := h.artifacts.Manifest(t.Context(), v.ID)
	require.NoError(t, err)
	require.Equal(t, "made before", m.Entries[0].SHA256)
	require.Equal(t, int64(9), m.Entries[1].Size)
	before := m.Digest
	h.hash(t, v)
	m, err = h.artifacts.Manifest(t.Context(), v.ID)
	require.NoError(t, err)
	require.Equal(t, before, m.Digest)

	require.NoError(t, h.registry.DeleteVersion(t.Context(), "m", v.Number))
	h.hash(t, v)
}
