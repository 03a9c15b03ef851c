package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/gorm"
)

// roundTrips is a transaction on Postgres that sends as little as it can: it
// begins together with its first statement, and a statement whose result
// nobody waits for goes with the next one, or with the commit. Without begin
// it is no transaction, only a connection.
type roundTrips struct {
	pool    *sql.DB
	conn    *sql.Conn // taken for the first statement
	begin   string    // statement that begins it
	begun   bool
	waiting []call

	answered bool // something has been read, or done
	refused  bool // of what was sent last, a statement failed before the last one
	others   int  // of what waits, sent for an earlier turn
	blamed   bool // one of those failed
}

type call struct {
	query string
	args  []any
}

// connect takes a connection.
func (r *roundTrips) connect(ctx context.Context) (err error) {
	if r.conn == nil {
		r.conn, err = r.pool.Conn(ctx)
	}
	return err
}

// send runs what waits and then calls, in one round trip. The result of the
// last call is what result reads.
func (r *roundTrips) send(ctx context.Context, last *call, result func(pgx.BatchResults) error) error {
	if err := r.connect(ctx); err != nil {
		return err
	}
	return r.conn.Raw(func(driver any) error {
		var b pgx.Batch
		opens := r.begin != "" && !r.begun
		if opens {
			b.Queue(r.begin)
		}
		for _, c := range r.waiting {
			b.Queue(c.query, c.args...)
		}
		unread := b.Len()
		if last != nil {
			b.Queue(last.query, last.args...)
		}
		c, ok := driver.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("send to Postgres: unknown driver %T", driver)
		}
		if b.Len() == 0 {
			return nil
		}
		others := unread - len(r.waiting) + r.others
		r.begun, r.waiting, r.others, r.refused = r.begun || opens, nil, 0, false
		results := c.Conn().SendBatch(ctx, &b)
		var err error
		for i := 0; i < unread && err == nil; i++ {
			_, err = results.Exec()
			r.refused = sqlState(err) != ""
			r.blamed = r.blamed || err != nil && i < others
		}
		if err == nil && last != nil {
			err = result(results)
		}
		if closing := results.Close(); err == nil {
			err = closing
		}
		r.answered = r.answered || err == nil
		return err
	})
}

func (r *roundTrips) exec(ctx context.Context, query string, args []any) (affected int64, err error) {
	err = r.send(ctx, &call{query, args}, func(results pgx.BatchResults) error {
		tag, err := results.Exec()
		affected = tag.RowsAffected()
		return err
	})
	return affected, err
}

func (r *roundTrips) scan(ctx context.Context, query string, args []any, fn func(scan scanner) error) error {
	return r.send(ctx, &call{query, args}, func(results pgx.BatchResults) error {
		rows, err := results.Query()
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			r.answered = true
			if err := fn(rows.Scan); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

// later runs a statement with the next one, or with the commit: an error of it
// is theirs.
func (r *roundTrips) later(query string, args []any) {
	r.waiting = append(r.waiting, call{query, args})
}

// ready sends what waits, so that the connection can be used as it is.
func (r *roundTrips) ready(ctx context.Context) error { return r.send(ctx, nil, nil) }

func (r *roundTrips) commit(ctx context.Context) error {
	if !r.begun && len(r.waiting) == 0 {
		return nil
	}
	return r.send(ctx, &call{query: "commit"}, func(results pgx.BatchResults) error {
		tag, err := results.Exec()
		if err == nil && tag.String() == "ROLLBACK" {
			err = errors.New("a statement of the transaction had failed")
		}
		r.begun = err != nil
		return err
	})
}

// close gives the connection back, and what is not committed up.
func (r *roundTrips) close() {
	if r.conn == nil {
		return
	}
	if r.begun && r.begin != "" {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_, _ = r.conn.ExecContext(ctx, "rollback")
	}
	_ = r.conn.Close()
}

// transact runs fn in this transaction.
func (r *roundTrips) transact(ctx context.Context, g *gorm.DB, fn func(g *gorm.DB) error) error {
	defer r.close() //nolint:contextcheck // giving up does not end with the context
	bound := g.Session(&gorm.Session{NewDB: true, Context: ctx})
	bound.Statement.ConnPool = r
	if err := fn(bound); err != nil {
		return err
	}
	return r.commit(ctx)
}

// PrepareContext implements gorm.ConnPool.
func (r *roundTrips) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	if err := r.ready(ctx); err != nil {
		return nil, err
	}
	return r.conn.PrepareContext(ctx, query)
}

// ExecContext implements gorm.ConnPool.
func (r *roundTrips) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := r.ready(ctx); err != nil {
		return nil, err
	}
	r.answered = true
	return r.conn.ExecContext(ctx, query, args...)
}

// QueryContext implements gorm.ConnPool.
func (r *roundTrips) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := r.ready(ctx); err != nil {
		return nil, err
	}
	rows, err := r.conn.QueryContext(ctx, query, args...)
	r.answered = r.answered || err == nil
	return rows, err
}

// QueryRowContext implements gorm.ConnPool.
func (r *roundTrips) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if err := r.ready(ctx); err != nil {
		ended, cancel := context.WithCancelCause(ctx)
		cancel(err)
		return r.pool.QueryRowContext(ended, query, args...) // which carries an error
	}
	row := r.conn.QueryRowContext(ctx, query, args...)
	r.answered = r.answered || row.Err() == nil
	return row
}
