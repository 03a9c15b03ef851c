package sqlstore_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/storage/storagetest"
)

func TestDelivery(t *testing.T) {
	t.Parallel()
	for name, open := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storagetest.Delivery(t, open)
		})
	}
}

func TestAReleaseNeverChanges(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	opened(t, "sqlite:///"+path)
	// This connection does not check references.
	execute(t, path, "INSERT INTO release VALUES (1, 1, 1, 1, 'sha256:1', 'process', '{}', 1, 0)")
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	_, err = db.ExecContext(t.Context(), "UPDATE release SET image_digest = 'sha256:2'")
	require.ErrorContains(t, err, "a release never changes")
}
