package gc_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/artifact"
	"github.com/slipway-ml/slipway/services/gc"
	"github.com/slipway-ml/slipway/services/job"
	"github.com/slipway-ml/slipway/services/registry"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/blob"
	"github.com/slipway-ml/slipway/storage/blob/local"
	"github.com/slipway-ml/slipway/storage/sqlstore"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
)

// site is what gc works on, with those who use it at the same time.
type site struct {
	t         *testing.T
	dir       string // of the artifacts
	db        storage.DB
	blobs     *hooked
	artifacts *artifact.Service
	registry  *registry.Service
	gc        *gc.Service
	runKey    int64
}

// hooked is a store that lets a test act at two points of a collection: when a
// folder has been listed and nothing has been chosen, and when what goes has
// been marked in the database and stands there still.
type hooked struct {
	blob.Store
	listed func(folder string)
	marked func(keys []string)
}

func (h *hooked) Unwrap() blob.Store { return h.Store }

func (h *hooked) Walk(ctx context.Context, folder string, fn func(blob.Object) error) error {
	err := h.Store.Walk(ctx, folder, fn)
	if h.listed != nil {
		h.listed(folder)
	}
	return err
}

func (h *hooked) DeleteFiles(ctx context.Context, keys []string) error {
	if h.marked != nil {
		h.marked(keys)
	}
	return h.Store.DeleteFiles(ctx, keys)
}

// idle builds no images.
type idle struct{}

func (idle) Paused(fn func() error) (bool, error) { return true, fn() }
func (idle) Relist(context.Context) error         { return nil }

// databases are both, each fresh.
func databases(t *testing.T) map[string]func(*testing.T) string {
	t.Helper()
	return map[string]func(*testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite:///" + filepath.Join(t.TempDir(), "slipway.db") },
		"postgres": func(t *testing.T) string { return postgres.Database(t) },
	}
}

func build(t *testing.T, uri string) *site {
	t.Helper()
	db, err := sqlstore.Open(t.Context(), uri, sqlstore.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	dir := filepath.Join(t.TempDir(), "artifacts")
	folder, err := local.New(dir)
	require.NoError(t, err)
	t.Cleanup(func() { _ = folder.Close() })
	metrics, err := gc.NewMetrics(prometheus.NewRegistry())
	require.NoError(t, err)
	s := &site{t: t, dir: dir, db: db, blobs: &hooked{Store: folder}}
	roots := models.ArtifactRoots{Default: "mlflow-artifacts:/"}
	s.artifacts = artifact.New(db, s.blobs)
	s.artifacts.Roots = roots
	s.registry = &registry.Service{DB: db, Blobs: s.blobs, Roots: roots}
	s.gc = &gc.Service{DB: db, Blobs: s.blobs, Builds: idle{}, Roots: roots, Log: slog.New(slog.DiscardHandler), Metrics: metrics}
	_, err = s.registry.CreateModel(t.Context(), "m", "", nil)
	require.NoError(t, err)
	require.NoError(t, db.InTx(t.Context(), func(tx storage.Tx) error {
		experiment, err := tx.Experiments().Create(models.Experiment{Name: "e", ArtifactLocation: "mlflow-artifacts:/1"})
		if err != nil {
			return err
		}
		s.runKey, err = tx.Runs().Create(models.Run{ID: run, ExperimentID: experiment, Name: "r", Status: models.RunRunning, Lifecycle: models.LifecycleActive, ArtifactURI: "mlflow-artifacts:/" + root})
		return err
	}))
	return s
}

// The one run, and where its files are.
const (
	run  = "0123456789abcdef0123456789abcdef"
	root = "1/" + run + "/artifacts"
)

// put uploads a file of the run.
func (s *site) put(path, content string) {
	s.t.Helper()
	_, err := s.artifacts.Put(s.t.Context(), root+"/"+path, strings.NewReader(content), int64(len(content)))
	require.NoError(s.t, err)
}

// source is a version of a folder of the run.
func source(folder string) registry.NewVersion {
	id := run
	return registry.NewVersion{Model: "m", Source: "runs:/" + run + "/" + folder, RunID: &id}
}

func (s *site) register(folder string) models.Version {
	s.t.Helper()
	v, err := s.registry.Register(s.t.Context(), source(folder))
	require.NoError(s.t, err)
	require.Equal(s.t, models.FilesFrozen, v.Files)
	return v
}

// entry is the file of a version, as its manifest has it now, and what it says.
func (s *site) entry(v models.Version) (key, content string) {
	s.t.Helper()
	m, err := s.artifacts.Manifest(s.t.Context(), v.ID)
	require.NoError(s.t, err)
	e, ok := m.Find("f")
	require.True(s.t, ok)
	r, err := s.artifacts.Open(s.t.Context(), e)
	require.NoError(s.t, err)
	defer func() { _ = r.Close() }()
	raw, err := io.ReadAll(r)
	require.NoError(s.t, err)
	return e.Key, string(raw)
}

// collect runs a collection to its end.
func (s *site) collect() models.GC {
	s.t.Helper()
	g, err := s.gc.Start(s.t.Context(), 0, false)
	require.NoError(s.t, err)
	args, err := json.Marshal(map[string]int64{"gc_id": g.ID})
	require.NoError(s.t, err)
	require.NoError(s.t, gc.Worker{Service: s.gc}.Work(s.t.Context(), job.Job{ID: 1, Kind: models.JobGC, Args: args}))
	g, err = s.gc.Get(s.t.Context(), g.ID)
	require.NoError(s.t, err)
	require.Equal(s.t, models.GCDone, g.State, g.Reason)
	return g
}

// kept leaves bytes under their digest that nobody cites, and gives their key:
// those of a version that is deleted. A file is dated before the collection.
func (s *site) kept(content string) string {
	s.t.Helper()
	s.put("first/f", content)
	v := s.register("first")
	s.put("first/f", "another")
	key, was := s.entry(v)
	require.True(s.t, strings.HasPrefix(key, blob.Reserved+"/sha256/"), key)
	require.Equal(s.t, content, was)
	require.NoError(s.t, s.registry.DeleteVersion(s.t.Context(), "m", v.Number))
	<-time.After(10 * time.Millisecond)
	return key
}
