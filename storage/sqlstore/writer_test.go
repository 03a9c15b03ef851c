package sqlstore_test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/sqlstore"
)

func TestClose(t *testing.T) {
	t.Parallel()
	t.Run("whoever writes while the database closes, or after, is answered", func(t *testing.T) {
		t.Parallel()
		db, err := sqlstore.Open(t.Context(), "sqlite:///"+filepath.Join(t.TempDir(), "x.db"), sqlstore.Options{})
		require.NoError(t, err)
		write := func() error { return db.InTx(t.Context(), func(storage.Tx) error { return nil }) }
		require.NoError(t, write())
		var callers sync.WaitGroup
		errs := make(chan error, 64)
		for range cap(errs) {
			callers.Go(func() {
				err := write()
				for err == nil {
					err = write()
				}
				errs <- err
			})
		}
		require.NoError(t, db.Close())
		callers.Wait()
		for range cap(errs) {
			require.True(t, models.IsKind(<-errs, models.KindUnavailable))
			require.True(t, models.IsKind(write(), models.KindUnavailable))
		}
	})
}
