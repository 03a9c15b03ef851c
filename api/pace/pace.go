// Package pace bounds how slowly a caller may send a body and read an answer,
// so that nobody holds a connection by dribbling. What goes on may last for
// ever: a deadline moves with each part that has come or gone.
package pace

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
)

const (
	// rate is the least pace of a body, in bytes a second, on average and
	// beside what one pause may take.
	rate = 1 << 10
	// An answer goes out in pieces of this size; each may take a pause's time.
	piece = 64 << 10
	// A file is handed to the kernel in larger ones.
	filePiece = 1 << 20
)

// Bodies cuts a request off whose body pauses for longer than stall, or comes
// slower than a KiB a second. The handler's read fails then, and what is left
// of the body is not waited for.
func Bodies(stall time.Duration, now func() time.Time) gin.HandlerFunc {
	return func(c *gin.Context) {
		if c.Request.Body == nil || c.Request.ContentLength == 0 {
			return
		}
		b := &body{ReadCloser: c.Request.Body, conn: http.NewResponseController(c.Writer), stall: stall, now: now}
		b.until(now().Add(stall)) // for what no handler reads
		c.Request.Body = b
		c.Next()
		b.end()
	}
}

type body struct {
	io.ReadCloser
	conn  *http.ResponseController
	stall time.Duration
	now   func() time.Time
	began time.Time
	n     int64

	mu   sync.Mutex
	over bool // the connection is another request's
}

// Read implements io.Reader. At its end the connection goes on without a
// deadline, so that a handler may take its time.
func (b *body) Read(p []byte) (int, error) {
	now := b.now()
	if b.began.IsZero() {
		b.began = now
	}
	until := now.Add(b.stall)
	if slowest := b.began.Add(b.stall + time.Duration(b.n/rate)*time.Second); slowest.Before(until) {
		until = slowest
	}
	b.until(until)
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	switch {
	case err == nil, errors.Is(err, http.ErrBodyReadAfterClose):
	case errors.Is(err, io.EOF):
		b.until(time.Time{})
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = models.Errorf(models.KindInvalid, "the body broke off after %d bytes: nothing came for %s, or less than %d bytes a second; send it again", b.n, b.stall, rate).Because(err)
	default:
		err = models.Errorf(models.KindInvalid, "the body broke off after %d bytes: send it again", b.n).Because(err)
	}
	return n, err
}

func (b *body) until(t time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.over {
		_ = b.conn.SetReadDeadline(t) // a connection without deadlines has none
	}
}

func (b *body) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
}

// Answers makes the connections of a listener cut a caller off who does not
// read: each piece of an answer may take stall.
func Answers(l net.Listener, stall time.Duration, now func() time.Time) net.Listener {
	return listener{l, stall, now}
}

type listener struct {
	net.Listener
	stall time.Duration
	now   func() time.Time
}

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		c = &conn{tcp, l}
	}
	return c, err
}

type conn struct {
	*net.TCPConn
	of listener
}

func (c *conn) wait() { _ = c.SetWriteDeadline(c.of.now().Add(c.of.stall)) }

// Write implements net.Conn.
func (c *conn) Write(p []byte) (sent int, err error) {
	for {
		c.wait()
		n, err := c.TCPConn.Write(p[sent:min(len(p), sent+piece)])
		sent += n
		if err != nil || sent == len(p) {
			return sent, err
		}
	}
}

// ReadFrom implements io.ReaderFrom: the kernel copies a file.
func (c *conn) ReadFrom(r io.Reader) (sent int64, err error) {
	whole, ok := r.(*io.LimitedReader)
	if !ok {
		return io.Copy(struct{ io.Writer }{c}, r)
	}
	for whole.N > 0 {
		c.wait()
		part := io.LimitedReader{R: whole.R, N: min(whole.N, filePiece)}
		n, err := c.TCPConn.ReadFrom(&part)
		sent, whole.N = sent+n, whole.N-n
		if err != nil || n == 0 {
			return sent, err
		}
	}
	return sent, nil
}
