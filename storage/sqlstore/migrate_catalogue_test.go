package sqlstore_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// table is what a database's catalogue says of one of its tables.
type table struct {
	name    string
	columns []column
}

type column struct {
	name, kind string
	nullable   bool
	// What it refers to, "" where it refers to nothing.
	parent, key string
}

// catalogue reads a database's tables, but for those of the job queue and the
// one of the schema's version.
func catalogue(t *testing.T, dialect string, db *sql.DB) []table {
	t.Helper()
	names := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY 1"
	columns := `SELECT c.name, upper(c.type), c."notnull" = 0 AND c.pk = 0, coalesce(f."table", ''), coalesce(f."to", '')
		FROM pragma_table_info(?1) AS c LEFT JOIN pragma_foreign_key_list(?1) AS f ON f."from" = c.name
		ORDER BY c.cid`
	if dialect == "postgres" {
		names = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1"
		columns = `SELECT a.attname::text, upper(format_type(a.atttypid, NULL)), NOT a.attnotnull,
				coalesce(f.confrelid::regclass::text, ''), coalesce(p.attname::text, '')
			FROM pg_attribute a
			LEFT JOIN pg_constraint f ON f.contype = 'f' AND f.conrelid = a.attrelid AND a.attnum = ANY (f.conkey)
			LEFT JOIN pg_attribute p ON p.attrelid = f.confrelid AND p.attnum = f.confkey[array_position(f.conkey, a.attnum)]
			WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum`
	}
	var tables []table
	for _, name := range column1(t, db, names) {
		if strings.HasPrefix(name, "river_") || name == "slipway_schema" {
			continue
		}
		tables = append(tables, table{name, columnsOf(t, db, columns, name)})
	}
	return tables
}

func columnsOf(t *testing.T, db *sql.DB, query, name string) (columns []column) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query, name)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	for rows.Next() {
		var c column
		require.NoError(t, rows.Scan(&c.name, &c.kind, &c.nullable, &c.parent, &c.key))
		if !slices.ContainsFunc(columns, func(o column) bool { return o.name == c.name }) { // it may refer to two
			columns = append(columns, c)
		}
	}
	require.NoError(t, rows.Err())
	return columns
}

func column1(t *testing.T, db *sql.DB, query string) (values []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	for rows.Next() {
		var value string
		require.NoError(t, rows.Scan(&value))
		values = append(values, value)
	}
	require.NoError(t, rows.Err())
	return values
}

// samples are the values of columns that hold more than any text or number: a
// check, or a migration that reads them, says so. One a row.
var samples = map[string][rowsOfTable]any{}

const rowsOfTable = 3

// sample is the value that a column has in a table's row. A column that refers
// to another has that one's, so rows fit together however tables do.
func sample(tables []table, in table, c column, row int) any {
	if values, ok := samples[in.name+"."+c.name]; ok {
		return values[row]
	}
	if c.nullable && row == 0 {
		return nil
	}
	if c.parent != "" {
		parent := tables[slices.IndexFunc(tables, func(o table) bool { return o.name == c.parent })]
		at := slices.IndexFunc(parent.columns, func(o column) bool { return o.name == c.key })
		if parent.name != in.name || c.key != c.name {
			return sample(tables, parent, parent.columns[at], row)
		}
	}
	switch c.kind {
	case "TEXT":
		return fmt.Sprintf("%s.%s %d: é ' \" %%", in.name, c.name, row)
	case "INTEGER", "BIGINT", "SMALLINT":
		return int64(100 + row)
	case "REAL", "DOUBLE PRECISION":
		return float64(row) + 0.5
	case "BLOB", "BYTEA":
		return []byte{0, byte(row), 255}
	case "BOOLEAN":
		return row == 1
	}
	panic(fmt.Sprintf("%s.%s is a %s: tell the test what such a column may hold", in.name, c.name, c.kind))
}

// fill puts rows into every table. Whole tables are made at once, so what they
// refer to need not be there first.
func fill(t *testing.T, dialect string, db *sql.DB, tables []table) {
	t.Helper()
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	run := func(query string, args ...any) {
		_, err := conn.ExecContext(t.Context(), query, args...)
		require.NoError(t, err, query)
	}
	overriding := ""
	if dialect == "postgres" {
		run("SET session_replication_role = replica")
		overriding = " OVERRIDING SYSTEM VALUE"
	} else {
		run("PRAGMA foreign_keys = OFF")
	}
	for _, in := range tables {
		for row := range rowsOfTable {
			names, places, values := make([]string, len(in.columns)), make([]string, len(in.columns)), make([]any, len(in.columns))
			for i, c := range in.columns {
				names[i], places[i], values[i] = `"`+c.name+`"`, fmt.Sprintf("$%d", i+1), sample(tables, in, c, row)
			}
			run(fmt.Sprintf(`INSERT INTO "%s" (%s)%s VALUES (%s)`, in.name, strings.Join(names, ", "), overriding, strings.Join(places, ", ")), values...)
		}
	}
	if dialect == "postgres" {
		run("SET session_replication_role = DEFAULT")
	}
	require.NoError(t, conn.Close())
	for _, in := range tables { // what was put in is what a server could have
		for _, c := range in.columns {
			if c.parent != "" {
				require.Empty(t, column1(t, db, fmt.Sprintf(
					`SELECT '%s.%s refers to nothing' FROM "%[1]s" c WHERE "%[2]s" IS NOT NULL AND NOT EXISTS (SELECT 1 FROM "%[3]s" p WHERE p."%[4]s" = c."%[2]s")`,
					in.name, c.name, c.parent, c.key)))
			}
		}
	}
}

// content is what a table's columns hold, a text a row.
func content(t *testing.T, db *sql.DB, in table) []string {
	t.Helper()
	names := make([]string, len(in.columns))
	for i, c := range in.columns {
		names[i] = `"` + c.name + `"`
	}
	rows, err := db.QueryContext(t.Context(), fmt.Sprintf(`SELECT %s FROM "%s"`, strings.Join(names, ", "), in.name))
	require.NoError(t, err, "of %s", in.name)
	defer func() { require.NoError(t, rows.Close()) }()
	var all []string
	for rows.Next() {
		values, into := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		require.NoError(t, rows.Scan(into...))
		all = append(all, fmt.Sprintf("%s: %q", in.name, values))
	}
	require.NoError(t, rows.Err())
	return all
}
