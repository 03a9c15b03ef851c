package sqlstore

import (
	"context"
	"database/sql"
	"log/slog"

	"github.com/pressly/goose/v3"
)

// MigrationsOf are the numbers of a dialect's migrations.
func MigrationsOf(dialect string, pool *sql.DB) ([]int64, error) {
	provider, err := newProvider(dialect, pool, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	var numbers []int64
	for _, source := range provider.ListSources() {
		numbers = append(numbers, source.Version)
	}
	return numbers, nil
}

// MigrateTo makes a database as the slipway made it whose newest migration was
// this one, but for the tables of the job queue.
func MigrateTo(ctx context.Context, dialect string, pool *sql.DB, number int64) (done []*goose.MigrationResult, err error) {
	provider, err := newProvider(dialect, pool, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	return provider.UpTo(ctx, number)
}
