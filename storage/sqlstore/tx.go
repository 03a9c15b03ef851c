package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"gorm.io/gorm"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// tx implements storage.Tx. Each noun's store is a small struct around it.
type tx struct {
	ctx     context.Context
	db      *gorm.DB // bound to the transaction and ctx
	dialect string
	enqueue func(context.Context, *gorm.DB, river.InsertManyParams) error
	keys    *keyNumbers
	learned map[string]int64 // numbers of keys, to be kept once it is committed

	reads    bool  // it sees only what is committed
	parallel bool  // other transactions write at the same time: not yet alone
	failed   error // of taking the lock, which no store's method returns
	turns    *turns
	turn     *turn // it is alone so
}

func (db *DB) newTx(ctx context.Context, g *gorm.DB) *tx {
	return &tx{ctx: ctx, db: g.WithContext(ctx), dialect: db.dialect, enqueue: db.enqueue, keys: &db.keys}
}

// deliveryLock is the number of the lock that alone takes.
const deliveryLock = 0x736c6970 // "slip"

// alone makes the writes of a transaction that reads and then decides (on a
// registered model, a release, a manifest) wait for those of others, on
// Postgres too: its services are written for one writer, as SQLite has it. The
// hot paths of tracking do without: there constraints decide. Where nothing has
// been asked of the database yet, it goes in turns with those that wait too.
func (t *tx) alone() *tx {
	if !t.parallel {
		return t
	}
	t.parallel = false
	if r, ok := t.db.Statement.ConnPool.(*roundTrips); !ok || t.turns == nil || r.conn != nil || len(r.waiting) > 0 {
		_, t.failed = t.exec("SELECT pg_advisory_xact_lock(?)", deliveryLock)
		return t
	}
	if t.turn, t.failed = t.turns.take(t.ctx); t.failed == nil {
		t.db, t.ctx = t.turn.bind(t.db), t.turn.ctx
	}
	return t
}

// attempt runs a statement that may fail without ending the transaction, which
// is what a failed one does on Postgres.
func (t *tx) attempt(fn func() error) error {
	if t.dialect == "sqlite" {
		return fn()
	}
	if err := t.db.Exec("SAVEPOINT attempt").Error; err != nil {
		return err
	}
	if err := fn(); err != nil {
		return errors.Join(err, t.db.Exec("ROLLBACK TO attempt").Error)
	}
	return t.db.Exec("RELEASE attempt").Error
}

// InTx implements storage.DB.
func (db *DB) InTx(ctx context.Context, fn func(storage.Tx) error) (err error) {
	began := time.Now() //nolint:forbidigo // a duration, not a rule
	defer func() { db.gauges.observe("write", began, err) }()
	fn = claimed(ctx, fn)
	if db.writer != nil {
		return db.explain(ctx, db.writer.do(ctx, fn))
	}
	var t *tx
	queue := db.turns
	err = db.again(ctx, func(ctx context.Context) (final bool, err error) {
		t, final, err = db.once(ctx, queue, fn)
		if errors.As(err, new(spoiled)) {
			queue = nil
		}
		return final, err
	})
	if err != nil {
		return db.explain(ctx, err)
	}
	db.keys.add(t.learned)
	return nil
}

// once runs fn in a transaction on Postgres. final tells that it may be
// committed though it failed.
func (db *DB) once(ctx context.Context, queue *turns, fn func(storage.Tx) error) (t *tx, final bool, err error) {
	committing := false
	err = (&roundTrips{pool: db.queue, begin: "begin"}).transact(ctx, db.write, func(g *gorm.DB) error {
		t = db.newTx(ctx, g)
		t.parallel, t.turns = true, queue
		err := errPanic
		defer func() { //nolint:contextcheck // the commit of several does not end with one caller
			if t.turn != nil && errors.Is(err, errPanic) {
				_, _ = t.turn.finish(err)
			}
		}()
		err = fn(t)
		if t.failed != nil {
			err = t.failed
		}
		if t.turn != nil {
			final, err = t.turn.finish(err) //nolint:contextcheck // as above
		}
		committing = err == nil
		return err
	})
	// A connection lost in the commit leaves open whether it was done.
	return t, final || committing && err != nil && !contended(err), err
}

