// Package metered measures an artifact store: how long its operations take, how
// they end, and how many bytes pass.
package metered

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage/blob"
)

// Store is another store, measured.
type Store struct {
	blob.Store
	now      func() time.Time
	duration *prometheus.HistogramVec
	bytes    *prometheus.CounterVec
}

// New measures inner.
func New(inner blob.Store, reg prometheus.Registerer, now func() time.Time) (*Store, error) {
	s := &Store{
		Store: inner, now: now,
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "slipway_store_operation_duration_seconds", Help: "Time of one operation of the artifact store, by how it ended: ok, refused, cancelled, unavailable or error; of get, until its first byte.",
			Buckets: []float64{.0005, .001, .005, .01, .05, .1, .5, 1, 5, 30, 120},
		}, []string{"operation", "outcome"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "slipway_store_bytes_total", Help: "Bytes put into the artifact store and asked of it.",
		}, []string{"operation"}),
	}
	for _, c := range []prometheus.Collector{s.duration, s.bytes} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Retries counts requests that are sent to a store again, by their reason.
func Retries(reg prometheus.Registerer) (count func(reason string), err error) {
	retries := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "slipway_store_retries_total", Help: "Requests that were sent to the artifact store again, by the reason.",
	}, []string{"reason"})
	return func(reason string) { retries.WithLabelValues(reason).Inc() }, reg.Register(retries)
}

// Unwrap gives the store that is measured.
func (s *Store) Unwrap() blob.Store { return s.Store }

// measure counts an operation; what is not there, or asked wrongly, is no
// failure of the store, nor is a caller who has gone.
func (s *Store) measure(operation string, began time.Time, err error) {
	outcome := "ok"
	switch {
	case err == nil:
	case errors.Is(err, context.Canceled):
		outcome = "cancelled"
	case models.IsKind(err, models.KindNotFound), models.IsKind(err, models.KindInvalid):
		outcome = "refused"
	case models.IsKind(err, models.KindUnavailable):
		outcome = "unavailable"
	default:
		outcome = "error"
	}
	s.duration.WithLabelValues(operation, outcome).Observe(s.now().Sub(began).Seconds())
}

// Put implements blob.Store.
func (s *Store) Put(ctx context.Context, key string, r io.Reader, size int64) (blob.Object, error) {
	began := s.now()
	o, err := s.Store.Put(ctx, key, r, size)
	s.measure("put", began, err)
	s.bytes.WithLabelValues("put").Add(float64(o.Size))
	return o, err
}

// Get implements blob.Store. The reader is the store's own, so that a file goes
// out by the kernel's copy.
func (s *Store) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, blob.Object, error) {
	began := s.now()
	r, o, err := s.Store.Get(ctx, key, offset, length)
	s.measure("get", began, err)
	if err == nil {
		asked := o.Size - offset
		if length >= 0 {
			asked = min(asked, length)
		}
		s.bytes.WithLabelValues("get").Add(float64(max(asked, 0)))
	}
	return r, o, err
}

// Stat implements blob.Store.
func (s *Store) Stat(ctx context.Context, key string) (blob.Object, error) {
	began := s.now()
	o, err := s.Store.Stat(ctx, key)
	s.measure("stat", began, err)
	return o, err
}

// List implements blob.Store.
func (s *Store) List(ctx context.Context, folder string) ([]blob.Entry, error) {
	began := s.now()
	entries, err := s.Store.List(ctx, folder)
	s.measure("list", began, err)
	return entries, err
}

// Each implements blob.Store.
func (s *Store) Each(ctx context.Context, folder string, fn func(blob.Entry) error) error {
	began := s.now()
	err := s.Store.Each(ctx, folder, fn)
	s.measure("list", began, err)
	return err
}

// Walk implements blob.Store.
func (s *Store) Walk(ctx context.Context, folder string, fn func(blob.Object) error) error {
	began := s.now()
	err := s.Store.Walk(ctx, folder, fn)
	s.measure("walk", began, err)
	return err
}

// Copy implements blob.Store.
func (s *Store) Copy(ctx context.Context, src, dst string) error {
	began := s.now()
	err := s.Store.Copy(ctx, src, dst)
	s.measure("copy", began, err)
	return err
}

// DeleteFiles implements blob.Store.
func (s *Store) DeleteFiles(ctx context.Context, keys []string) error {
	began := s.now()
	err := s.Store.DeleteFiles(ctx, keys)
	s.measure("delete_files", began, err)
	return err
}

// Delete implements blob.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	began := s.now()
	err := s.Store.Delete(ctx, key)
	s.measure("delete", began, err)
	return err
}
