package sqlstore_test

import (
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
	for _, dialect := range []string{"sqlite", "postgres"} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			uri, db := database(t, dialect)
			opened(t, uri)
			fill(t, dialect, db, catalogue(t, dialect, db))
			_, err := db.ExecContext(t.Context(), "UPDATE release SET image_digest = 'sha256:2'")
			require.ErrorContains(t, err, "a release never changes")
		})
	}
}
