package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"hash/fnv"
	"time"
)

// holders bounds the connections of those who hold something.
const holders = 8

// Postgres' locks of sessions, by two numbers: the first is whose they are.
const (
	holdAll = 0x736c6101
	holdKey = 0x736c6102
)

// Hold implements storage.DB. A SQLite file has one server, so nobody else is
// there; on Postgres it is a lock of a connection that has no other use: one
// of the pool would keep those from working whom its holder waits for.
func (db *DB) Hold(ctx context.Context, key string) (release func(), err error) {
	if db.holds == nil {
		return func() {}, nil
	}
	limited, cancel := db.limited(ctx)
	defer cancel()
	conn, err := db.holds.Conn(limited)
	if err != nil {
		return nil, db.explain(ctx, err)
	}
	if key == "" {
		_, err = conn.ExecContext(limited, "SELECT pg_advisory_lock($1, 0)", holdAll)
	} else {
		h := fnv.New32a()
		_, _ = h.Write([]byte(key))
		_, err = conn.ExecContext(limited, "SELECT pg_advisory_lock_shared($1, 0), pg_advisory_lock($2, $3)", holdAll, holdKey, int32(h.Sum32()))
	}
	if err != nil {
		letGo(ctx, conn)
		return nil, db.explain(ctx, err)
	}
	return func() { letGo(ctx, conn) }, nil
}

// letGo gives a connection back without its locks, or closes it, which ends
// them as well.
func letGo(ctx context.Context, conn *sql.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_unlock_all()"); err != nil {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	_ = conn.Close()
}
