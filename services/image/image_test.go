package image_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/deploy/oci"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/image"
	"github.com/slipway-ml/slipway/services/job"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/blob"
	"github.com/slipway-ml/slipway/storage/blob/local"
	"github.com/slipway-ml/slipway/storage/sqlstore"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
)

// files keeps the files of versions in memory.
type files struct {
	mu       sync.Mutex
	versions map[int64]map[string]string
	opened   atomic.Int64
}

func (f *files) Manifest(_ context.Context, id int64) (models.Manifest, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var m models.Manifest
	all := sha256.New()
	for _, path := range slices.Sorted(maps.Keys(f.versions[id])) {
		sum := sha256.Sum256([]byte(f.versions[id][path]))
		e := models.ManifestEntry{Path: path, Size: int64(len(f.versions[id][path])), SHA256: hex.EncodeToString(sum[:]), Key: f.versions[id][path]}
		m.Entries = append(m.Entries, e)
		_, _ = io.WriteString(all, e.Path+e.SHA256)
	}
	m.Digest = hex.EncodeToString(all.Sum(nil))
	return m, nil
}

func (f *files) Open(_ context.Context, e models.ManifestEntry) (io.ReadCloser, error) {
	f.opened.Add(1)
	return io.NopCloser(strings.NewReader(e.Key)), nil
}

// world is a service on a database and a store of its own.
type world struct {
	*image.Service
	files *files
	db    storage.DB
	dir   string
}

