package all_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage/blob/all"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, address := range []string{filepath.Join(dir, "a b"), "file://" + filepath.Join(dir, "c"), filepath.Join(dir, "x:y"), "mem:"} {
		_, err := all.Open(address, time.Now)
		require.NoError(t, err, address)
	}
	for _, address := range []string{"ftp://host/x", "file://host/x", "file:relative"} {
		_, err := all.Open(address, time.Now)
		require.Equal(t, models.KindInvalid, models.KindOf(err), "%s: %v", address, err)
	}
}
