package mlflow

import (
	"errors"
	"io"
	"net/http"

	"github.com/gin-gonic/gin"
)

// What is smaller goes out as fast by one write with its header; what is larger
// than the other one has a larger buffer, where there has to be one.
const (
	smallest = 64 << 10
	large    = 8 << 20
)

// connection is a response whose body the kernel copies, where a store's files
// are files of this machine.
type connection struct {
	gin.ResponseWriter
	raw io.ReaderFrom
}

// direct gives w the way past the buffers of this process, where it has one.
func direct(w gin.ResponseWriter) http.ResponseWriter {
	for inner := http.ResponseWriter(w); ; {
		if raw, ok := inner.(io.ReaderFrom); ok {
			return connection{w, raw}
		}
		wrapper, ok := inner.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		inner = wrapper.Unwrap()
	}
}

// ReadFrom implements io.ReaderFrom for what http.ServeContent hands over.
func (w connection) ReadFrom(r io.Reader) (n int64, err error) {
	limit, ok := r.(*io.LimitedReader)
	if ok && limit.N >= smallest {
		if d, ok := limit.R.(*download); ok {
			if file, ok := d.opened().(interface {
				CopyTo(w io.Writer, n int64) (int64, error)
			}); ok {
				return w.copy(d, file.CopyTo, limit.N)
			}
		}
	}
	// A store across the network: few large pieces cost less than many small.
	buffer := make([]byte, 32<<10)
	if ok && limit.N >= large {
		buffer = make([]byte, 256<<10)
	}
	return io.CopyBuffer(struct{ io.Writer }{w.ResponseWriter}, struct{ io.Reader }{r}, buffer)
}

func (w connection) copy(d *download, to func(io.Writer, int64) (int64, error), size int64) (sent int64, err error) {
	w.WriteHeaderNow()
	raw := struct {
		io.Writer
		io.ReaderFrom
	}{w.ResponseWriter, w.raw}
	sent, err = to(raw, size)
	d.at += sent
	if sent < size && (err == nil || errors.Is(err, io.EOF)) { // it has become shorter
		err = io.ErrUnexpectedEOF
		d.err = err
	}
	return sent, err
}
