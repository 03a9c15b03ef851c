package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/slipway-ml/slipway/models"
)

// patience bounds how long a transaction is tried again: a restart of Postgres
// fits in, a caller does not wait for more.
const patience = 3 * time.Second

// again runs a transaction until it is done or fails for good. It is run again
// where it met another one (a deadlock, a serialization failure), where one
// that it shared a commit with failed, and where the database was lost before
// the commit was sent.
func (db *DB) again(ctx context.Context, run func(context.Context) (final bool, err error)) error {
	ctx, cancel := db.limited(ctx)
	defer cancel()
	until := time.Now().Add(patience) //nolint:forbidigo // a duration, not a rule
	wait := 2 * time.Millisecond
	for {
		final, err := run(ctx)
		if err == nil || final || !contended(err) && !lost(err) && !errors.As(err, new(spoiled)) || time.Now().After(until) { //nolint:forbidigo // as above
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait + rand.N(wait)): //nolint:gosec // it only spreads
		}
		wait = min(2*wait, 200*time.Millisecond)
	}
}

// limited bounds what is asked of the database: one that has stopped without
// closing its connections keeps nobody for ever.
func (db *DB) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if db.limit > 0 {
		return context.WithTimeout(ctx, db.limit)
	}
	return ctx, func() {}
}

func sqlState(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// contended tells whether a transaction failed because of another one.
func contended(err error) bool {
	switch sqlState(err) {
	case "40001", "40P01": // serialization_failure, deadlock_detected
		return true
	}
	return false
}

// lost tells whether the database went away.
func lost(err error) bool {
	if state := sqlState(err); state != "" {
		// connection_exception, and operator intervention but a cancelled query
		return strings.HasPrefix(state, "08") || strings.HasPrefix(state, "57P") || state == "53300"
	}
	var connecting *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connecting) || errors.As(err, &network) || pgconn.SafeToRetry(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, net.ErrClosed)
}

// explain turns what a database does to every caller alike into an error that
// says so. What a store or a service has said already stays.
func (db *DB) explain(ctx context.Context, err error) error {
	var said *models.Error
	if err == nil || errors.As(err, &said) || ctx.Err() != nil {
		return err
	}
	unavailable := func(message string) error {
		return models.Errorf(models.KindUnavailable, "%s", message).Because(err)
	}
	switch full, state := sqliteCode(err), sqlState(err); {
	case full == sqliteFull || state == "53100":
		return models.Errorf(models.KindFull, "the disk of the database is full: nothing was changed; make room, then try again").Because(err)
	case full == sqliteIO:
		return unavailable("the disk of the database fails: nothing was changed; see the server's log")
	case full == sqliteBusy || full == sqliteLocked || contended(err):
		return unavailable("the database is busy: nothing was changed; try again")
	case state == "25006":
		return unavailable("the database takes no writes now: it is read-only; try again")
	case state == "22021" || state == "22P05":
		return models.Errorf(models.KindInvalid, "a text has a NUL character or is no UTF-8: leave that out").Because(err)
	case state == "2201B":
		return models.Errorf(models.KindInvalid, "Postgres does not take the regular expression after RLIKE: write it in its syntax").Because(err)
	case state == "57014" || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, sql.ErrTxDone):
		return unavailable("the database took longer than --db-statement-timeout allows; try again, or ask for less")
	case lost(err):
		return unavailable("the database does not answer; try again")
	}
	return err
}

// What SQLite's codes mean: https://www.sqlite.org/rescode.html.
const (
	sqliteBusy   = 5
	sqliteLocked = 6
	sqliteIO     = 10
	sqliteFull   = 13
)

func sqliteCode(err error) int {
	var e interface{ Code() int }
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}
