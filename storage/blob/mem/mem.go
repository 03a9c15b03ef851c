// Package mem keeps artifacts in memory, for tests and for trying things out.
package mem

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage/blob"
)

// Store implements blob.Store in memory.
type Store struct {
	now func() time.Time

	mu      sync.RWMutex
	objects map[string]object
}

type object struct {
	blob.Object
	data []byte
}

// New makes an empty store whose objects are dated by now.
func New(now func() time.Time) *Store {
	return &Store{now: now, objects: map[string]object{}}
}

// Put implements blob.Store.
func (s *Store) Put(ctx context.Context, key string, r io.Reader, size int64) (blob.Object, error) {
	if err := blob.CheckKey(key); err != nil {
		return blob.Object{}, err
	}
	data, err := io.ReadAll(r)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return blob.Object{}, err
	}
	if size >= 0 && int64(len(data)) != size {
		return blob.Object{}, models.Errorf(models.KindInvalid, "%s: %d bytes were announced and %d came: send it again", key, size, len(data))
	}
	sum := sha256.Sum256(data)
	o := object{blob.Object{Key: key, Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:]), Modified: s.now().UTC()}, data}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[key] = o
	return o.Object, nil
}

func (s *Store) get(key string) (object, error) {
	if err := blob.CheckKey(key); err != nil {
		return object{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	o, ok := s.objects[key]
	if !ok {
		return object{}, models.Errorf(models.KindNotFound, "No such artifact: '%s'", key)
	}
	return o, nil
}

// Get implements blob.Store.
func (s *Store) Get(_ context.Context, key string, offset, length int64) (io.ReadCloser, blob.Object, error) {
	o, err := s.get(key)
	if err != nil {
		return nil, blob.Object{}, err
	}
	if offset < 0 || offset > o.Size {
		return nil, blob.Object{}, models.Errorf(models.KindInvalid, "%s has %d bytes: it cannot be read from %d", key, o.Size, offset)
	}
	if length < 0 || length > o.Size-offset {
		length = o.Size - offset
	}
	return io.NopCloser(bytes.NewReader(o.data[offset : offset+length])), o.Object, nil
}

// Stat implements blob.Store.
func (s *Store) Stat(_ context.Context, key string) (blob.Object, error) {
	o, err := s.get(key)
	return o.Object, err
}

// List implements blob.Store.
func (s *Store) List(ctx context.Context, folder string) ([]blob.Entry, error) {
	var entries []blob.Entry
	err := s.Walk(ctx, folder, func(o blob.Object) error {
		name, _, isDir := strings.Cut(strings.TrimPrefix(o.Key, prefix(folder)), "/")
		if isDir {
			o.Size = 0
		}
		e := blob.Entry{Name: name, IsDir: isDir, Size: o.Size}
		if !slices.Contains(entries, e) {
			entries = append(entries, e)
		}
		return nil
	})
	slices.SortFunc(entries, func(a, b blob.Entry) int { return strings.Compare(a.Name, b.Name) })
	return entries, err
}

// Each implements blob.Store.
func (s *Store) Each(ctx context.Context, folder string, fn func(blob.Entry) error) error {
	entries, err := s.List(ctx, folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := fn(e); err != nil {
			return err
		}
	}
	return nil
}

// Walk implements blob.Store.
func (s *Store) Walk(ctx context.Context, folder string, fn func(blob.Object) error) error {
	if err := blob.CheckFolder(folder); err != nil {
		return err
	}
	s.mu.RLock()
	var under []blob.Object
	for key, o := range s.objects {
		if strings.HasPrefix(key, prefix(folder)) {
			under = append(under, o.Object)
		}
	}
	s.mu.RUnlock()
	slices.SortFunc(under, func(a, b blob.Object) int { return strings.Compare(a.Key, b.Key) })
	for _, o := range under {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(o); err != nil {
			return err
		}
	}
	return nil
}

func prefix(folder string) string {
	if folder == "" {
		return ""
	}
	return folder + "/"
}

// Copy implements blob.Store.
func (s *Store) Copy(_ context.Context, src, dst string) error {
	o, err := s.get(src)
	if err != nil {
		return err
	}
	if err := blob.CheckKey(dst); err != nil {
		return err
	}
	o.Key = dst
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[dst] = o
	return nil
}

// DeleteFiles implements blob.Store.
func (s *Store) DeleteFiles(_ context.Context, keys []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		if err := blob.CheckKey(key); err != nil {
			return err
		}
		delete(s.objects, key)
	}
	return nil
}

// Delete implements blob.Store.
func (s *Store) Delete(_ context.Context, key string) error {
	if err := blob.CheckKey(key); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.objects {
		if k == key || strings.HasPrefix(k, key+"/") {
			delete(s.objects, k)
		}
	}
	return nil
}
