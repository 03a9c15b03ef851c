package dataset_test

import (
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/dataset"
	"github.com/slipway-ml/slipway/services/dataset/cache"
	"github.com/slipway-ml/slipway/storage/blob/local"
)

// far makes a service whose store is elsewhere, with a cache, and gives the
// store's and the cache's folders.
func far(t *testing.T) (s *dataset.Service, store, kept string) {
	t.Helper()
	s = newService(t)
	store, kept = t.TempDir(), t.TempDir()
	blobs, err := local.New(store)
	require.NoError(t, err)
	s.Blobs = blobs
	s.Cache, err = cache.Open(kept, 64<<20, time.Now)
	require.NoError(t, err)
	return s, store, kept
}

func readAll(t *testing.T, s *dataset.Service, f models.DatasetFile) (string, error) {
	t.Helper()
	body, err := s.Read(t.Context(), f)
	if err != nil {
		return "", err
	}
	defer func() { require.NoError(t, body.Close()) }()
	text, err := io.ReadAll(body)
	return string(text), err
}

func TestAStoreThatIsElsewhereIsReadOnce(t *testing.T) {
	t.Parallel()
	s, store, kept := far(t)
	set := good()
	_, images := opened(t, s, set)
	for _, image := range images {
		text, err := readAll(t, s, image.File)
		require.NoError(t, err)
		require.Equal(t, set[image.File.Path], text)
	}
	require.NoError(t, os.RemoveAll(filepath.Join(store, ".slipway")))
	_, again, err := s.Open(t.Context(), models.DatasetRef{Name: "set", Version: 1})
	require.NoError(t, err)
	require.Equal(t, images, again)
	first := images[0].File
	text, err := readAll(t, s, first)
	require.NoError(t, err)
	require.Equal(t, set[first.Path], text, "from the cache alone")

	require.NoError(t, os.WriteFile(filepath.Join(kept, first.SHA256[:2], first.SHA256), []byte("a pictura"), 0o600))
	_, err = readAll(t, s, first)
	require.Error(t, err, "what the cache holds is not what it says, and the store has nothing")
}

func TestATableOfAStoreThatIsElsewhere(t *testing.T) {
	t.Parallel()
	s, store, _ := far(t)
	_, err := pushed(t, s, files{"a.csv": "x\n1\n2\n"})
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(filepath.Join(store, ".slipway")))
	_, table, err := s.Table(t.Context(), models.DatasetRef{Name: "set", Version: 1})
	require.NoError(t, err)
	row, err := table.Next()
	require.NoError(t, err)
	require.Equal(t, []any{int64(1)}, row)
	require.NoError(t, table.Close())
}

func TestValidationsAtOnceShareTheCache(t *testing.T) {
	t.Parallel()
	s, _, _ := far(t)
	set := good()
	v, _ := opened(t, s, set)
	var group sync.WaitGroup
	for range 6 {
		dir := t.TempDir()
		group.Go(func() {
			if err := s.Materialize(t.Context(), models.DatasetRef{Name: "set", Version: v.Number}, dir); err != nil {
				t.Error(err)
			}
			for path, want := range set {
				if got, err := os.ReadFile(filepath.Join(dir, path)); err != nil || string(got) != want {
					t.Errorf("%s: %q, %v", path, got, err)
				}
			}
		})
	}
	group.Wait()
}
