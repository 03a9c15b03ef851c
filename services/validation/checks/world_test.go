package checks_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/deploy/process"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/artifact"
	"github.com/slipway-ml/slipway/services/dataset"
	"github.com/slipway-ml/slipway/services/job"
	"github.com/slipway-ml/slipway/services/pipeline"
	"github.com/slipway-ml/slipway/services/validation"
	"github.com/slipway-ml/slipway/services/validation/checks"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/blob"
	"github.com/slipway-ml/slipway/storage/blob/mem"
	"github.com/slipway-ml/slipway/storage/sqlstore"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
)

func TestMain(m *testing.M) {
	process.Supervise()
	os.Exit(m.Run())
}

const shapes = "../../../tests/data/shapes"

// world is the validation service on a real database, store and runner.
type world struct {
	*validation.Service
	t     *testing.T
	db    *sqlstore.DB
	blobs blob.Store
	sets  *dataset.Service
	tags  map[string][]string // of the images that push pushes, by path
	run   string              // of the versions that register registers
	runs  int                 // that registerOf has made
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	db, err := sqlstore.Open(t.Context(), postgres.OrSQLite(t, dir), sqlstore.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	blobs := mem.New(time.Now)
	bin, err := filepath.Abs("../../../bin")
	require.NoError(t, err)
	sets := &dataset.Service{DB: db, Blobs: blobs}
	return &world{
		t: t, db: db, blobs: blobs, sets: sets,
		Service: &validation.Service{
			DB: db, Blobs: blobs, Files: artifact.New(db, blobs), Datasets: sets, Runner: process.Runner{},
			Steps: map[string]deploy.Runner{models.StepsProcess: process.Runner{}}, Checks: checks.All(),
			Settings: validation.Settings{
				Work: filepath.Join(dir, "work"), Serve: filepath.Join(bin, "slipway-serve"), Runtime: filepath.Join(bin, "libonnxruntime.so"),
				Python: "python3", Parallel: runtime.NumCPU(), Server: db.ServerID(),
			},
		},
	}
}

// needServe skips a test where slipway-serve is not built.
func (w *world) needServe() {
	w.t.Helper()
	for _, file := range []string{w.Settings.Serve, w.Settings.Runtime} {
		if _, err := os.Stat(file); err != nil {
			if os.Getenv("SLIPWAY_TEST_REQUIRE") != "" {
				w.t.Fatalf("%s is missing: make build", file)
			}
			w.t.Skipf("%s is missing: make build", file)
		}
	}
}

type files map[string]string

// onnxFiles is a version with the ONNX file of one of the shapes detectors.
func onnxFiles(t *testing.T, model string) files {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(shapes, model+".onnx"))
	require.NoError(t, err)
	return files{
		"MLmodel": "flavors:\n  onnx:\n    data: model.onnx\n    onnx_version: 1.17.0\n  python_function:\n    data: model.onnx\n" +
			"    env: {virtualenv: python_env.yaml}\n    loader_module: mlflow.onnx\n",
		"model.onnx": string(text), "python_env.yaml": "python: 3.11.2\n", "requirements.txt": "mlflow==3.17.2\nonnx==1.17.0\n",
	}
}

// register registers files as a version of the model m.
func (w *world) register(f files) models.Version {
	w.t.Helper()
	var v models.Version
	var entries []models.ManifestEntry
	for path, text := range f {
		sum := sha256.Sum256([]byte(text))
		e := models.ManifestEntry{Path: path, Size: int64(len(text)), SHA256: hex.EncodeToString(sum[:])}
		e.Key = "files/" + e.SHA256
		_, err := w.blobs.Put(w.t.Context(), e.Key, strings.NewReader(text), e.Size)
		require.NoError(w.t, err)
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b models.ManifestEntry) int { return strings.Compare(a.Path, b.Path) })
	require.NoError(w.t, w.db.InTx(w.t.Context(), func(tx storage.Tx) error {
		model, err := tx.RegisteredModels().Get("m")
		if err != nil {
			model, err = tx.RegisteredModels().Create(models.RegisteredModel{Name: "m"})
		}
		if err != nil {
			return err
		}
		if v, err = tx.Versions().Create(models.Version{
			ModelID: model.ID, Model: "m", Stage: models.StageNone, Source: "mlflow-artifacts:/1/x/artifacts/model", Files: models.FilesFrozen,
			RunID: w.run,
		}); err != nil {
			return err
		}
		return tx.Manifests().Put(v.ID, entries)
	}))
	return v
}

