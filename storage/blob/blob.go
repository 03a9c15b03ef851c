// Package blob declares what Slipway asks of an artifact store: named byte
// streams that appear whole or not at all. Implementations live in subfolders
// and pass the suite in blobtest.
package blob

import (
	"context"
	"io"
	"time"
)

// Object describes what is stored under a key.
type Object struct {
	Key      string // slash-separated, no leading slash, no "." or ".." element
	Size     int64
	SHA256   string // hex; "" where the store does not know it without reading
	ETag     string // the store's own mark of the bytes; "" where it has none
	Modified time.Time
}

// Entry is one name in a folder listing.
type Entry struct {
	Name  string // base name
	IsDir bool
	Size  int64 // of a file
}

// Store keeps objects. Keys are checked by the store: one that escapes (an
// absolute path, "..", a NUL) is an error of kind invalid. A missing key is an
// error of kind not_found; a store that is away is of kind unavailable, and
// trying again can help. All methods may be called concurrently.
type Store interface {
	// Put stores what r gives under key, replacing what was there, and tells
	// its size and digest. Until it returns nothing of it is visible. size is
	// the number of bytes that must arrive, -1 where that is unknown; a stream
	// that ends early or goes on is an error and leaves the old object.
	Put(ctx context.Context, key string, r io.Reader, size int64) (Object, error)
	// Get opens an object at offset; length -1 reads to its end. The caller
	// closes.
	Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, Object, error)
	// Stat describes one object.
	Stat(ctx context.Context, key string) (Object, error)
	// List gives the direct children of a folder by name; none for a folder
	// that is not there, or that is a file.
	List(ctx context.Context, folder string) ([]Entry, error)
	// Each calls fn once for every direct child of a folder, in the store's
	// order; the names of many are not held together. What fn has been told of
	// may be removed meanwhile.
	Each(ctx context.Context, folder string, fn func(Entry) error) error
	// Walk calls fn once for every object under a folder, in the store's order.
	Walk(ctx context.Context, folder string, fn func(Object) error) error
	// Copy stores src's bytes under dst as well.
	Copy(ctx context.Context, src, dst string) error
	// Delete removes an object or a whole folder; a missing one is no error.
	Delete(ctx context.Context, key string) error
	// DeleteFiles removes objects, many at a time where the store can; a missing
	// one is no error. Where it fails some of them may be gone.
	DeleteFiles(ctx context.Context, keys []string) error
}
