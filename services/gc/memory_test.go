package gc_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// live is what is held in memory now.
func live() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A collection holds a part of the files and of what is recorded of them,
// however many there are. Nothing else runs beside this test.
func TestTheMemoryOfACollectionDoesNotGrowWithTheFiles(t *testing.T) {
	most := map[int]int64{}
	const few, many = 3_000, 30_000
	for _, files := range []int{few, many} {
		s := build(t, databases(t)["sqlite"](t))
		require.NoError(t, s.db.InTx(t.Context(), func(tx storage.Tx) error {
			for i := range files { // every tenth is there, the others are gone already
				if err := tx.Artifacts().Put(models.Artifact{
					Key: fmt.Sprintf("%s/d%d/%06d", root, i/1000, i), Size: 1, SHA256: fmt.Sprintf("%064d", i), Modified: time.Unix(1, 0),
				}); err != nil {
					return err
				}
			}
			return tx.Runs().SetLifecycle(s.runKey, models.LifecycleDeleted, 1)
		}))
		for i := 0; i < files; i += 10 {
			file := filepath.Join(s.dir, fmt.Sprintf("%s/d%d/%06d", root, i/1000, i))
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
			require.NoError(t, os.WriteFile(file, []byte("x"), 0o600))
		}
		<-time.After(10 * time.Millisecond)
		before, calls := live(), 0
		s.blobs.marked = func(keys []string) {
			require.LessOrEqual(t, len(keys), 1000)
			calls++
			most[files] = max(most[files], live()-before)
		}
		g := s.collect()
		require.Positive(t, calls)
		require.Equal(t, int64(files/10), g.Report.Totals[models.GarbageRun].Files)
		require.Equal(t, int64(files-files/10), g.Report.Missing)
		require.NoError(t, s.db.View(t.Context(), func(tx storage.Tx) error {
			left, err := tx.Artifacts().Under("1")
			require.Empty(t, left)
			return err
		}))
	}
	t.Logf("%d files: %d KiB, %d files: %d KiB", few, most[few]>>10, many, most[many]>>10)
	require.Less(t, most[many]-most[few], int64(1<<20))
}
