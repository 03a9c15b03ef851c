package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/libtnb/sqlite"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/slipway-ml/slipway/models"
)

// Options tune a database; zero fields take the defaults.
type Options struct {
	Log       *slog.Logger
	Readers   int           // connections for reads, 8
	LeaseTime time.Duration // a worker silent for so long is dead, 15 s
}

// DB implements storage.DB and storage.Leases.
type DB struct {
	dialect  string // "sqlite" or "postgres"
	write    *gorm.DB
	read     *gorm.DB
	prepared map[*gorm.DB]*statements // of each pool; empty on Postgres
	queue    *sql.DB                  // River's own connections
	writer   *writer                  // nil on Postgres
	inserter *river.Client[*sql.Tx]
	driver   riverdriver.Driver[*sql.Tx]
	lock     *os.File // held while a SQLite file is open
	serverID string
	log      *slog.Logger
	gauges   *gauges
	keys     keyNumbers
	lease    time.Duration
}

// Open connects to the database of uri ("sqlite:///path", "postgresql://…"),
// migrates it and returns it ready. A database that is newer than this binary,
// or that holds another program's tables, is refused.
func Open(ctx context.Context, uri string, opts Options) (*DB, error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Readers == 0 {
		opts.Readers = 8
	}
	if opts.LeaseTime == 0 {
		opts.LeaseTime = 15 * time.Second
	}
	db := &DB{log: opts.Log, lease: opts.LeaseTime, gauges: newGauges()}
	if err := db.connect(uri, opts); err != nil {
		return nil, err
	}
	if err := db.prepare(ctx); err != nil {
		_ = db.Close()
		return nil, err
	}
	return db, nil
}

func (db *DB) connect(uri string, opts Options) error {
	scheme, rest, ok := strings.Cut(uri, "://")
	switch {
	case ok && scheme == "sqlite":
		return db.openSQLite(strings.TrimPrefix(rest, "/"), opts)
	case ok && (scheme == "postgres" || scheme == "postgresql" || strings.HasPrefix(scheme, "postgresql+")):
		return db.openPostgres("postgresql://"+rest, opts)
	}
	return models.Errorf(models.KindInvalid, "backend-store-uri %q: use sqlite:///path.db or postgresql://user@host/database", redact(uri))
}

func redact(uri string) string {
	if u, err := url.Parse(uri); err == nil {
		return u.Redacted()
	}
	return "(unreadable)"
}

func (db *DB) openSQLite(path string, opts Options) error {
	if path == "" {
		return models.Errorf(models.KindInvalid, "backend-store-uri: sqlite:/// needs a path")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("make the database's folder: %w", err)
	}
	lock, err := lockFile(path + ".lock")
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return models.Errorf(models.KindConflict, "the database %s is in use by another slipway server; stop it, or use Postgres for several servers", path).Because(err)
	}
	if err != nil {
		return fmt.Errorf("lock the database: %w", err)
	}
	db.lock, db.dialect = lock, "sqlite"
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() +
		"?_pragma=busy_timeout(20000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(ON)&_pragma=temp_store(MEMORY)"
	var write, read *sql.DB
	if db.write, write, err = openPool(sqlite.Open(dsn+"&_txlock=immediate"), 1); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if db.read, read, err = openPool(sqlite.Open(dsn+"&_pragma=query_only(ON)&_pragma=cache_size(-8000)"), opts.Readers); err != nil {
		return err
	}
	db.prepared = map[*gorm.DB]*statements{db.write: newStatements(write), db.read: newStatements(read)}
	_, db.queue, err = openPool(sqlite.Open(dsn+"&_txlock=immediate"), 4)
	if err != nil {
		return err
	}
	db.driver = riversqlite.New(db.queue)
	return nil
}

func (db *DB) openPostgres(uri string, opts Options) error {
	db.dialect = "postgres"
	var err error
	if db.write, db.queue, err = openPool(postgres.Open(uri), 2*opts.Readers); err != nil {
		return models.Errorf(models.KindUnavailable, "cannot reach the database %s", redact(uri)).Because(err)
	}
	db.read = db.write
	db.driver = riverdatabasesql.New(db.queue)
	return nil
}

func openPool(dialector gorm.Dialector, connections int) (*gorm.DB, *sql.DB, error) {
	g, err := gorm.Open(dialector, &gorm.Config{
		TranslateError: true, SkipDefaultTransaction: true,
		Logger: logger.Discard,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("open the database: %w", err)
	}
	pool, err := g.DB()
	if err != nil {
		return nil, nil, err
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	return g, pool, nil
}

// prepare migrates, reads the server's id and starts the writer.
func (db *DB) prepare(ctx context.Context) error {
	if err := db.migrate(ctx); err != nil {
		return err
	}
	inserter, err := river.NewClient(db.driver, &river.Config{Logger: db.log})
	if err != nil {
		return fmt.Errorf("open the job queue: %w", err)
	}
	db.inserter = inserter
	if db.dialect == "sqlite" {
		db.writer = newWriter(db) //nolint:contextcheck // it outlives the opening
		if err := db.rescueAll(ctx); err != nil {
			return err
		}
	}
	return db.loadServerID(ctx)
}

// Close waits for what runs and closes every connection.
func (db *DB) Close() error {
	if db.writer != nil {
		db.writer.close()
	}
	for _, g := range []*gorm.DB{db.write, db.read} {
		if g == nil {
			continue
		}
		if pool, err := g.DB(); err == nil {
			_ = pool.Close()
		}
	}
	if db.queue != nil {
		_ = db.queue.Close()
	}
	if db.lock != nil {
		_ = db.lock.Close()
	}
	return nil
}

// Ping tells whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	pool, err := db.read.DB()
	if err != nil {
		return err
	}
	return pool.PingContext(ctx)
}

// Queue is the driver on which package job runs River.
func (db *DB) Queue() riverdriver.Driver[*sql.Tx] { return db.driver }
