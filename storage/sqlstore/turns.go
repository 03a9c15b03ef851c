package sqlstore

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"gorm.io/gorm"
)

// turns lets the transactions of this server that ask to be alone on Postgres
// follow one another within one of the database, a savepoint each: they take
// the lock once and share one commit, as those of SQLite's writer do.
type turns struct {
	db      *DB
	mu      sync.Mutex
	taken   bool
	waiting []chan *shared
}

// What a batch takes in before it commits: its first transaction waits for all
// of it, and other servers wait for its lock.
const (
	maxTurns    = 64
	maxTurnTime = 20 * time.Millisecond
)

// grace is what a statement may still take whose caller has left: ending it
// costs the whole batch.
const grace = time.Second

// shared is a transaction of the database that several of ours share.
type shared struct {
	*roundTrips
	began time.Time
	taken int
	done  chan struct{} // closed when it is over
	err   error
	final bool // it may be committed all the same
}

// spoiled is a batch that failed by no fault of this transaction: it is run
// again, by itself.
type spoiled struct{ error }

func (e spoiled) Unwrap() error { return e.error }

// turn is one transaction's part of a shared one.
type turn struct {
	*shared
	queue  *turns
	caller context.Context //nolint:containedctx // of this turn alone
	ctx    context.Context //nolint:containedctx // it outlives the caller by its grace
	end    func()
}

// take waits for a turn. Nobody who waits holds a connection.
func (q *turns) take(ctx context.Context) (*turn, error) {
	b, err := q.wait(ctx)
	if err != nil {
		return nil, err
	}
	t := &turn{shared: b, queue: q, caller: ctx}
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	unhook := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	t.ctx, t.end = lasting, func() { unhook(); cancel() }
	b.taken++
	b.later("SAVEPOINT turn", nil)
	b.others = len(b.waiting)
	return t, nil
}

func (q *turns) wait(ctx context.Context) (*shared, error) {
	q.mu.Lock()
	if !q.taken {
		q.taken = true
		q.mu.Unlock()
		return q.open(), nil
	}
	mine := make(chan *shared, 1)
	q.waiting = append(q.waiting, mine)
	q.mu.Unlock()
	select {
	case b := <-mine:
		return b, nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	at := slices.Index(q.waiting, mine)
	if at >= 0 {
		q.waiting = slices.Delete(q.waiting, at, at+1)
	}
	q.mu.Unlock()
	if at < 0 { // it has just been handed over
		q.pass(<-mine) //nolint:contextcheck // its commit does not end with one caller
	}
	return nil, ctx.Err()
}

func (q *turns) open() *shared {
	b := &shared{
		roundTrips: &roundTrips{pool: q.db.queue, begin: "begin"}, done: make(chan struct{}),
		began: time.Now(), //nolint:forbidigo // a duration, not a rule
	}
	b.later("SELECT pg_advisory_xact_lock($1)", []any{deliveryLock})
	return b
}

// pass hands a batch to the next who waits, or ends it where there is none or
// it has taken in enough.
func (q *turns) pass(b *shared) {
	q.mu.Lock()
	var next chan *shared
	if len(q.waiting) > 0 && b.err == nil && b.taken < maxTurns && time.Since(b.began) < maxTurnTime {
		next, q.waiting = q.waiting[0], q.waiting[1:]
	}
	q.mu.Unlock()
	if next != nil {
		next <- b
		return
	}
	q.commit(b)
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.taken = false
		return
	}
	next, q.waiting = q.waiting[0], q.waiting[1:]
	next <- q.open()
}

func (q *turns) commit(b *shared) {
	defer close(b.done)
	defer b.close()
	if b.err != nil || b.taken == 0 {
		return
	}
	ctx, cancel := q.db.limited(context.Background())
	defer cancel()
	b.others = len(b.waiting)
	if b.err = b.commit(ctx); b.err != nil {
		// A connection lost in the commit leaves open whether it was done.
		b.final = !b.refused && !contended(b.err)
		if !lost(b.err) {
			b.err = spoiled{b.err}
		}
	}
}

// bind makes a transaction's statements those of the batch.
func (t *turn) bind(g *gorm.DB) *gorm.DB {
	bound := g.Session(&gorm.Session{NewDB: true, Context: t.ctx})
	bound.Statement.ConnPool = t.roundTrips
	return bound.WithContext(t.ctx)
}

// finish ends the turn with the closure's error, and waits for the commit.
// final tells that the transaction must not run again.
func (t *turn) finish(err error) (final bool, _ error) {
	if err == nil {
		err = t.ctx.Err()
	}
	if err != nil {
		t.undo(err)
	} else {
		t.later("RELEASE turn", nil)
	}
	t.end()
	spoilt := t.err
	t.queue.pass(t.shared)
	if spoilt != nil {
		return false, spoilt
	}
	if err != nil {
		return false, err
	}
	select {
	case <-t.done:
		return t.final, t.err
	case <-t.caller.Done():
		return true, t.caller.Err()
	}
}

// undo takes back what the turn did. The whole batch is lost where that fails,
// or where it is not this turn's statement that failed.
func (t *turn) undo(err error) {
	switch {
	case t.blamed: // a statement of an earlier turn failed, or of the batch
		t.err = spoiled{err}
	case t.others > 0: // the savepoint itself was not sent
		t.waiting = t.waiting[:t.others-1]
	default:
		t.waiting = nil
		if _, failed := t.exec(t.ctx, "ROLLBACK TO turn", nil); failed != nil {
			t.err = errors.Join(failed, err)
			if !lost(failed) {
				t.err = spoiled{t.err}
			}
			return
		}
		t.later("RELEASE turn", nil)
	}
}

// errPanic ends a turn whose closure panicked.
var errPanic = errors.New("panic in a transaction")