// programs is a folder with a dynamic program and a library in the places of
// slipway-serve and ONNX Runtime.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "slipway-programs-")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(dir, "slipway-serve"), "github.com/slipway-ml/slipway/deploy/deploytest/server")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := build.CombinedOutput(); err != nil {
		return "", errors.New(string(out))
	}
	library, err := exec.Command("cc", "-print-file-name=libstdc++.so.6").Output()
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(strings.TrimSpace(string(library)))
	if err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, "libonnxruntime.so"), data, 0o600)
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := programs(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	runtimeDir, err := programs()
	require.NoError(t, err)
	dir := t.TempDir()
	db, err := sqlstore.Open(t.Context(), postgres.OrSQLite(t, dir), sqlstore.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	blobs, err := local.New(filepath.Join(dir, "artifacts"))
	require.NoError(t, err)
	w := &world{files: &files{versions: map[int64]map[string]string{}}, db: db, dir: dir}
	w.Service = image.New(image.Config{DB: db, Blobs: blobs, Files: w.files, RuntimeDir: runtimeDir})
	return w
}

// register adds a version with files.
func (w *world) register(t *testing.T, content map[string]string) (v models.Version) {
	t.Helper()
	require.NoError(t, w.db.InTx(t.Context(), func(tx storage.Tx) error {
		const model = "shapes"
		m, err := tx.RegisteredModels().Get(model)
		if models.IsKind(err, models.KindNotFound) {
			m, err = tx.RegisteredModels().Create(models.RegisteredModel{Name: model})
		}
		if err != nil {
			return err
		}
		v, err = tx.Versions().Create(models.Version{ModelID: m.ID, Model: model, Source: "s"})
		return err
	}))
	w.files.versions[v.ID] = content
	return v
}

func onnx(weights string) map[string]string {
	return map[string]string{"MLmodel": "flavors:\n  onnx: {data: model.onnx}\n  python_function: {}\n", "model.onnx": weights, "data/größe 1.txt": "x"}
}

func TestAnImageIsTheSameBitForBit(t *testing.T) {
	var digests []string
	for _, umask := range []int{0o022, 0o077} { // two machines, as far as it can tell
		old := syscall.Umask(umask)
		t.Cleanup(func() { syscall.Umask(old) })
		w := newWorld(t)
		img, err := w.Build(t.Context(), w.register(t, onnx("weights")).ID)
		require.NoError(t, err)
		require.Equal(t, models.ImageReady, img.State)
		digests = append(digests, img.Digest)
	}
	require.Equal(t, digests[0], digests[1])
}

func TestWhatIsInAnImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	built, err := w.Build(t.Context(), w.register(t, onnx("weights")).ID)
	require.NoError(t, err)
	img, err := oci.Open(t.Context(), w, built.Digest)
	require.NoError(t, err)
	require.NoError(t, validate.Image(img), "go-containerregistry finds no fault")
	config, err := img.ConfigFile()
	require.NoError(t, err)
	require.Equal(t, "65532:65532", config.Config.User)
	require.Equal(t, []string{
		"/slipway/bin/slipway-serve", "--model", "/model", "--name", "shapes", "--version", "1",
		"--host", "0.0.0.0", "--port", "8080", "--ort", "/slipway/lib/libonnxruntime.so",
	}, config.Config.Entrypoint)
	require.True(t, config.Created.IsZero())
	layers, err := img.Layers()
	require.NoError(t, err)
	require.Len(t, layers, 3)

	found := map[string]*tar.Header{}
	contents := map[string]string{}
	flat := mutate.Extract(img)
	defer flat.Close()
	for archive := tar.NewReader(flat); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		require.Zero(t, h.Uid, h.Name)
		require.Zero(t, h.ModTime.Unix(), h.Name)
		found[strings.TrimSuffix(h.Name, "/")] = h
		data, err := io.ReadAll(archive)
		require.NoError(t, err)
		contents[h.Name] = string(data)
	}
	require.Equal(t, int64(0o755), found["slipway/bin/slipway-serve"].Mode)
	require.Equal(t, int64(0o644), found["model/model.onnx"].Mode)
	require.Equal(t, "weights", contents["model/model.onnx"])
	require.Equal(t, "x", contents["model/data/größe 1.txt"])
	require.Contains(t, contents["etc/passwd"], "nonroot:x:65532")

	var recorded []models.ImageComponent
	require.NoError(t, json.Unmarshal([]byte(contents["slipway/base.json"]), &recorded))
	require.Equal(t, built.Components, recorded)
	names := map[string]models.ImageComponent{}
	for _, c := range built.Components {
		names[filepath.Base(c.Path)] = c
		sum := sha256.Sum256([]byte(contents[strings.TrimPrefix(c.Path, "/")]))
		require.Equal(t, c.Digest, "sha256:"+hex.EncodeToString(sum[:]), c.Path)
	}
	for _, needed := range []string{"libc.so.6", "libm.so.6", "libgcc_s.so.1"} {
		require.Contains(t, names, needed)
	}
	if _, err := os.Stat("/var/lib/dpkg/status"); err == nil {
		require.Equal(t, "libc6", names["libc.so.6"].Package)
		require.Regexp(t, `^2\.`, names["libc.so.6"].Version)
	}

	path, err := layout.FromPath(filepath.Join(w.dir, "artifacts", ".slipway", "images"))
	require.NoError(t, err)
	index, err := path.ImageIndex()
	require.NoError(t, err)
	require.NoError(t, validate.Index(index), "other tools read the layout")
	manifest, err := index.IndexManifest()
	require.NoError(t, err)
	require.Equal(t, built.Digest, manifest.Manifests[0].Digest.String())
	require.Equal(t, "shapes:1", manifest.Manifests[0].Annotations["org.opencontainers.image.ref.name"])
}

func TestTheNextVersionAddsItsModelAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	count := func() int {
		entries, err := os.ReadDir(filepath.Join(w.dir, "artifacts", ".slipway", "images", "blobs", "sha256"))
		require.NoError(t, err)
		return len(entries)
	}
	first, err := w.Build(t.Context(), w.register(t, onnx("one")).ID)
	require.NoError(t, err)
	require.Equal(t, 5, count())
	second, err := w.Build(t.Context(), w.register(t, onnx("two")).ID)
	require.NoError(t, err)
	require.Equal(t, 8, count(), "a model layer, a config and a manifest more")
	require.Equal(t, first.Layers[:2], second.Layers[:2])
	require.NotEqual(t, first.Layers[2], second.Layers[2])
	uploads, err := os.ReadDir(filepath.Join(w.dir, "artifacts", ".slipway", "images", "uploads"))
	if err == nil {
		require.Empty(t, uploads)
	}
}

func TestBuildingAtOnceBuildsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.register(t, map[string]string{"model.onnx": "weights"})
	var g sync.WaitGroup
	digests := make([]string, 4)
	for i := range digests {
		g.Go(func() {
			img, err := w.Build(t.Context(), v.ID)
			if err != nil {
				t.Error(err)
			}
			digests[i] = img.Digest
		})
	}
	g.Wait()
	for _, d := range digests {
		require.Equal(t, digests[0], d)
	}
	require.Equal(t, int64(1), w.files.opened.Load(), "the model was read once")
	list, err := w.OfVersion(t.Context(), "shapes", 1, 0, 10)
	require.NoError(t, err)
	require.Len(t, list, 1)
}

func TestWhatABuildLostIsMadeAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.register(t, onnx("weights"))
	first, err := w.Build(t.Context(), v.ID)
	require.NoError(t, err)
	for _, lost := range []string{first.Digest, first.ConfigDigest, first.Layers[0].Digest, first.Layers[2].Digest} {
		require.NoError(t, os.Remove(filepath.Join(w.dir, "artifacts", ".slipway", "images", "blobs", "sha256", strings.TrimPrefix(lost, "sha256:"))))
		again, err := w.Build(t.Context(), v.ID)
		require.NoError(t, err)
		require.Equal(t, first.Digest, again.Digest)
		require.Equal(t, first.ID, again.ID)
		opened, err := oci.Open(t.Context(), w, again.Digest)
		require.NoError(t, err)
		require.NoError(t, validate.Image(opened))
	}
}

func TestAVersionThatCannotBeBuilt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files  map[string]string
		change func(*image.Config)
		want   string
		kind   models.Kind
	}{
		"no files":                  {files: nil, want: "has no files", kind: models.KindInvalid},
		"no model that we serve":    {files: map[string]string{"MLmodel": "flavors: {sklearn: {}, python_function: {}}"}, want: "the flavours python_function, sklearn", kind: models.KindInvalid},
		"two bare models":           {files: map[string]string{"a.onnx": "", "b.onnx": ""}, want: "no MLmodel and 2 files", kind: models.KindInvalid},
		"an MLmodel that is none":   {files: map[string]string{"MLmodel": "{"}, want: "does not parse", kind: models.KindInvalid},
		"a path that climbs":        {files: map[string]string{"../x.onnx": ""}, want: `"../x.onnx" cannot stand in an image`, kind: models.KindInvalid},
		"no runtime on this server": {files: onnx(""), change: func(c *image.Config) { c.RuntimeDir = "/no/such" }, want: "no slipway-serve in /no/such", kind: models.KindConflict},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if c.change != nil {
				c.change(&w.Config)
			}
			_, err := w.Build(t.Context(), w.register(t, c.files).ID)
			require.ErrorContains(t, err, c.want)
			require.Equal(t, c.kind, models.KindOf(err))
		})
	}
}

// liar gives other bytes than the manifest names.
type liar struct{ image.Files }

func (l liar) Open(ctx context.Context, e models.ManifestEntry) (io.ReadCloser, error) {
	if e.Path == "model.onnx" {
		return io.NopCloser(bytes.NewReader(bytes.Repeat([]byte("y"), int(e.Size)))), nil
	}
	return l.Files.Open(ctx, e)
}

func TestFilesThatChangeAreNotPacked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.register(t, onnx("weights"))
	w.Files = liar{w.Files}
	_, err := w.Build(t.Context(), v.ID)
	require.ErrorContains(t, err, "model/model.onnx: its bytes changed")
	list, err := w.OfVersion(t.Context(), "shapes", 1, 0, 10)
	require.NoError(t, err)
	require.Equal(t, models.ImageFailed, list[0].State)
	w.Files = w.files
	img, err := w.Build(t.Context(), v.ID)
	require.NoError(t, err, "it may be tried again")
	require.Equal(t, models.ImageReady, img.State)
	require.Empty(t, img.Reason)
}

