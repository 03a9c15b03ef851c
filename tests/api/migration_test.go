package api_test

import (
	"database/sql"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/testbed/postgres"
	"github.com/slipway-ml/slipway/tests/world"
)

// schema is a whole database's, as its catalogue tells it, with the numbers of
// the migrations that were applied.
func schema(t *testing.T, uri string) []string {
	t.Helper()
	driver, dsn := "pgx", uri
	queries := []string{
		"SELECT concat(table_name, '.', column_name, ' ', data_type, ' ', is_nullable) FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1",
		"SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
		"SELECT concat(conrelid::regclass, ' ', pg_get_constraintdef(oid)) FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1",
		"SELECT concat('migration ', version_id) FROM slipway_schema ORDER BY id",
		"SELECT concat('of the queue ', line, ' ', version) FROM river_migration ORDER BY 1",
	}
	if path, ok := strings.CutPrefix(uri, "sqlite:///"); ok {
		driver, dsn = "sqlite", path
		queries = []string{
			"SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master ORDER BY 1",
			"SELECT 'migration ' || version_id FROM slipway_schema ORDER BY id",
			"SELECT 'of the queue ' || line || ' ' || version FROM river_migration ORDER BY 1",
			"PRAGMA integrity_check",
		}
	}
	db, err := sql.Open(driver, dsn)
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	var all []string
	for _, query := range queries {
		all = append(all, linesOf(t, db, query)...)
	}
	return all
}

// linesOf are the texts of a query's only column.
func linesOf(t *testing.T, db *sql.DB, query string) (all []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		all = append(all, line)
	}
	require.NoError(t, rows.Err())
	return all
}

// emptyDatabases are addresses of databases that nobody has opened yet.
func emptyDatabases(t *testing.T) map[string]func(dir string) string {
	t.Helper()
	return map[string]func(string) string{
		"sqlite":   func(dir string) string { return "sqlite:///" + filepath.Join(dir, "slipway.db") },
		"postgres": func(string) string { return postgres.Database(t) },
	}
}

const migrating = "making the tables of a new database"

// A server is killed again and again while it migrates; the next one goes on,
// and what comes out is what an undisturbed one makes.
func TestAServerMayBeKilledAtAnyPointOfAMigration(t *testing.T) {
	t.Parallel()
	for name, empty := range emptyDatabases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			uri := empty(dir)
			p := world.LaunchProcess(t, dir, "--backend-store-uri", uri)
			require.True(t, p.Logs(migrating))
			began := time.Now()
			require.NoError(t, p.Ready())
			takes := time.Since(began)
			p.Term()
			want := schema(t, uri)

			for range 3 {
				dir := t.TempDir()
				uri := empty(dir)
				for range 3 {
					p := world.LaunchProcess(t, dir, "--backend-store-uri", uri)
					require.True(t, p.Logs(migrating, "slipway is ready")) // which it is at once where the one before had done all
					time.Sleep(rand.N(takes))
					p.Kill()
				}
				p := world.StartProcess(t, dir, "--backend-store-uri", uri)
				require.Equal(t, http.StatusOK, p.Do(http.MethodGet, "/health", nil).Status)
				run(p.World)
				p.Term()
				require.Equal(t, want, schema(t, uri))
			}
		})
	}
}

// Of servers that start at once on an empty Postgres one migrates and all come
// up; a SQLite file has one server, and the others say so.
func TestServersStartAtOnceOnAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	for name, empty := range emptyDatabases(t) {
		for _, servers := range []int{2, 5} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				uri := empty(t.TempDir())
				started := make([]*world.Process, servers)
				for i := range started {
					started[i] = world.LaunchProcess(t, t.TempDir(), "--backend-store-uri", uri)
				}
				up, migrated := 0, 0
				for _, p := range started {
					if err := p.Ready(); err != nil {
						require.Contains(t, err.Error(), "is in use by another slipway server; stop it, or use Postgres for several servers")
						continue
					}
					up++
					run(p.World)
				}
				for _, p := range started {
					p.Term()
					if p.Logs(migrating) {
						migrated++
					}
				}
				require.Equal(t, map[string]int{"sqlite": 1, "postgres": servers}[name], up)
				require.Equal(t, 1, migrated)
				lines := schema(t, uri)
				require.Len(t, lines, len(unique(lines)), "each migration is there once")
			})
		}
	}
}

func unique(lines []string) map[string]bool {
	seen := map[string]bool{}
	for _, line := range lines {
		seen[line] = true
	}
	return seen
}

// Whoever starts the server on a database that is not its own reads one line.
func TestAServerOnAnotherProgramsDatabaseEndsWithALine(t *testing.T) {
	t.Parallel()
	for name, empty := range emptyDatabases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			uri := empty(dir)
			driver, dsn := "pgx", uri
			if path, ok := strings.CutPrefix(uri, "sqlite:///"); ok {
				driver, dsn = "sqlite", path
			}
			db, err := sql.Open(driver, dsn)
			require.NoError(t, err)
			_, err = db.ExecContext(t.Context(), "CREATE TABLE invoice (id INTEGER)")
			require.NoError(t, err)
			require.NoError(t, db.Close())
			require.EqualError(t, world.LaunchProcess(t, dir, "--backend-store-uri", uri).Ready(),
				"slipway: this database belongs to another program (it has a table invoice): give Slipway a database of its own; nothing was changed")
		})
	}
}
