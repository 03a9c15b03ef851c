package telemetry

import (
	"context"
	"io"

	"go.opentelemetry.io/otel/attribute"

	"github.com/slipway-ml/slipway/storage/blob"
)

// Store makes a span of each operation of an artifact store; that of get ends
// with its first byte.
func (t *Telemetry) Store(inner blob.Store) blob.Store {
	if t == nil {
		return inner
	}
	return store{inner, t}
}

type store struct {
	blob.Store
	t *Telemetry
}

// Unwrap gives the store that is traced.
func (s store) Unwrap() blob.Store { return s.Store }

func size(n int64) attribute.KeyValue { return attribute.Int64("slipway.bytes", n) }

// Put implements blob.Store.
func (s store) Put(ctx context.Context, key string, r io.Reader, n int64) (blob.Object, error) {
	ctx, span := s.t.within(ctx, "store put")
	o, err := s.Store.Put(ctx, key, r, n)
	span.SetAttributes(size(o.Size))
	end(span, err)
	return o, err
}

// Get implements blob.Store.
func (s store) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, blob.Object, error) {
	ctx, span := s.t.within(ctx, "store get")
	r, o, err := s.Store.Get(ctx, key, offset, length)
	span.SetAttributes(size(o.Size))
	end(span, err)
	return r, o, err
}

// Stat implements blob.Store.
func (s store) Stat(ctx context.Context, key string) (blob.Object, error) {
	ctx, span := s.t.within(ctx, "store stat")
	o, err := s.Store.Stat(ctx, key)
	end(span, err)
	return o, err
}

// List implements blob.Store.
func (s store) List(ctx context.Context, folder string) ([]blob.Entry, error) {
	ctx, span := s.t.within(ctx, "store list")
	entries, err := s.Store.List(ctx, folder)
	end(span, err)
	return entries, err
}

// Each implements blob.Store.
func (s store) Each(ctx context.Context, folder string, fn func(blob.Entry) error) error {
	ctx, span := s.t.within(ctx, "store list")
	err := s.Store.Each(ctx, folder, fn)
	end(span, err)
	return err
}

// Walk implements blob.Store.
func (s store) Walk(ctx context.Context, folder string, fn func(blob.Object) error) error {
	ctx, span := s.t.within(ctx, "store walk")
	err := s.Store.Walk(ctx, folder, fn)
	end(span, err)
	return err
}

// Copy implements blob.Store.
func (s store) Copy(ctx context.Context, src, dst string) error {
	ctx, span := s.t.within(ctx, "store copy")
	err := s.Store.Copy(ctx, src, dst)
	end(span, err)
	return err
}

// DeleteFiles implements blob.Store.
func (s store) DeleteFiles(ctx context.Context, keys []string) error {
	ctx, span := s.t.within(ctx, "store delete files")
	err := s.Store.DeleteFiles(ctx, keys)
	end(span, err)
	return err
}

// Delete implements blob.Store.
func (s store) Delete(ctx context.Context, key string) error {
	ctx, span := s.t.within(ctx, "store delete")
	err := s.Store.Delete(ctx, key)
	end(span, err)
	return err
}
