package local_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
)

// small mounts a file system of one MiB.
func small(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("a file system to fill needs root: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

func TestAFullDiskIsTold(t *testing.T) {
	t.Parallel()
	dir := small(t)
	s := open(t, filepath.Join(dir, "store"))
	_, err := s.Put(t.Context(), "m/old", strings.NewReader("old"), 3)
	require.NoError(t, err)
	for key, size := range map[string]int64{"m/new": 4 << 20, "m/old": 4 << 20, "n/unknown": -1} {
		_, err := s.Put(t.Context(), key, bytes.NewReader(make([]byte, 4<<20)), size)
		require.Equal(t, models.KindFull, models.KindOf(err), "%v", err)
		var told *models.Error
		require.ErrorAs(t, err, &told)
		require.Contains(t, told.Message, "full")
	}
	uploads, err := os.ReadDir(filepath.Join(dir, "store", ".upload"))
	require.NoError(t, err)
	require.Empty(t, uploads)
	entries, err := s.List(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, entries, 1)
	r, _, err := s.Get(t.Context(), "m/old", 0, -1)
	require.NoError(t, err)
	content, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.Equal(t, "old", string(content))
	_, err = s.Put(t.Context(), "m/new", strings.NewReader("fits"), 4)
	require.NoError(t, err, "what was given up has freed its room")
}
