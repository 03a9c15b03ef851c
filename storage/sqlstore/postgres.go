package sqlstore

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	driver "gorm.io/driver/postgres"

	"github.com/slipway-ml/slipway/models"
)

// Postgres are the settings of a Postgres database. What its address itself
// says (sslmode, sslrootcert, connect_timeout, statement_timeout …) goes first.
type Postgres struct {
	MaxOpen, MaxIdle         int           // connections, 20 and 20
	MaxLifetime, MaxIdleTime time.Duration // of a connection; 0 is for ever
	ConnectTimeout           time.Duration // 5 s
	StatementTimeout         time.Duration // of one statement; 0 is for ever
	SSLMode                  string        // disable, prefer, require, verify-ca, verify-full
	SSLRootCert              string        // file of the authorities that are trusted
	SSLCert, SSLKey          string        // files of our own certificate and its key
}

func (db *DB) openPostgres(ctx context.Context, uri string, opts Options) error {
	db.dialect = "postgres"
	cfg, err := opts.Postgres.config(uri)
	if err != nil {
		return err
	}
	db.place = fmt.Sprintf("%s at %s", cfg.Database, net.JoinHostPort(cfg.Host, strconv.Itoa(int(cfg.Port))))
	db.limit = 2 * opts.Postgres.StatementTimeout
	cfg.Tracer = db.watch
	db.queue = stdlib.OpenDB(*cfg)
	db.queue.SetMaxOpenConns(opts.Postgres.MaxOpen)
	db.queue.SetMaxIdleConns(opts.Postgres.MaxIdle)
	db.queue.SetConnMaxLifetime(opts.Postgres.MaxLifetime)
	db.queue.SetConnMaxIdleTime(opts.Postgres.MaxIdleTime)
	if err := db.queue.PingContext(ctx); err != nil {
		return unreachable(cfg, err)
	}
	if db.write, err = openGorm(driver.New(driver.Config{Conn: db.queue})); err != nil {
		return err
	}
	db.read = db.write
	db.turns = &turns{db: db}
	// What waits for jobs has a connection of its own: so they are woken by the
	// commit that writes them, not by the next look.
	listen, err := pgxpool.ParseConfig("")
	if err != nil {
		return err
	}
	listen.ConnConfig, listen.MaxConns = cfg.Copy(), 2
	listen.ConnConfig.Tracer = nil
	delete(listen.ConnConfig.RuntimeParams, "idle_in_transaction_session_timeout")
	if db.listen, err = pgxpool.NewWithConfig(context.WithoutCancel(ctx), listen); err != nil {
		return err
	}
	db.driver = riverdatabasesql.NewWithPgxListener(db.queue, db.listen)
	quiet := cfg.Copy()
	quiet.Tracer = nil
	db.holds = stdlib.OpenDB(*quiet)
	db.holds.SetMaxOpenConns(holders)
	db.holds.SetMaxIdleConns(holders)
	db.holds.SetConnMaxLifetime(opts.Postgres.MaxLifetime)
	db.holds.SetConnMaxIdleTime(opts.Postgres.MaxIdleTime)
	// Migrations take what time they need.
	patient := cfg.Copy()
	patient.Tracer = nil
	delete(patient.RuntimeParams, "statement_timeout")
	delete(patient.RuntimeParams, "idle_in_transaction_session_timeout")
	db.migrator = stdlib.OpenDB(*patient)
	return nil
}

// config reads an address. No error of it holds any of the address but the
// names of its parts, since a password that is not encoded may be anywhere.
func (o Postgres) config(uri string) (*pgx.ConnConfig, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return nil, models.Errorf(models.KindInvalid, "backend-store-uri: the postgresql:// address cannot be read; write special characters of the password as %%40 and the like")
	}
	q := u.Query()
	for name, value := range map[string]string{
		"sslmode": o.SSLMode, "sslrootcert": o.SSLRootCert, "sslcert": o.SSLCert, "sslkey": o.SSLKey,
		"connect_timeout":   seconds(o.ConnectTimeout),
		"statement_timeout": milliseconds(o.StatementTimeout),
		// A server whose machine is gone must not keep its locks.
		"idle_in_transaction_session_timeout": milliseconds(2 * o.StatementTimeout),
		"application_name":                    "slipway",
	} {
		if value != "" && !q.Has(name) {
			q.Set(name, value)
		}
	}
	u.RawQuery = q.Encode()
	cfg, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, models.Errorf(models.KindInvalid, "backend-store-uri: the postgresql:// address is wrong: %s", reasonOf(err))
	}
	return cfg, nil
}

func seconds(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return strconv.Itoa(int(max(d, time.Second) / time.Second))
}

func milliseconds(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return strconv.FormatInt(d.Milliseconds(), 10)
}

// reasonOf is what is wrong with an address, without the address, which pgx
// puts first, between backquotes.
func reasonOf(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, "`: "); i >= 0 {
		text = text[i+len("`: "):]
	}
	return text
}

// unreachable says why a server does not take us, and what to do.
func unreachable(cfg *pgx.ConnConfig, err error) error {
	at := net.JoinHostPort(cfg.Host, strconv.Itoa(int(cfg.Port)))
	say := func(format string, args ...any) error {
		return models.Errorf(models.KindUnavailable, "Postgres at "+at+format, args...).Because(err)
	}
	var refused *pgconn.PgError
	var untrusted x509.UnknownAuthorityError
	var misnamed x509.HostnameError
	switch {
	case errors.As(err, &refused):
		switch refused.Code {
		case "3D000":
			return say(" has no database %q: create it, or correct --backend-store-uri", cfg.Database)
		case "28P01":
			return say(" refuses the password of user %q: correct it in --backend-store-uri, or by PGPASSWORD", cfg.User)
		case "28000":
			return say(" lets user %q not in: see its pg_hba.conf", cfg.User)
		case "53300":
			return say(" has no connection free: raise its max_connections, or lower --db-max-open")
		}
		return say(" refuses the connection")
	case errors.As(err, &untrusted):
		return say(" has a certificate of an unknown authority: name the authority's file by --db-sslrootcert")
	case errors.As(err, &misnamed):
		return say(" has a certificate for another name: address it by that name, or use --db-sslmode=verify-ca")
	case strings.Contains(err.Error(), "server refused TLS connection"):
		return say(" does not speak TLS: set ssl = on there, or use --db-sslmode=disable")
	case pgconn.Timeout(err) || errors.Is(err, context.DeadlineExceeded):
		return say(" does not answer in time: see that the address is right and no firewall is between")
	}
	return say(" cannot be reached: see that it runs and that the address in --backend-store-uri is right")
}

// lockMigrations makes servers that start together migrate one after the other.
// The lock ends with the connection, however that ends.
func (db *DB) lockMigrations(ctx context.Context) (unlock func(), err error) {
	conn, err := db.migrator.Conn(ctx)
	if err != nil {
		return nil, err
	}
	unlock = func() { _ = conn.Close(); _ = db.migrator.Close() }
	var taken bool
	if err := conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1)", migrationLock).Scan(&taken); err != nil || taken {
		return unlock, err
	}
	db.log.InfoContext(ctx, "another server migrates the database: waiting for it")
	_, err = conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", migrationLock)
	return unlock, err
}

// migrationLock is the number of the lock that migrations take.
const migrationLock = 0x736c69706d6967 // "slipmig"
