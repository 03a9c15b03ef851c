package sqlstore_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage/sqlstore"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
)

// database makes an empty database of a dialect: its address, and a pool on it.
func database(t *testing.T, dialect string) (uri string, db *sql.DB) {
	t.Helper()
	driver, dsn := "pgx", ""
	if dialect == "postgres" {
		uri = postgres.Database(t)
		dsn = uri
	} else {
		path := filepath.Join(t.TempDir(), "test.db")
		uri, driver, dsn = "sqlite:///"+path, "sqlite", path
	}
	db, err := sql.Open(driver, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return uri, db
}

// A database of each earlier slipway, with rows in every table, is brought up
// to this one: no row of it is lost or changed.
func TestEachMigrationKeepsTheData(t *testing.T) {
	t.Parallel()
	for _, dialect := range []string{"sqlite", "postgres"} {
		_, empty := database(t, dialect)
		numbers, err := sqlstore.MigrationsOf(dialect, empty)
		require.NoError(t, err)
		for _, number := range numbers {
			t.Run(fmt.Sprintf("%s from %d", dialect, number), func(t *testing.T) {
				t.Parallel()
				uri, db := database(t, dialect)
				_, err := sqlstore.MigrateTo(t.Context(), dialect, db, number)
				require.NoError(t, err)
				tables := catalogue(t, dialect, db)
				require.NotEmpty(t, tables)
				fill(t, dialect, db, tables)
				before := map[string][]string{}
				for _, in := range tables {
					before[in.name] = content(t, db, in)
					require.GreaterOrEqual(t, len(before[in.name]), rowsOfTable)
				}

				opened(t, uri)
				for _, in := range tables {
					if in.name == "worker" && dialect == "sqlite" {
						continue // nobody works while its file is opened
					}
					require.Subset(t, content(t, db, in), before[in.name])
				}
				if dialect == "sqlite" {
					require.Equal(t, []string{"ok"}, column1(t, db, "PRAGMA integrity_check"))
					require.Empty(t, column1(t, db, "SELECT \"table\" || ' refers to nothing in ' || parent FROM pragma_foreign_key_check"))
				}
			})
		}
	}
}

// What another program made, or a newer slipway, is refused in one sentence and
// left as it was.
func TestADatabaseThatIsNotOursIsRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ made, says string }{
		"an MLflow server's":                 {"CREATE TABLE alembic_version (version_num TEXT)", "belongs to an MLflow server (it has a table alembic_version): give Slipway a database of its own"},
		"another program's":                  {"CREATE TABLE invoice (id INTEGER)", "belongs to another program (it has a table invoice): give Slipway a database of its own"},
		"one with a table of a name of ours": {"CREATE TABLE run (id INTEGER)", "belongs to another program (it has a table run): give Slipway a database of its own"},
		"a newer slipway's":                  {"", "the database has schema 9001, this slipway knows up to "},
	} {
		for _, dialect := range []string{"sqlite", "postgres"} {
			t.Run(dialect+" "+name, func(t *testing.T) {
				t.Parallel()
				uri, db := database(t, dialect)
				made := tc.made
				if made == "" {
					ours, err := sqlstore.Open(t.Context(), uri, sqlstore.Options{})
					require.NoError(t, err)
					require.NoError(t, ours.Close())
					made = "INSERT INTO slipway_schema (version_id, is_applied) VALUES (9001, '1')"
				}
				_, err := db.ExecContext(t.Context(), made)
				require.NoError(t, err)
				before := catalogue(t, dialect, db)
				_, err = sqlstore.Open(t.Context(), uri, sqlstore.Options{})
				require.True(t, models.IsKind(err, models.KindConflict), err)
				require.ErrorContains(t, err, tc.says)
				require.NotContains(t, err.Error(), "\n")
				require.Equal(t, before, catalogue(t, dialect, db))
				if tc.made != "" {
					require.NotContains(t, all(t, dialect, db), "slipway_schema")
				}
			})
		}
	}
}

// all are the names of a database's tables.
func all(t *testing.T, dialect string, db *sql.DB) []string {
	t.Helper()
	if dialect == "postgres" {
		return column1(t, db, "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'")
	}
	return column1(t, db, "SELECT name FROM sqlite_master WHERE type = 'table'")
}
