// Package storagetest is the suite that every database passes: the same
// promises on SQLite and on Postgres.
package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// Open gives a test an empty database of its own, closed at its end.
type Open func(t *testing.T) storage.DB

// Transactions tries what storage.DB promises of its transactions.
func Transactions(t *testing.T, open Open) {
	ctx := models.WithPrincipal(t.Context(), models.Principal{Name: "ann", Role: "owner", From: "127.0.0.1:9"})
	write := func(action string) func(storage.Tx) error {
		return func(tx storage.Tx) error {
			return tx.Audit(models.AuditRecord{Action: action, Reason: "because", Details: map[string]any{"n": 1.5}})
		}
	}
	records := func(t *testing.T, db storage.DB, f models.AuditFilter) []models.AuditRecord {
		t.Helper()
		var found []models.AuditRecord
		f.Limit = 1000
		require.NoError(t, db.View(ctx, func(tx storage.Tx) (err error) {
			found, err = tx.AuditRecords(f)
			return err
		}))
		return found
	}

	t.Run("a committed closure is seen, with who did it", func(t *testing.T) {
		t.Parallel()
		db := open(t)
		require.NoError(t, db.InTx(ctx, write("a")))
		got := records(t, db, models.AuditFilter{})
		require.Len(t, got, 1)
		require.Equal(t, "ann", got[0].Principal)
		require.Equal(t, "127.0.0.1:9", got[0].From)
		require.InDelta(t, 1.5, got[0].Details["n"], 0)
		require.WithinDuration(t, time.Now(), got[0].At, time.Minute)
	})
	t.Run("a failing closure leaves nothing and spoils no neighbour", func(t *testing.T) {
		t.Parallel()
		db := open(t)
		wrong := errors.New("no")
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				err := db.InTx(ctx, func(tx storage.Tx) error {
					if err := write(fmt.Sprint(i))(tx); err != nil {
						return err
					}
					if i%2 == 1 {
						return wrong
					}
					return nil
				})
				if i%2 == 1 && !errors.Is(err, wrong) || i%2 == 0 && err != nil {
					t.Errorf("closure %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		require.Len(t, records(t, db, models.AuditFilter{}), 20)
	})
	t.Run("a panic is that closure's error alone", func(t *testing.T) {
		t.Parallel()
		db := open(t)
		func() {
			defer func() { _ = recover() }()
			require.Error(t, db.InTx(ctx, func(storage.Tx) error { panic("oh") }))
		}()
		require.NoError(t, db.InTx(ctx, write("after")))
		require.Len(t, records(t, db, models.AuditFilter{}), 1)
	})
	t.Run("a caller that has left changes nothing", func(t *testing.T) {
		t.Parallel()
		db := open(t)
		gone, cancel := context.WithCancel(ctx)
		cancel()
		require.ErrorIs(t, db.InTx(gone, write("a")), context.Canceled)
		require.Empty(t, records(t, db, models.AuditFilter{}))
	})
	t.Run("a view cannot write", func(t *testing.T) {
		t.Parallel()
		db := open(t)
		require.Error(t, db.View(ctx, write("a")))
	})
	t.Run("audit records come newest first and by what they concern", func(t *testing.T) {
		t.Parallel()
		db := open(t)
		for i := range 3 {
			require.NoError(t, db.InTx(ctx, func(tx storage.Tx) error {
				return tx.Audit(models.AuditRecord{Action: "x", Model: fmt.Sprintf("m%d", i%2), Version: int64(i)})
			}))
		}
		all := records(t, db, models.AuditFilter{})
		require.Len(t, all, 3)
		require.Equal(t, int64(2), all[0].Version)
		require.Len(t, records(t, db, models.AuditFilter{Model: "m0"}), 2)
		require.Len(t, records(t, db, models.AuditFilter{BeforeID: all[0].ID}), 2)
	})
	t.Run("the database's clock is about ours", func(t *testing.T) {
		t.Parallel()
		now, err := open(t).Now(ctx)
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), now, time.Minute)
	})
}