// cutting fails each write after a number of them.
type cutting struct {
	blob.Store
	left atomic.Int64
}

func (c *cutting) Put(ctx context.Context, key string, r io.Reader, size int64) (blob.Object, error) {
	if c.left.Add(-1) < 0 {
		return blob.Object{}, models.Errorf(models.KindUnavailable, "the store is away")
	}
	return c.Store.Put(ctx, key, r, size)
}

func TestABuildGoesOnWhereItWasCut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.register(t, onnx("weights"))
	store := &cutting{Store: w.Blobs}
	w.Blobs = store
	worker := image.Worker{Images: w.Service}
	args, err := json.Marshal(map[string]int64{"version_id": v.ID})
	require.NoError(t, err)
	cuts := 0
	for {
		store.left.Store(1) // one more object each time
		if err = worker.Work(t.Context(), job.Job{Args: args}); err == nil {
			break
		}
		require.Equal(t, models.KindUnavailable, models.KindOf(err))
		list, err := w.OfVersion(t.Context(), "shapes", 1, 0, 10)
		require.NoError(t, err)
		require.NotEqual(t, models.ImageFailed, list[0].State, "a store that is away is nobody's fault")
		if cuts++; cuts == 3 {
			store.left.Store(100)
		}
		require.Less(t, cuts, 10)
		if cuts >= 3 {
			require.NoError(t, worker.Work(t.Context(), job.Job{Args: args}))
			break
		}
	}
	require.Equal(t, 3, cuts, "a layer was made in each run")
	list, err := w.OfVersion(t.Context(), "shapes", 1, 0, 10)
	require.NoError(t, err)
	require.Equal(t, models.ImageReady, list[0].State)
}

func TestOnlyAValidatedVersionIsBuiltOnRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.register(t, onnx("weights"))
	refused := func(want string) {
		t.Helper()
		_, err := w.Request(t.Context(), "shapes", 1)
		require.ErrorContains(t, err, want)
		require.Equal(t, models.KindConflict, models.KindOf(err))
	}
	refused("has no pipeline")
	pipeline := func(steps ...models.StepSpec) models.PipelineRevision {
		var rev models.PipelineRevision
		require.NoError(t, w.db.InTx(t.Context(), func(tx storage.Tx) (err error) {
			rev, err = tx.Pipelines().Add(models.PipelineRevision{
				ModelID: v.ModelID, Model: "shapes", Document: []byte("x"),
				Pipeline: models.Pipeline{Model: "shapes", Validation: models.ValidationSpec{Steps: steps}},
			})
			return err
		}))
		return rev
	}
	rev := pipeline(models.StepSpec{Name: "onnx", Check: "onnx"})
	refused("has not been validated")
	validation := func(states ...models.ValidationState) {
		require.NoError(t, w.db.InTx(t.Context(), func(tx storage.Tx) error {
			made, err := tx.Validations().Create(models.Validation{VersionID: v.ID, RevisionID: rev.ID})
			for _, s := range states {
				if err == nil {
					err = tx.Validations().SetState(made.ID, s, "")
				}
			}
			return err
		}))
	}
	validation()
	refused("still being validated")
	validation(models.ValidationRunning, models.ValidationFailed)
	refused("did not pass its validation: it failed")
	validation(models.ValidationRunning, models.ValidationPassed)
	img, err := w.Request(t.Context(), "shapes", 1)
	require.NoError(t, err)
	require.Equal(t, models.ImagePending, img.State)
	again, err := w.Request(t.Context(), "shapes", 1)
	require.NoError(t, err)
	require.Equal(t, img.ID, again.ID)
	built, err := w.Build(t.Context(), v.ID)
	require.NoError(t, err)
	require.Equal(t, img.ID, built.ID)
	ready, err := w.Request(t.Context(), "shapes", 1)
	require.NoError(t, err)
	require.Equal(t, built.Digest, ready.Digest)
	require.WithinDuration(t, time.Now(), *ready.EndedAt, time.Minute)
	_, err = w.Request(t.Context(), "shapes", 99)
	require.Equal(t, models.KindNotFound, models.KindOf(err))
}
