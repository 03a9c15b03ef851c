package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"gorm.io/gorm"
)

// openJobs prepares what writes jobs in our transactions.
func (db *DB) openJobs() (err error) {
	if db.dialect == "postgres" {
		config := db.listen.Config()
		db.enqueue, err = inserter(db, riverpgxv5.New(nil), func(g *gorm.DB) (pgx.Tx, bool) {
			r, ok := g.Statement.ConnPool.(*roundTrips)
			return jobsTx{roundTrips: r, config: config}, ok
		})
		return err
	}
	db.enqueue, err = inserter(db, db.driver, func(g *gorm.DB) (*sql.Tx, bool) {
		prepared, ok := g.Statement.ConnPool.(*preparedTx)
		if !ok {
			return nil, false
		}
		return prepared.lent(), true
	})
	return err
}

func inserter[TTx any](db *DB, driver riverdriver.Driver[TTx], of func(*gorm.DB) (TTx, bool)) (func(context.Context, *gorm.DB, river.InsertManyParams) error, error) {
	client, err := river.NewClient(driver, &river.Config{Logger: slog.New(demoted{db.log.Handler()})})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, g *gorm.DB, job river.InsertManyParams) error {
		tx, ok := of(g)
		if !ok {
			return fmt.Errorf("no transaction under %T", g.Statement.ConnPool)
		}
		_, err := client.InsertManyTx(ctx, tx, []river.InsertManyParams{job})
		return err
	}, nil
}

// jobsTx is the transaction that River writes a job in. The statements go with
// the next one of the transaction, or with its commit: nobody needs the rows
// that River would read of its insert.
type jobsTx struct {
	pgx.Tx // nil: an insert calls nothing else of it
	*roundTrips
	config *pgxpool.Config
}

// Config tells River how arguments are sent.
func (t jobsTx) Config() *pgxpool.Config { return t.config }

// Exec implements pgx.Tx.
func (t jobsTx) Exec(_ context.Context, query string, args ...any) (pgconn.CommandTag, error) {
	t.later(query, args)
	return pgconn.CommandTag{}, nil
}

// Query implements pgx.Tx.
func (t jobsTx) Query(_ context.Context, query string, args ...any) (pgx.Rows, error) {
	t.later(query, args)
	return noRows{}, nil
}

// QueryRow implements pgx.Tx.
func (t jobsTx) QueryRow(ctx context.Context, query string, args ...any) pgx.Row {
	return oneRow(func(into ...any) error {
		err := pgx.ErrNoRows
		if failed := t.scan(ctx, query, args, func(scan scanner) error { err = scan(into...); return err }); failed != nil {
			return failed
		}
		return err
	})
}

type oneRow func(into ...any) error

// Scan implements pgx.Row.
func (r oneRow) Scan(into ...any) error { return r(into...) }

// noRows is the answer to a query that was not sent yet.
type noRows struct{ pgx.Rows }

// Close implements pgx.Rows.
func (noRows) Close() {}

// Err implements pgx.Rows.
func (noRows) Err() error { return nil }

// Next implements pgx.Rows.
func (noRows) Next() bool { return false }