// apply makes steps the pipeline of the model m.
func (w *world) apply(steps string) {
	w.t.Helper()
	grammar, err := pipeline.NewGrammar(checks.Declared())
	require.NoError(w.t, err)
	text := "model: m\nvalidation:\n  steps:\n" + steps + "\nenvironments:\n  production: {target: process}\n"
	_, err = (&pipeline.Service{DB: w.db, Grammar: grammar}).Apply(w.t.Context(), "m", []byte(text), "")
	require.NoError(w.t, err)
}

// push pushes the labelled shapes as shapes-val@1, with changes.
func (w *world) push(changes files) {
	w.t.Helper()
	all := files{}
	for _, part := range []string{"data.yaml", "val"} {
		require.NoError(w.t, filepath.WalkDir(filepath.Join(shapes, part), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			rel, _ := filepath.Rel(shapes, path)
			all[filepath.ToSlash(rel)] = string(text)
			return err
		}))
	}
	for path, text := range changes {
		all[path] = text
	}
	w.pushAll("shapes-val", all)
}

// pushAll pushes files as a data set's first version.
func (w *world) pushAll(name string, all files) {
	w.t.Helper()
	ctx := w.t.Context()
	_, err := w.sets.Create(ctx, name, "")
	require.NoError(w.t, err)
	var manifest []models.DatasetFile
	texts := map[string]string{}
	for path, text := range all {
		sum := sha256.Sum256([]byte(text))
		f := models.DatasetFile{Path: path, Size: int64(len(text)), SHA256: hex.EncodeToString(sum[:]), Tags: w.tags[path]}
		manifest, texts[f.SHA256] = append(manifest, f), text
	}
	v, missing, err := w.sets.Begin(ctx, name, manifest, models.DatasetSettings{})
	require.NoError(w.t, err)
	ref := models.DatasetRef{Name: name, Version: v.Number}
	for _, f := range missing {
		require.NoError(w.t, w.sets.Upload(ctx, ref, f.SHA256, strings.NewReader(texts[f.SHA256])))
	}
	_, err = w.sets.Commit(ctx, ref)
	require.NoError(w.t, err)
}

// validate asks for a validation of a version and does it.
func (w *world) validate(v models.Version) models.Validation {
	w.t.Helper()
	created, err := w.Create(w.t.Context(), v.Model, v.Number, validation.Ask{})
	require.NoError(w.t, err)
	return w.work(w.t.Context(), created.ID)
}

func (w *world) work(ctx context.Context, id int64) models.Validation {
	w.t.Helper()
	raw, err := json.Marshal(map[string]int64{"validation_id": id})
	require.NoError(w.t, err)
	require.NoError(w.t, validation.Validate{Service: w.Service}.Work(ctx, job.Job{Args: raw}))
	done, err := w.Get(context.WithoutCancel(ctx), id)
	require.NoError(w.t, err)
	return done
}

// measured gives a step's figures by name.
func measured(s models.StepResult) map[string]float64 {
	m := map[string]float64{}
	for _, f := range s.Measurements {
		m[f.Name] = f.Value
	}
	return m
}

// said gives what a step found, a line each.
func said(s models.StepResult) string {
	var lines []string
	for _, f := range s.Findings {
		lines = append(lines, string(f.Severity)+": "+f.Where+": "+f.Message)
	}
	return strings.Join(append(lines, s.Reason), "\n")
}

// alias points an alias at a version.
func (w *world) alias(name string, v models.Version) {
	w.t.Helper()
	require.NoError(w.t, w.db.InTx(w.t.Context(), func(tx storage.Tx) error {
		return tx.RegisteredModels().SetAlias(v.ModelID, name, v.Number)
	}))
}

// release makes a version what production runs.
func (w *world) release(v models.Version) {
	w.t.Helper()
	require.NoError(w.t, w.db.InTx(w.t.Context(), func(tx storage.Tx) error {
		env, err := tx.Environments().Ensure(v.ModelID, "production")
		if err != nil {
			return err
		}
		p, err := tx.Promotions().Create(models.Promotion{EnvironmentID: env.ID, VersionID: v.ID})
		if err != nil {
			return err
		}
		r, err := tx.Releases().Create(models.Release{EnvironmentID: env.ID, VersionID: v.ID, PromotionID: p.ID})
		if err != nil {
			return err
		}
		return tx.Environments().SetStable(env.ID, r.ID)
	}))
}

// zeros gives n bytes that are none of the expected ones.
func zeros(n int64) io.Reader { return strings.NewReader(strings.Repeat("0", int(n))) }
