package sqlstore

import (
	"context"
	"fmt"
)

// Heartbeat implements storage.Leases.
func (db *DB) Heartbeat(ctx context.Context, owner string) error {
	_, err := db.queue.ExecContext(ctx, db.sql(
		"INSERT INTO worker (owner, expires_us) VALUES (?, {now} + ?) ON CONFLICT (owner) DO UPDATE SET expires_us = excluded.expires_us",
		"INSERT INTO worker (owner, expires_us) VALUES ($1, {now} + $2) ON CONFLICT (owner) DO UPDATE SET expires_us = excluded.expires_us",
	), owner, db.lease.Microseconds())
	return err
}

// Release implements storage.Leases.
func (db *DB) Release(ctx context.Context, owner string) error {
	if _, err := db.queue.ExecContext(ctx, db.sql("DELETE FROM worker WHERE owner = ?", "DELETE FROM worker WHERE owner = $1"), owner); err != nil {
		return err
	}
	_, err := db.Rescue(ctx)
	return err
}

// Rescue implements storage.Leases. A job stands in river_job as running with
// the client that took it last in attempted_by; the dead are those clients
// without a lease that holds.
func (db *DB) Rescue(ctx context.Context) (int64, error) {
	res, err := db.queue.ExecContext(ctx, db.sql(
		`UPDATE river_job SET state = 'available', scheduled_at = datetime('now', 'subsec') WHERE state = 'running'
			AND json_extract(attempted_by, '$[#-1]') NOT IN (SELECT owner FROM worker WHERE expires_us > {now})`,
		`UPDATE river_job SET state = 'available', scheduled_at = now() WHERE state = 'running'
			AND attempted_by[array_length(attempted_by, 1)] NOT IN (SELECT owner FROM worker WHERE expires_us > {now})`,
	))
	if err != nil {
		return 0, fmt.Errorf("hand back the jobs of dead workers: %w", err)
	}
	if _, err := db.queue.ExecContext(ctx, db.sql("DELETE FROM worker WHERE expires_us <= {now}", "DELETE FROM worker WHERE expires_us <= {now}")); err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// rescueAll hands back every running job: a SQLite file has one server, so
// whoever held them is gone.
func (db *DB) rescueAll(ctx context.Context) error {
	if _, err := db.queue.ExecContext(ctx, "DELETE FROM worker"); err != nil {
		return err
	}
	_, err := db.Rescue(ctx)
	return err
}
