package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/sqlstore"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
)

// Transactions that share a commit, on two servers with one database: one that
// fails takes nothing of the others with it, whichever way it fails.
func TestTransactionsThatShareACommit(t *testing.T) {
	t.Parallel()
	uri := postgres.Database(t)
	servers := []*sqlstore.DB{opened(t, uri), opened(t, uri)}
	var model models.RegisteredModel
	require.NoError(t, servers[0].InTx(t.Context(), func(tx storage.Tx) (err error) {
		model, err = tx.RegisteredModels().Create(models.RegisteredModel{Name: "m"})
		return err
	}))
	sesame := errors.New("sesame")
	ways := map[int]struct {
		name string
		fail func(tx storage.Tx, cancel func()) error
	}{
		1: {"by its own decision", func(storage.Tx, func()) error { return sesame }},
		2: {"by a statement", func(tx storage.Tx, _ func()) error {
			return tx.RegisteredModels().SetTag(-1, "k", "no such model")
		}},
		3: {"by a statement that is sent later", func(tx storage.Tx, _ func()) error {
			return tx.Audit(models.AuditRecord{Action: "a\x00b"})
		}},
		4: {"by a panic", func(storage.Tx, func()) error { panic(sesame) }},
		5: {"by its caller, who leaves", func(_ storage.Tx, cancel func()) error { cancel(); time.Sleep(time.Millisecond); return nil }},
	}
	var mu sync.Mutex
	numbers := map[int64]int{}
	var clients sync.WaitGroup
	const all, period = 200, 8
	for i := range all {
		clients.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			way, fails := ways[i%period]
			var v models.Version
			err := func() (err error) {
				defer func() {
					if p := recover(); p != nil {
						err = fmt.Errorf("panic: %v%s", p, debug.Stack())
					}
				}()
				return servers[i%2].InTx(ctx, func(tx storage.Tx) (err error) {
					if v, err = tx.Versions().Create(models.Version{ModelID: model.ID, Model: "m", Tags: map[string]string{"k": "v"}}); err != nil {
						return err
					}
					if err := tx.Audit(models.AuditRecord{Action: "made", Version: v.Number}); err != nil {
						return err
					}
					if err := tx.Enqueue(models.JobHash, v.ID); err != nil || !fails {
						return err
					}
					return way.fail(tx, cancel)
				})
			}()
			mu.Lock()
			defer mu.Unlock()
			switch {
			case !fails && err != nil:
				t.Errorf("client %d: %v", i, err)
			case fails && i%period != 5 && err == nil:
				t.Errorf("client %d did not fail %s", i, way.name)
			case err == nil:
				numbers[v.Number]++
			}
		})
	}
	clients.Wait()
	require.NoError(t, servers[0].View(t.Context(), func(tx storage.Tx) error {
		newest, err := tx.Versions().Newest(model.ID)
		if err != nil {
			return err
		}
		audit, err := tx.AuditRecords(models.AuditFilter{Action: "made", Limit: all})
		require.Len(t, audit, int(newest.Number), "a record for each version, and none else")
		for number := int64(1); number <= newest.Number; number++ {
			if _, err := tx.Versions().ByNumber("m", number); err != nil {
				return err
			}
			require.LessOrEqual(t, numbers[number], 1, "version %d was given twice", number)
		}
		return err
	}))
	// Who left may have been too late to take it back.
	require.GreaterOrEqual(t, len(numbers), all*3/period)
}

// A caller who waits for a turn leaves when its time is over.
func TestWhoWaitsForATurnMayLeave(t *testing.T) {
	t.Parallel()
	db := opened(t, postgres.Database(t))
	inside, leave := make(chan struct{}), make(chan struct{})
	var holder sync.WaitGroup
	holder.Go(func() {
		err := db.InTx(context.Background(), func(tx storage.Tx) error {
			_, err := tx.RegisteredModels().Create(models.RegisteredModel{Name: "m"})
			close(inside)
			<-leave
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-inside
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := db.InTx(ctx, func(tx storage.Tx) error {
		_, err := tx.RegisteredModels().Create(models.RegisteredModel{Name: "n"})
		return err
	})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	close(leave)
	holder.Wait()
	require.NoError(t, db.View(t.Context(), func(tx storage.Tx) error {
		_, err := tx.RegisteredModels().Get("m")
		if err != nil {
			return err
		}
		_, err = tx.RegisteredModels().Get("n")
		require.True(t, models.IsKind(err, models.KindNotFound), err)
		return nil
	}))
}

// A view is one picture: what others commit meanwhile is not in it.
func TestAViewIsOnePicture(t *testing.T) {
	t.Parallel()
	for name, uri := range map[string]string{"sqlite": "sqlite:///" + t.TempDir() + "/x.db", "postgres": postgres.Database(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := opened(t, uri)
			create := func(name string) {
				require.NoError(t, db.InTx(t.Context(), func(tx storage.Tx) error {
					_, err := tx.RegisteredModels().Create(models.RegisteredModel{Name: name})
					return err
				}))
			}
			create("before")
			require.NoError(t, db.View(t.Context(), func(tx storage.Tx) error {
				if _, err := tx.RegisteredModels().Get("before"); err != nil {
					return err
				}
				create("meanwhile")
				_, err := tx.RegisteredModels().Get("meanwhile")
				require.True(t, models.IsKind(err, models.KindNotFound), err)
				list, _, err := tx.RegisteredModels().Search(models.Search{Limit: 10})
				require.Len(t, list, 1)
				return err
			}))
			require.NoError(t, db.View(t.Context(), func(tx storage.Tx) error {
				_, err := tx.RegisteredModels().Get("meanwhile")
				return err
			}))
		})
	}
}
