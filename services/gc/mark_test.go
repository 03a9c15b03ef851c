package gc_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/blob"
)

// Bytes are marked to go; before they go, somebody comes to cite the same
// content. It gets a name of its own, and is there when the others are gone.
func TestWhatIsMarkedIsCitedByNobody(t *testing.T) {
	t.Parallel()
	for name, open := range databases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := build(t, open(t))
			going := s.kept("content")
			s.put("second/f", "content")
			second := s.register("second")
			marked := false
			s.blobs.marked = func(keys []string) {
				if marked = marked || slices.Contains(keys, going); !marked {
					return
				}
				s.blobs.marked = nil
				s.put("second/f", "replaced") // second's bytes are the marked ones
			}
			s.collect()
			require.True(t, marked)
			_, err := s.blobs.Stat(t.Context(), going)
			require.True(t, models.IsKind(err, models.KindNotFound), "%v", err)
			key, content := s.entry(second)
			require.NotEqual(t, going, key)
			require.Equal(t, "content", content)

			s.put("third/f", "content") // the marks are gone with the collection
			third := s.register("third")
			s.put("third/f", "replaced")
			key, content = s.entry(third)
			require.Equal(t, going, key)
			require.Equal(t, "content", content)
			s.collect()
			for _, v := range []models.Version{second, third} {
				_, content = s.entry(v)
				require.Equal(t, "content", content)
			}
		})
	}
}

// Bytes have been listed; before they are marked, somebody comes to cite them.
// They stay.
func TestWhatIsCitedIsNotMarked(t *testing.T) {
	t.Parallel()
	for name, open := range databases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := build(t, open(t))
			stays := s.kept("content")
			s.put("second/f", "content")
			second := s.register("second")
			listed := false
			s.blobs.listed = func(folder string) {
				if folder == blob.Reserved+"/sha256" && !listed {
					listed = true
					s.put("second/f", "replaced")
				}
			}
			s.blobs.marked = func(keys []string) { require.NotContains(t, keys, stays) }
			s.collect()
			require.True(t, listed)
			key, content := s.entry(second)
			require.Equal(t, stays, key)
			require.Equal(t, "content", content)

			s.blobs.marked = nil
			require.NoError(t, s.registry.DeleteVersion(t.Context(), "m", second.Number))
			s.collect()
			_, err := s.blobs.Stat(t.Context(), stays)
			require.True(t, models.IsKind(err, models.KindNotFound), "and they go with the last that cited them: %v", err)
		})
	}
}

// A folder is marked to go after somebody has begun to register from it: that is
// refused. Who has registered from it before keeps the files.
func TestAFolderThatIsMarkedIsNotRegistered(t *testing.T) {
	t.Parallel()
	for name, open := range databases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := build(t, open(t))
			s.put("early/f", "early")
			s.put("late/f", "late")
			early := s.register("early")
			require.NoError(t, s.db.InTx(t.Context(), func(tx storage.Tx) error { return tx.Runs().SetLifecycle(s.runKey, models.LifecycleDeleted, 1) }))
			var collecting sync.WaitGroup
			marked, refused := make(chan []string, 1), make(chan struct{})
			s.blobs.marked = func(keys []string) {
				s.blobs.marked = nil
				marked <- keys
				<-refused
			}
			s.blobs.listed = func(folder string) { // it knows what to register
				if folder != root+"/late" {
					return
				}
				s.blobs.listed = nil
				collecting.Go(func() { s.collect() })
				require.Equal(t, []string{root + "/late/f"}, <-marked)
			}
			_, err := s.registry.Register(t.Context(), source("late"))
			require.True(t, models.IsKind(err, models.KindConflict), "%v", err)
			require.ErrorContains(t, err, "are being removed by slipway gc")
			close(refused)
			collecting.Wait()
			_, content := s.entry(early)
			require.Equal(t, "early", content)
			_, err = s.blobs.Stat(t.Context(), root+"/late/f")
			require.True(t, models.IsKind(err, models.KindNotFound), "%v", err)
		})
	}
}
