package deploytest_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/deploy/deploytest"
	"github.com/slipway-ml/slipway/deploy/docker"
	"github.com/slipway-ml/slipway/deploy/process"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/image"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/blob/local"
	"github.com/slipway-ml/slipway/storage/sqlstore"
	"github.com/slipway-ml/slipway/tests/testbed"
	engine "github.com/slipway-ml/slipway/tests/testbed/docker"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
)

func TestMain(m *testing.M) {
	process.Supervise()
	os.Exit(m.Run())
}

// oneFile is a version of one file on disk.
type oneFile map[int64]string

func (f oneFile) Manifest(_ context.Context, id int64) (models.Manifest, error) {
	data, err := os.ReadFile(f[id])
	sum := sha256.Sum256(data)
	digest := hex.EncodeToString(sum[:])
	return models.Manifest{Digest: digest, Entries: []models.ManifestEntry{
		{Path: "model.onnx", Size: int64(len(data)), SHA256: digest, Key: f[id]},
	}}, err
}

func (f oneFile) Open(_ context.Context, e models.ManifestEntry) (io.ReadCloser, error) {
	return os.Open(e.Key)
}

// realImages are what Slipway itself makes: of a detector, and of a model that
// is cut off.
func realImages(t *testing.T) deploytest.Images {
	t.Helper()
	bin, dir := testbed.Bin(t), t.TempDir()
	db, err := sqlstore.Open(t.Context(), postgres.OrSQLite(t, dir), sqlstore.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	blobs, err := local.New(filepath.Join(dir, "artifacts"))
	require.NoError(t, err)
	good := filepath.Join(testbed.Root(t), "tests", "data", "shapes", "v1.onnx")
	whole, err := os.ReadFile(good)
	require.NoError(t, err)
	cut := filepath.Join(dir, "cut.onnx")
	require.NoError(t, os.WriteFile(cut, whole[:len(whole)/2], 0o600))
	files := oneFile{}
	service := image.New(image.Config{DB: db, Blobs: blobs, Files: files, RuntimeDir: bin})
	build := func(path string) string {
		var v models.Version
		require.NoError(t, db.InTx(t.Context(), func(tx storage.Tx) error {
			m, err := tx.RegisteredModels().Create(models.RegisteredModel{Name: filepath.Base(path)})
			if err == nil {
				v, err = tx.Versions().Create(models.Version{ModelID: m.ID, Model: m.Name})
			}
			return err
		}))
		files[v.ID] = path
		img, err := service.Build(t.Context(), v.ID)
		require.NoError(t, err)
		return img.Digest
	}
	return deploytest.Images{Source: service, Good: build(good), Broken: build(cut), Says: "model.onnx"}
}

func TestARealImageOnTheProcessTarget(t *testing.T) {
	t.Parallel()
	images := realImages(t)
	dir := t.TempDir()
	open := func(t *testing.T) deploy.Target {
		t.Helper()
		target, err := process.New(process.Options{Dir: dir, Now: time.Now})
		require.NoError(t, err)
		return target
	}
	deploytest.Exercise(t, open, images)
	t.Run("it finds shapes", func(t *testing.T) {
		t.Parallel()
		detects(t, open(t), images)
	})
}

func TestARealImageOnTheDockerTarget(t *testing.T) {
	t.Parallel()
	host := engine.Start(t)
	images := realImages(t)
	open := func(t *testing.T) deploy.Target {
		t.Helper()
		target, err := docker.New(docker.Options{Host: host})
		require.NoError(t, err)
		t.Cleanup(func() { _ = target.Close() })
		return target
	}
	deploytest.Exercise(t, open, images)
	t.Run("it finds shapes", func(t *testing.T) {
		t.Parallel()
		detects(t, open(t), images)
	})
}

// detects sends a picture to an instance and finds shapes in it.
func detects(t *testing.T, target deploy.Target, images deploytest.Images) {
	t.Helper()
	_, err := target.Start(t.Context(), deploy.InstanceSpec{ID: "detects", Server: "detects", ImageDigest: images.Good, Images: images})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, target.Stop(context.WithoutCancel(t.Context()), "detects", 0)) })
	i := deploytest.Await(t, target, "detects", deploy.StateReady)
	picture, err := os.Open(filepath.Join(testbed.Root(t), "tests", "data", "shapes", "val", "images", "0000.jpg"))
	require.NoError(t, err)
	defer picture.Close()
	res, err := http.Post(fmt.Sprintf("http://%s/detect", i.Address), "image/jpeg", picture)
	require.NoError(t, err)
	defer res.Body.Close()
	var answer struct{ Boxes []struct{ Score float64 } }
	require.NoError(t, json.NewDecoder(res.Body).Decode(&answer))
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.NotEmpty(t, answer.Boxes)
	require.Greater(t, answer.Boxes[0].Score, 0.25)
}
