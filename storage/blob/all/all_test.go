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
	for _, address := range []string{filepath.Join(dir, "a b"), "file://" + filepath.Join(dir, "c"), filepath.Join(dir, "x:y"), "mem:", "s3://bucket", "s3://bucket/a/b"} {
		_, err := all.Open(t.Context(), address, all.Options{Now: time.Now})
		require.NoError(t, err, address)
	}
	for _, address := range []string{"ftp://host/x", "file://host/x", "file:relative", "s3:bucket", "s3://", "s3://key@bucket"} {
		_, err := all.Open(t.Context(), address, all.Options{Now: time.Now})
		require.Equal(t, models.KindInvalid, models.KindOf(err), "%s: %v", address, err)
	}
}
