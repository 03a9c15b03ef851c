package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"gorm.io/gorm"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// writer is SQLite's one writer: it commits the closures that wait together, so
// that many clients share one fsync. They go without savepoints, each of which
// has SQLite copy the pages it changes; where one fails after it wrote, all are
// done again with a savepoint each.
type writer struct {
	db    *DB
	ops   chan *op
	stop  chan struct{}
	once  sync.Once
	ended chan struct{}
}

// maxBatch bounds how long the first closure of a batch waits for its commit.
const maxBatch = 256

type op struct {
	ctx  context.Context
	fn   func(storage.Tx) error
	tx   *tx
	err  error
	done chan struct{}
}

func newWriter(db *DB) *writer {
	w := &writer{db: db, ops: make(chan *op, maxBatch), stop: make(chan struct{}), ended: make(chan struct{})}
	go w.run()
	return w
}

// do hands fn to the writer and waits for the commit. A caller that leaves
// before its turn has changed nothing; one whose turn has come is answered.
func (w *writer) do(ctx context.Context, fn func(storage.Tx) error) error {
	o := &op{ctx: ctx, fn: fn, done: make(chan struct{})}
	select {
	case w.ops <- o:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.stop:
		return errClosed()
	}
	select {
	case <-o.done:
		return o.err
	case <-w.ended:
	}
	select {
	case <-o.done:
		return o.err
	default: // it came after the writer's last look
		return errClosed()
	}
}

func errClosed() error { return models.Errorf(models.KindUnavailable, "the server is stopping") }

func (w *writer) close() {
	w.once.Do(func() { close(w.stop) })
	<-w.ended
}

func (w *writer) run() {
	defer close(w.ended)
	for {
		select {
		case first := <-w.ops:
			w.commit(w.gather(first))
		case <-w.stop:
			w.drain()
			return
		}
	}
}

// drain answers those who came while the writer was stopping.
func (w *writer) drain() {
	for {
		select {
		case o := <-w.ops:
			o.err = errClosed()
			close(o.done)
		default:
			return
		}
	}
}

func (w *writer) gather(first *op) []*op {
	batch := []*op{first}
	for len(batch) < maxBatch {
		select {
		case o := <-w.ops:
			batch = append(batch, o)
		default:
			return batch
		}
	}
	return batch
}

// errHalf is why a batch without savepoints is rolled back: one of several
// closures has failed after it wrote.
var errHalf = errors.New("a closure of the batch has failed")

func (w *writer) commit(batch []*op) {
	err := w.try(batch, false)
	if errors.Is(err, errHalf) {
		err = w.try(batch, true)
	}
	for _, o := range batch {
		switch {
		case o.err != nil:
		case err != nil:
			o.err = fmt.Errorf("commit: %w", err)
		default:
			w.db.keys.add(o.tx.learned)
		}
		close(o.done)
	}
}

// try does a batch in one transaction.
func (w *writer) try(batch []*op, savepoints bool) error {
	return w.db.transact(context.Background(), w.db.write, nil, func(g *gorm.DB) error {
		for _, o := range batch {
			var err error
			if savepoints {
				err = w.one(g, o)
			} else if w.bare(g, o) {
				err = errHalf
				if len(batch) == 1 {
					err = o.err
				}
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// bare runs a closure as it is; its error is kept in o. half tells that it
// failed after it wrote.
func (w *writer) bare(g *gorm.DB, o *op) (half bool) {
	if o.err = o.ctx.Err(); o.err != nil {
		return false
	}
	pool, _ := g.Statement.ConnPool.(*preparedTx)
	before := pool.writes
	o.run(w.db, g)
	return o.err != nil && pool.writes != before
}

// run runs the closure. An interrupted statement would roll the whole batch
// back, so its context keeps its values and loses its deadline.
func (o *op) run(db *DB, g *gorm.DB) {
	o.tx = db.newTx(context.WithoutCancel(o.ctx), g)
	o.err = safely(func() error { return o.fn(o.tx) })
}

// one runs a closure inside its savepoint; its own error is kept in o. The
// error it returns ends the whole batch.
func (w *writer) one(g *gorm.DB, o *op) error {
	if o.err = o.ctx.Err(); o.err != nil {
		return nil //nolint:nilerr // it is the caller's, not the batch's
	}
	run := func(query string) error {
		_, err := g.Statement.ConnPool.ExecContext(context.Background(), query)
		return err
	}
	if err := run("SAVEPOINT op"); err != nil {
		return err
	}
	if o.run(w.db, g); o.err != nil {
		if err := run("ROLLBACK TO op"); err != nil {
			return errors.Join(o.err, err) // a full disk ended the whole transaction
		}
	}
	return run("RELEASE op")
}

// safely turns a panic of a closure into its error, so that the other
// closures of the batch are not lost with it.
func safely(fn func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic in a transaction: %v\n%s", r, debug.Stack())
		}
	}()
	return fn()
}
