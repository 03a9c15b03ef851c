package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/google/uuid"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/slipway-ml/slipway/models"
)

//go:embed migrations
var migrations embed.FS

const versionTable = "slipway_schema"

// migrate brings the schema up to this binary's, ours and River's, under a
// lock: the file's on SQLite, one of the session on Postgres. Each migration is
// a transaction, so that the next start goes on wherever this one is killed.
func (db *DB) migrate(ctx context.Context) error {
	pool, driver := db.queue, db.driver
	if db.migrator != nil {
		unlock, err := db.lockMigrations(ctx)
		if err != nil {
			return fmt.Errorf("lock the database for its migration: %w", err)
		}
		defer unlock()
		pool, driver = db.migrator, riverdatabasesql.New(db.migrator)
	}
	if err := db.refuseForeign(ctx, pool); err != nil {
		return err
	}
	quiet := slog.New(demoted{db.log.Handler()})
	if err := db.found(ctx, pool); err != nil {
		return fmt.Errorf("make the database's tables: %w", err)
	}
	provider, err := newProvider(db.dialect, pool, quiet)
	if err != nil {
		return err
	}
	sources := provider.ListSources()
	newest := sources[len(sources)-1].Version
	have, err := provider.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read the database's schema version: %w", err)
	}
	if have > newest {
		return models.Errorf(models.KindConflict, "the database has schema %d, this slipway knows up to %d: use a newer slipway", have, newest)
	}
	if have < newest {
		db.log.InfoContext(ctx, "migrating the database", "from", have, "to", newest)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	m, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: quiet})
	if err != nil {
		return err
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate the job queue: %w", err)
	}
	return nil
}

// found makes the tables of an empty database in one transaction: after one
// commit instead of one for each migration. What is left is migrate's.
func (db *DB) found(ctx context.Context, pool *sql.DB) error {
	dialect, tables := database.DialectSQLite3, "SELECT COUNT(*) FROM sqlite_master"
	if db.dialect == "postgres" {
		dialect, tables = database.DialectPostgres, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = current_schema()"
	}
	store, err := database.NewStore(dialect, versionTable)
	if err != nil {
		return err
	}
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	var there int
	if err := tx.QueryRowContext(ctx, tables).Scan(&there); err != nil || there > 0 {
		return err
	}
	db.log.InfoContext(ctx, "making the tables of a new database")
	if err := store.CreateVersionTable(ctx, tx); err != nil {
		return err
	}
	if err := store.Insert(ctx, tx, database.InsertRequest{}); err != nil { // as goose marks its table
		return err
	}
	folder := "migrations/" + db.dialect
	files, err := migrations.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, file := range files {
		version, err := goose.NumericComponent(file.Name())
		if err != nil {
			return err
		}
		text, err := migrations.ReadFile(folder + "/" + file.Name())
		if err != nil {
			return err
		}
		// goose's marks are comments, and no migration has a way down.
		if _, err := tx.ExecContext(ctx, string(text)); err != nil {
			return fmt.Errorf("%s: %w", file.Name(), err)
		}
		if err := store.Insert(ctx, tx, database.InsertRequest{Version: version}); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// newProvider reads the migrations of a dialect.
func newProvider(dialect string, pool *sql.DB, log *slog.Logger) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations/"+dialect)
	if err != nil {
		return nil, err
	}
	of := goose.DialectSQLite3
	if dialect == "postgres" {
		of = goose.DialectPostgres
	}
	provider, err := goose.NewProvider(of, pool, files,
		goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true), goose.WithSlog(log))
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return provider, nil
}

// refuseForeign keeps us out of a database that another program made: it has
// tables, and none of them is the one that our first migration makes. What an
// extension of Postgres brings along is nobody's.
func (db *DB) refuseForeign(ctx context.Context, pool *sql.DB) error {
	query := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
	if db.dialect == "postgres" {
		query = `SELECT c.relname::text FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace
			AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e')`
	}
	rows, err := pool.QueryContext(ctx, query)
	if err != nil {
		return models.Errorf(models.KindUnavailable, "cannot read the database").Because(err)
	}
	defer func() { _ = rows.Close() }()
	owner, table := "", ""
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		switch name {
		case versionTable:
			return nil
		case "alembic_version", "alembic_version_auth", "experiments", "registered_models", "users":
			owner, table = "an MLflow server", name
		default:
			if owner == "" {
				owner, table = "another program", name
			}
		}
	}
	if owner == "" || rows.Err() != nil {
		return rows.Err()
	}
	return models.Errorf(models.KindConflict,
		"this database belongs to %s (it has a table %s): give Slipway a database of its own; nothing was changed", owner, table)
}

// loadServerID reads the installation's id, made once.
func (db *DB) loadServerID(ctx context.Context) error {
	pool, err := db.write.DB()
	if err != nil {
		return err
	}
	const read = "SELECT value FROM setting WHERE name = 'server_id'"
	err = pool.QueryRowContext(ctx, read).Scan(&db.serverID)
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	insert := db.sql("INSERT INTO setting (name, value) VALUES ('server_id', ?) ON CONFLICT DO NOTHING",
		"INSERT INTO setting (name, value) VALUES ('server_id', $1) ON CONFLICT DO NOTHING")
	if _, err := pool.ExecContext(ctx, insert, uuid.NewString()); err != nil {
		return err
	}
	return pool.QueryRowContext(ctx, read).Scan(&db.serverID)
}

// ServerID names this installation.
func (db *DB) ServerID() string { return db.serverID }