// View implements storage.DB.
func (db *DB) View(ctx context.Context, fn func(storage.Tx) error) (err error) {
	began := time.Now() //nolint:forbidigo // a duration, not a rule
	defer func() { db.gauges.observe("read", began, err) }()
	seen := func(ctx context.Context) func(*gorm.DB) error {
		return func(g *gorm.DB) error {
			t := db.newTx(ctx, g)
			t.reads = true
			return fn(t)
		}
	}
	if db.dialect == "postgres" {
		return db.look(ctx, "begin isolation level repeatable read read only", seen)
	}
	return db.explain(ctx, db.transact(ctx, db.read, &sql.TxOptions{ReadOnly: true}, seen(ctx)))
}

// Look implements storage.DB.
func (db *DB) Look(ctx context.Context, fn func(storage.Tx) error) (err error) {
	began := time.Now() //nolint:forbidigo // a duration, not a rule
	defer func() { db.gauges.observe("read", began, err) }()
	if db.dialect == "postgres" {
		return db.look(ctx, "", func(ctx context.Context) func(*gorm.DB) error {
			return func(g *gorm.DB) error { return fn(db.newTx(ctx, g)) }
		})
	}
	g := db.read.WithContext(ctx)
	if kept := db.prepared[db.read]; kept != nil {
		// What looks is short: it need not be interrupted, which would cost it a
		// goroutine a statement.
		ctx = context.WithoutCancel(ctx)
		g = db.read.WithContext(ctx)
		g.Statement.ConnPool = preparedPool{DB: kept.pool, statements: kept}
	}
	return db.explain(ctx, fn(db.newTx(ctx, g)))
}

// look reads on Postgres. What a closure has read may be kept by its caller,
// so it runs again only while nothing has been read.
func (db *DB) look(ctx context.Context, begin string, fn func(context.Context) func(*gorm.DB) error) error {
	return db.explain(ctx, db.again(ctx, func(ctx context.Context) (bool, error) {
		r := &roundTrips{pool: db.queue, begin: begin}
		err := r.transact(ctx, db.read, fn(ctx))
		return r.answered, err
	}))
}

// transact runs fn in one transaction of a SQLite pool.
func (db *DB) transact(ctx context.Context, pool *gorm.DB, opts *sql.TxOptions, fn func(g *gorm.DB) error) error {
	return db.prepared[pool].transact(ctx, pool, opts, fn)
}

// Now implements storage.DB.
func (db *DB) Now(ctx context.Context) (time.Time, error) {
	limited, cancel := db.limited(ctx)
	defer cancel()
	now, err := db.newTx(limited, db.read).Now()
	return now, db.explain(ctx, err)
}

// Now implements storage.Tx.
func (t *tx) Now() (time.Time, error) {
	var us int64
	if err := t.scan("SELECT "+t.clock(), nil, func(scan scanner) error { return scan(&us) }); err != nil {
		return time.Time{}, fmt.Errorf("read the database's clock: %w", err)
	}
	return time.UnixMicro(us).UTC(), nil
}

// clock is the database's, in microseconds, as an expression.
func (t *tx) clock() string {
	if t.dialect == "postgres" {
		return "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
	}
	return "CAST(unixepoch('subsec') * 1000000 AS INTEGER)"
}

// jobArgs carries a kind and its JSON through River.
type jobArgs struct {
	kind string
	json.RawMessage
}

func (a jobArgs) Kind() string { return a.kind }

// Enqueue implements storage.Tx.
func (t *tx) Enqueue(kind string, args any) error {
	return t.EnqueueAt(models.PriorityHigh, kind, args)
}

// EnqueueAt implements storage.Tx.
func (t *tx) EnqueueAt(p models.Priority, kind string, args any) error {
	raw, err := json.Marshal(args)
	if err != nil {
		return fmt.Errorf("encode the arguments of job %s: %w", kind, err)
	}
	if err := t.enqueue(t.ctx, t.db, river.InsertManyParams{
		Args:       jobArgs{kind, raw},
		InsertOpts: &river.InsertOpts{Queue: models.QueueOf(kind), MaxAttempts: models.AttemptsOf(kind), Priority: int(p)},
	}); err != nil {
		return fmt.Errorf("enqueue job %s: %w", kind, err)
	}
	return nil
}
