package sqlstore

import (
	"context"
	"database/sql"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm"
)

// maxStatements bounds the statements kept; searches make new ones for ever.
const maxStatements = 500

// statements keeps prepared statements of a pool across transactions: parsing
// a statement costs SQLite more than most of ours cost to run. (gorm's own
// cache prepares on the transaction, so the next one begins anew. Postgres
// needs none of this: its driver caches by connection.)
type statements struct {
	pool  *sql.DB
	watch *watch
	mu    sync.Mutex
	kept  map[string]*sql.Stmt
}

func newStatements(pool *sql.DB, w *watch) *statements {
	return &statements{pool: pool, watch: w, kept: map[string]*sql.Stmt{}}
}

func (s *statements) get(query string) *sql.Stmt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept[query]
}

// keep prepares queries for the transactions to come. What fails here would
// have failed before; it is tried anew.
func (s *statements) keep(ctx context.Context, queries []string) {
	for _, query := range queries {
		if s.get(query) != nil {
			continue
		}
		stmt, err := s.pool.PrepareContext(ctx, query)
		if err != nil {
			return
		}
		s.put(query, stmt)
	}
}

func (s *statements) put(query string, stmt *sql.Stmt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, raced := s.kept[query]; raced {
		_ = stmt.Close()
		return
	}
	if len(s.kept) == maxStatements {
		for _, old := range s.kept {
			_ = old.Close() // one in use closes when its transaction ends
		}
		s.kept = map[string]*sql.Stmt{}
	}
	s.kept[query] = stmt
}

// transact runs fn in a transaction of the pool that uses what is kept.
func (s *statements) transact(ctx context.Context, g *gorm.DB, opts *sql.TxOptions, fn func(g *gorm.DB) error) error {
	raw, err := s.pool.BeginTx(ctx, opts)
	if err != nil {
		return err
	}
	tx := &preparedTx{Tx: raw, statements: s}
	defer func() { _ = raw.Rollback() }() // after a commit it does nothing
	bound := g.Session(&gorm.Session{NewDB: true, Context: ctx})
	bound.Statement.ConnPool = tx
	if err := fn(bound); err != nil {
		return err
	}
	if err := raw.Commit(); err != nil {
		return err
	}
	// Only now is the connection free to prepare on: a write pool has one.
	s.keep(context.WithoutCancel(ctx), tx.missed)
	return nil
}

// preparedPool runs kept statements outside a transaction, and keeps each that
// is new.
type preparedPool struct {
	*sql.DB
	statements *statements
}

func (p preparedPool) statement(ctx context.Context, query string) *sql.Stmt {
	if stmt := p.statements.get(query); stmt != nil {
		return stmt
	}
	p.statements.keep(ctx, []string{query})
	return p.statements.get(query)
}

// ExecContext implements gorm.ConnPool.
func (p preparedPool) ExecContext(ctx context.Context, query string, args ...any) (res sql.Result, err error) {
	began := time.Now() //nolint:forbidigo // a duration, not a rule
	defer func() { p.statements.watch.statement(ctx, query, began, err) }()
	if stmt := p.statement(ctx, query); stmt != nil { //nolint:sqlclosecheck // it is kept
		return stmt.ExecContext(ctx, args...)
	}
	return p.DB.ExecContext(ctx, query, args...)
}

// QueryContext implements gorm.ConnPool.
func (p preparedPool) QueryContext(ctx context.Context, query string, args ...any) (rows *sql.Rows, err error) {
	began := time.Now() //nolint:forbidigo // a duration, not a rule
	defer func() { p.statements.watch.statement(ctx, query, began, err) }()
	if stmt := p.statement(ctx, query); stmt != nil { //nolint:sqlclosecheck // it is kept
		return stmt.QueryContext(ctx, args...) //nolint:sqlclosecheck // the caller closes
	}
	return p.DB.QueryContext(ctx, query, args...) //nolint:sqlclosecheck // the caller closes
}

// QueryRowContext implements gorm.ConnPool.
func (p preparedPool) QueryRowContext(ctx context.Context, query string, args ...any) (row *sql.Row) {
	began := time.Now() //nolint:forbidigo // a duration, not a rule
	defer func() { p.statements.watch.statement(ctx, query, began, row.Err()) }()
	if stmt := p.statement(ctx, query); stmt != nil { //nolint:sqlclosecheck // it is kept
		return stmt.QueryRowContext(ctx, args...)
	}
	return p.DB.QueryRowContext(ctx, query, args...)
}

// preparedTx is a transaction that runs kept statements and remembers others.
type preparedTx struct {
	*sql.Tx
	statements *statements
	bound      map[string]*sql.Stmt // of this transaction
	missed     []string
	writes     int // statements that may have changed something
}

func (t *preparedTx) statement(ctx context.Context, query string) *sql.Stmt {
	if stmt := t.bound[query]; stmt != nil {
		return stmt
	}
	if stmt := t.statements.get(query); stmt != nil {
		if t.bound == nil {
			t.bound = map[string]*sql.Stmt{}
		}
		t.bound[query] = t.StmtContext(ctx, stmt)
		return t.bound[query]
	}
	t.missed = append(t.missed, query)
	return nil
}

// lent gives the transaction to one who writes by itself.
func (t *preparedTx) lent() *sql.Tx {
	t.writes++
	return t.Tx
}

// mayWrite counts a query that is more than a look, such as INSERT … RETURNING.
func (t *preparedTx) mayWrite(query string) {
	if !strings.HasPrefix(query, "SELECT") {
		t.writes++
	}
}

// ExecContext implements gorm.ConnPool.
func (t *preparedTx) ExecContext(ctx context.Context, query string, args ...any) (res sql.Result, err error) {
	t.writes++
	began := time.Now() //nolint:forbidigo // a duration, not a rule
	defer func() { t.statements.watch.statement(ctx, query, began, err) }()
	if stmt := t.statement(ctx, query); stmt != nil { //nolint:sqlclosecheck // it ends with the transaction
		return stmt.ExecContext(ctx, args...)
	}
	return t.Tx.ExecContext(ctx, query, args...)
}

// QueryContext implements gorm.ConnPool.
func (t *preparedTx) QueryContext(ctx context.Context, query string, args ...any) (rows *sql.Rows, err error) {
	t.mayWrite(query)
	began := time.Now() //nolint:forbidigo // a duration, not a rule
	defer func() { t.statements.watch.statement(ctx, query, began, err) }()
	if stmt := t.statement(ctx, query); stmt != nil { //nolint:sqlclosecheck // it ends with the transaction
		return stmt.QueryContext(ctx, args...) //nolint:sqlclosecheck // the caller closes
	}
	return t.Tx.QueryContext(ctx, query, args...) //nolint:sqlclosecheck // the caller closes
}

// QueryRowContext implements gorm.ConnPool.
func (t *preparedTx) QueryRowContext(ctx context.Context, query string, args ...any) (row *sql.Row) {
	t.mayWrite(query)
	began := time.Now() //nolint:forbidigo // a duration, not a rule
	defer func() { t.statements.watch.statement(ctx, query, began, row.Err()) }()
	if stmt := t.statement(ctx, query); stmt != nil { //nolint:sqlclosecheck // it ends with the transaction
		return stmt.QueryRowContext(ctx, args...)
	}
	return t.Tx.QueryRowContext(ctx, query, args...)
}
