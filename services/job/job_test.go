package job_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/services/job"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/sqlstore"
)

type worker struct {
	kind string
	work func(ctx context.Context, j job.Job) error
}

func (w worker) Kind() string                              { return w.kind }
func (w worker) Timeout() time.Duration                    { return time.Minute }
func (w worker) Work(ctx context.Context, j job.Job) error { return w.work(ctx, j) }

func database(t *testing.T, path string) *sqlstore.DB {
	t.Helper()
	db, err := sqlstore.Open(t.Context(), "sqlite:///"+path, sqlstore.Options{})
	require.NoError(t, err)
	return db
}

func runner(t *testing.T, db *sqlstore.DB, w job.Worker) *job.Runner {
	t.Helper()
	r, err := job.New(job.Config{
		Owner: uuid.NewString(), Driver: db.Queue(), Leases: db, Workers: []job.Worker{w}, Heavy: 1,
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	})
	require.NoError(t, err)
	require.NoError(t, r.Start(t.Context()))
	return r
}

func enqueue(t *testing.T, db *sqlstore.DB, args any) {
	t.Helper()
	require.NoError(t, db.InTx(t.Context(), func(tx storage.Tx) error { return tx.Enqueue("count", args) }))
}

func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came within 20 s")
		panic("unreachable")
	}
}

func TestJobs(t *testing.T) {
	t.Parallel()

	t.Run("a committed job is worked with its arguments, a rolled-back one never", func(t *testing.T) {
		t.Parallel()
		db := database(t, filepath.Join(t.TempDir(), "x.db"))
		defer db.Close()
		got := make(chan int, 10)
		r := runner(t, db, worker{"count", func(_ context.Context, j job.Job) error {
			var n struct{ N int }
			if err := j.Decode(&n); err != nil {
				return err
			}
			got <- n.N
			return nil
		}})
		_ = db.InTx(t.Context(), func(tx storage.Tx) error {
			require.NoError(t, tx.Enqueue("count", map[string]int{"n": 1}))
			return context.Canceled
		})
		enqueue(t, db, map[string]int{"n": 2})
		require.Equal(t, 2, receive(t, got))
		require.NoError(t, r.Stop(t.Context()))
		require.Empty(t, got)
	})
	t.Run("a job that asks for later runs again", func(t *testing.T) {
		t.Parallel()
		db := database(t, filepath.Join(t.TempDir(), "x.db"))
		defer db.Close()
		attempts := make(chan int, 10)
		first := true
		r := runner(t, db, worker{"count", func(_ context.Context, j job.Job) error {
			attempts <- j.Attempt
			if first {
				first = false
				return job.Later(time.Millisecond)
			}
			return nil
		}})
		enqueue(t, db, struct{}{})
		require.Equal(t, 1, receive(t, attempts))
		require.Equal(t, 1, receive(t, attempts), "waiting spends no attempt")
		require.NoError(t, r.Stop(t.Context()))
	})
	t.Run("a stopping server gives its job back, and the next one works it at once", func(t *testing.T) {
		t.Parallel()
		db := database(t, filepath.Join(t.TempDir(), "x.db"))
		defer db.Close()
		started := make(chan struct{}, 1)
		r := runner(t, db, worker{"count", func(ctx context.Context, _ job.Job) error {
			started <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}})
		enqueue(t, db, struct{}{})
		receive(t, started)
		require.NoError(t, r.Stop(t.Context()))
		attempts := make(chan int, 1)
		r = runner(t, db, worker{"count", func(_ context.Context, j job.Job) error {
			attempts <- j.Attempt
			return nil
		}})
		require.Equal(t, 1, receive(t, attempts))
		require.NoError(t, r.Stop(t.Context()))
	})
	t.Run("a job whose worker died is handed back when its lease has run out", func(t *testing.T) {
		t.Parallel()
		db, err := sqlstore.Open(t.Context(), "sqlite:///"+filepath.Join(t.TempDir(), "x.db"), sqlstore.Options{LeaseTime: 5 * time.Second})
		require.NoError(t, err)
		defer db.Close()
		block, started := make(chan struct{}), make(chan int, 4)
		w := worker{"count", func(_ context.Context, j job.Job) error {
			started <- j.Attempt
			if j.Attempt == 1 {
				<-block
			}
			return nil
		}}
		dead := runner(t, db, w)
		enqueue(t, db, struct{}{})
		require.Equal(t, 1, receive(t, started))
		_, err = db.Rescue(t.Context())
		require.NoError(t, err)
		require.Empty(t, started, "a living worker keeps its job")
		dead.Abandon()
		alive := runner(t, db, w)
		require.Equal(t, 2, receive(t, started))
		close(block)
		require.NoError(t, alive.Stop(t.Context()))
	})
}
