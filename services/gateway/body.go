package gateway

import (
	"errors"
	"io"
	"sync"
)

// headLimit is how much of a body is kept until a byte of it is sent on. The
// transport holds less than that back.
const headLimit = 64 << 10

var errOver = errors.New("the request has ended")

// trackedBody is the caller's body on its way to an instance. A try of which
// nothing was sent on can be made again: its head is kept. The zero value is
// an empty body.
type trackedBody struct {
	from io.Reader

	mu      sync.Mutex
	head    []byte
	offset  int   // in head, for a try after the first
	taken   int64 // of from
	reading bool  // waiting for the caller
	over    bool  // the request has ended: from may not be read any more
	err     error // what the caller's side did wrong
}

// Read implements io.Reader.
func (b *trackedBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	if b.over {
		defer b.mu.Unlock()
		return 0, errOver
	}
	if b.offset < len(b.head) {
		defer b.mu.Unlock()
		n := copy(p, b.head[b.offset:])
		b.offset += n
		return n, nil
	}
	b.reading = true
	b.mu.Unlock()
	n, err := b.from.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reading = false
	b.taken += int64(n)
	if b.taken-int64(n) == int64(len(b.head)) && len(b.head)+n <= headLimit {
		b.head = append(b.head, p[:n]...)
		b.offset = len(b.head)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

// end stops reads by a try that outlives its request.
func (b *trackedBody) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
}

// Close leaves the body to the server, which closes it at the end.
func (b *trackedBody) Close() error { return nil }

// rewind makes the body begin anew, if all that was taken of it is kept.
func (b *trackedBody) rewind() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.offset = 0
	return b.taken == int64(len(b.head))
}

func (b *trackedBody) fault() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// faultless tells whether the caller has sent all it was asked for.
func (b *trackedBody) faultless() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err == nil && !b.reading
}
