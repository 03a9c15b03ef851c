package blob

import (
	"context"
	"time"
)

// Presigned is a request that its holder may send to the store itself.
type Presigned struct {
	URL    string
	Header map[string]string // to be sent with it
}

// Shown is what a download by a URL says of itself; "" leaves it to the store.
type Shown struct {
	ContentType string
	Disposition string // of Content-Disposition
}

// Part is a part of a multipart upload, by its number from 1 and the tag that
// the store gave it.
type Part struct {
	Number int
	ETag   string
}

// Presigner is a Store that clients can transfer with past the server, by URLs
// that are valid for a while. What they upload has no recorded digest.
type Presigner interface {
	PresignGet(ctx context.Context, key string, shown Shown, valid time.Duration) (Presigned, error)
	PresignPut(ctx context.Context, key string, valid time.Duration) (Presigned, error)

	// CreateUpload begins a multipart upload; PresignPart gives the request
	// that sends one part of it. Nothing is visible until CompleteUpload, which
	// is of kind invalid where parts are missing; AbortUpload forgets them.
	CreateUpload(ctx context.Context, key string) (upload string, err error)
	PresignPart(ctx context.Context, key, upload string, number int, valid time.Duration) (Presigned, error)
	CompleteUpload(ctx context.Context, key, upload string, parts []Part) error
	AbortUpload(ctx context.Context, key, upload string) error
}

// Sweeper is a Store in which uploads that were cut off leave something behind.
type Sweeper interface {
	// Sweep removes what was begun before a time and is not written any more,
	// or only counts it, and tells how much.
	Sweep(ctx context.Context, before time.Time, onlyCount bool) (int, error)
}

// Holder is a Store that can tell at once, without a request to anywhere,
// whether something stands at a key.
type Holder interface {
	// Holds is true also where it cannot tell.
	Holds(key string) bool
}

// As finds what more a store can do, also behind stores that wrap it.
func As[T any](s Store) (T, bool) {
	for {
		if t, ok := s.(T); ok {
			return t, true
		}
		w, ok := s.(interface{ Unwrap() Store })
		if !ok {
			var none T
			return none, false
		}
		s = w.Unwrap()
	}
}
