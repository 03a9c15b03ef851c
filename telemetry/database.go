package telemetry

import (
	"context"

	"github.com/slipway-ml/slipway/storage"
)

// Database makes a span of each transaction.
func (t *Telemetry) Database(inner storage.DB) storage.DB {
	if t == nil {
		return inner
	}
	return database{inner, t}
}

type database struct {
	storage.DB
	t *Telemetry
}

// InTx implements storage.DB.
func (d database) InTx(ctx context.Context, fn func(tx storage.Tx) error) error {
	ctx, span := d.t.within(ctx, "database write")
	err := d.DB.InTx(ctx, fn)
	end(span, err)
	return err
}

// View implements storage.DB.
func (d database) View(ctx context.Context, fn func(tx storage.Tx) error) error {
	ctx, span := d.t.within(ctx, "database read")
	err := d.DB.View(ctx, fn)
	end(span, err)
	return err
}
