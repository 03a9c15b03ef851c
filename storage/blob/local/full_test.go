package local_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/tests/testbed/disk"
)

func TestAFullDiskIsTold(t *testing.T) {
	t.Parallel()
	dir := disk.Small(t, 1)
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
