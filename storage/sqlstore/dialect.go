package sqlstore

import "strings"

// sql picks the dialect's text and puts the database's clock, in microseconds,
// where it says {now}.
func (db *DB) sql(onSQLite, onPostgres string) string {
	if db.dialect == "postgres" {
		return strings.ReplaceAll(onPostgres, "{now}", "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
	}
	return strings.ReplaceAll(onSQLite, "{now}", "CAST(unixepoch('subsec') * 1000000 AS INTEGER)")
}
