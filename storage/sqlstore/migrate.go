package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/google/uuid"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/slipway-ml/slipway/models"
)

//go:embed migrations
var migrations embed.FS

const versionTable = "slipway_schema"

// migrate brings the schema up to this binary's, ours and River's, under a
// lock: the file's on SQLite, a session lock on Postgres.
func (db *DB) migrate(ctx context.Context) error {
	pool, err := db.write.DB()
	if err != nil {
		return err
	}
	if err := db.refuseForeign(ctx, pool); err != nil {
		return err
	}
	files, err := fs.Sub(migrations, "migrations/"+db.dialect)
	if err != nil {
		return err
	}
	dialect, options := goose.DialectSQLite3, []goose.ProviderOption{
		goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true), goose.WithSlog(db.log),
	}
	if db.dialect == "postgres" {
		dialect = goose.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(dialect, pool, files, options...)
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	sources := provider.ListSources()
	newest := sources[len(sources)-1].Version
	if have, err := provider.GetDBVersion(ctx); err == nil && have > newest {
		return models.Errorf(models.KindConflict, "the database has schema %d, this slipway knows up to %d: use a newer slipway", have, newest)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	return db.migrateQueue(ctx)
}

func (db *DB) migrateQueue(ctx context.Context) error {
	m, err := rivermigrate.New(db.driver, &rivermigrate.Config{Logger: db.log})
	if err != nil {
		return err
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate the job queue: %w", err)
	}
	return nil
}

// refuseForeign keeps us out of a database that an MLflow server made.
func (db *DB) refuseForeign(ctx context.Context, pool *sql.DB) error {
	query := "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
	if db.dialect == "postgres" {
		query = "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = 'alembic_version'"
	}
	var n int
	if err := pool.QueryRowContext(ctx, query).Scan(&n); err != nil {
		return models.Errorf(models.KindUnavailable, "cannot read the database").Because(err)
	}
	if n > 0 {
		return models.Errorf(models.KindConflict, "this database belongs to an MLflow server (it has a table alembic_version): give Slipway a database of its own")
	}
	return nil
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
