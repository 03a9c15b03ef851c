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

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/libtnb/sqlite"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/slipway-ml/slipway/models"
)

// Options tune a database; zero fields take the defaults.
type Options struct {
	Log       *slog.Logger
	Readers   int           // connections for reads, 8
	LeaseTime time.Duration // a worker silent for so long is dead, 15 s
	Slow      time.Duration // a statement that takes so long is logged; 0 logs none
	Postgres  Postgres
	// Observe is told of each statement: its text with placeholders for its
	// values, when it began and how it ended. It is the seam for tracing.
	Observe func(ctx context.Context, statement string, began time.Time, err error)
}

func (o *Options) fill() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Readers == 0 {
		o.Readers = 8
	}
	if o.LeaseTime == 0 {
		o.LeaseTime = 15 * time.Second
	}
	p := &o.Postgres
	if p.MaxOpen == 0 {
		p.MaxOpen = 20
	}
	if p.MaxIdle == 0 {
		p.MaxIdle = p.MaxOpen
	}
	if p.ConnectTimeout == 0 {
		p.ConnectTimeout = 5 * time.Second
	}
}

// DB implements storage.DB and storage.Leases.
type DB struct {
	dialect  string // "sqlite" or "postgres"
	write    *gorm.DB
	read     *gorm.DB
	prepared map[*gorm.DB]*statements // of each pool; empty on Postgres
	queue    *sql.DB                  // River's own connections
	writer   *writer                  // nil on Postgres
	turns    *turns                   // nil on SQLite
	enqueue  func(context.Context, *gorm.DB, river.InsertManyParams) error
	driver   riverdriver.Driver[*sql.Tx]
	lock     *os.File // held while a SQLite file is open
	serverID string
	log      *slog.Logger
	gauges   *gauges
	keys     keyNumbers
	watch    *watch
	lease    time.Duration

	listen   *pgxpool.Pool // what waits for jobs on Postgres
	holds    *sql.DB       // what Hold holds on Postgres
	migrator *sql.DB       // Postgres without time limits
	place    string        // of the Postgres database, for messages
	limit    time.Duration // of one transaction on Postgres; 0 is for ever
}

// Open connects to the database of uri ("sqlite:///path", "postgresql://…"),
// migrates it and returns it ready. A database that is newer than this binary,
// or that holds another program's tables, is refused.
func Open(ctx context.Context, uri string, opts Options) (*DB, error) {
	opts.fill()
	db := &DB{log: opts.Log, lease: opts.LeaseTime, gauges: newGauges(), watch: newWatch(opts)}
	if err := db.connect(ctx, uri, opts); err != nil {
		_ = db.Close()
		return nil, err
	}
	if err := db.prepare(ctx); err != nil {
		_ = db.Close()
		return nil, err
	}
	return db, nil
}

func (db *DB) connect(ctx context.Context, uri string, opts Options) error {
	scheme, rest, ok := strings.Cut(uri, "://")
	switch {
	case ok && scheme == "sqlite":
		return db.openSQLite(strings.TrimPrefix(rest, "/"), opts)
	case ok && IsPostgres(uri):
		return db.openPostgres(ctx, "postgresql://"+rest, opts)
	case !ok:
		scheme = "" // it may be anything, a password too
	}
	return models.Errorf(models.KindInvalid, "backend-store-uri: %q is no database: use sqlite:///path.db or postgresql://user@host/database", scheme)
}

// IsPostgres tells whether an address is that of a Postgres database, in
// SQLAlchemy's spelling with a driver too.
func IsPostgres(uri string) bool {
	scheme, _, ok := strings.Cut(uri, "://")
	scheme, _, _ = strings.Cut(scheme, "+")
	return ok && (scheme == "postgres" || scheme == "postgresql")
}

func (db *DB) openSQLite(path string, opts Options) error {
	if path == "" {
		return models.Errorf(models.KindInvalid, "backend-store-uri: sqlite:/// needs a path")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("make the database's folder: %w", err)
	}
	if err := registerRegexp(); err != nil {
		return fmt.Errorf("teach SQLite regular expressions: %w", err)
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
	if db.write, write, err = openPool(sqlite.Open(dsn+"&_txlock=immediate&_pragma=cache_size(-16000)"), 1); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if db.read, read, err = openPool(sqlite.Open(dsn+"&_pragma=query_only(ON)&_pragma=cache_size(-4000)"), opts.Readers); err != nil {
		return err
	}
	db.prepared = map[*gorm.DB]*statements{db.write: newStatements(write, db.watch), db.read: newStatements(read, db.watch)}
	_, db.queue, err = openPool(sqlite.Open(dsn+"&_txlock=immediate"), 4)
	if err != nil {
		return err
	}
	db.driver = riversqlite.New(db.queue)
	return nil
}

// openGorm makes gorm's side of a pool.
func openGorm(dialector gorm.Dialector) (*gorm.DB, error) {
	g, err := gorm.Open(dialector, &gorm.Config{
		TranslateError: true, SkipDefaultTransaction: true,
		Logger: logger.Discard,
	})
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	return g, nil
}

func openPool(dialector gorm.Dialector, connections int) (*gorm.DB, *sql.DB, error) {
	g, err := openGorm(dialector)
	if err != nil {
		return nil, nil, err
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
	if err := db.openJobs(); err != nil {
		return fmt.Errorf("open the job queue: %w", err)
	}
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
	if db.holds != nil {
		_ = db.holds.Close()
	}
	if db.migrator != nil {
		_ = db.migrator.Close()
	}
	if db.listen != nil {
		db.listen.Close()
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
	limited, cancel := db.limited(ctx)
	defer cancel()
	return db.explain(ctx, pool.PingContext(limited))
}

// Queue is the driver on which package job runs River.
func (db *DB) Queue() riverdriver.Driver[*sql.Tx] { return db.driver }
