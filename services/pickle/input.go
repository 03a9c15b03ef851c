package pickle

import (
	"bytes"
	"errors"
	"io"
)

// input reads a file forwards in pieces, and jumps over what nobody wants.
type input struct {
	src      io.ReaderAt
	pos, end int64
	buf      []byte
	from, to int64 // of the file, what buf holds
	err      error // of the file, not of the pickle
}

const bufSize = 64 << 10

var errShort = errors.New("it ends in the middle of an opcode")

// window gives up to n bytes (at most bufSize) at pos, at least one.
func (in *input) window(n int) ([]byte, error) {
	if in.pos >= in.end {
		return nil, errShort
	}
	want := min(in.pos+int64(n), in.end)
	if in.pos < in.from || want > in.to {
		if in.buf == nil {
			in.buf = make([]byte, bufSize)
		}
		got, err := in.src.ReadAt(in.buf[:min(int64(bufSize), in.end-in.pos)], in.pos)
		in.from, in.to = in.pos, in.pos+int64(got)
		if err != nil && !errors.Is(err, io.EOF) {
			in.err = err
			return nil, err
		}
		if got == 0 {
			return nil, errShort
		}
	}
	return in.buf[in.pos-in.from : min(want, in.to)-in.from], nil
}

func (in *input) byte() (byte, error) {
	if in.pos >= in.from && in.pos < in.to && in.pos < in.end {
		b := in.buf[in.pos-in.from]
		in.pos++
		return b, nil
	}
	w, err := in.window(1)
	if err != nil {
		return 0, err
	}
	in.pos++
	return w[0], nil
}

// uint reads n bytes of a little-endian number.
func (in *input) uint(n int) (uint64, error) {
	w, err := in.window(n)
	if err != nil {
		return 0, err
	}
	if len(w) < n {
		return 0, errShort
	}
	in.pos += int64(n)
	var v uint64
	for i := n - 1; i >= 0; i-- {
		v = v<<8 | uint64(w[i])
	}
	return v, nil
}

// skip jumps over n bytes.
func (in *input) skip(n uint64) error {
	if n > uint64(in.end-in.pos) {
		in.pos = in.end
		return errShort
	}
	in.pos += int64(n)
	return nil
}

// take reads n bytes and keeps them where they are not too many.
func (in *input) take(n uint64) (kept string, whole bool, err error) {
	if n > maxText || n > uint64(in.end-in.pos) {
		return "", false, in.skip(n)
	}
	w, err := in.window(int(n))
	if n > 0 && err != nil {
		return "", false, err
	}
	if n > 0 {
		kept = string(w)
	}
	in.pos += int64(n)
	return kept, uint64(len(kept)) == n, nil
}

// line reads up to a newline, keeps the start of it, and leaves the newline out.
func (in *input) line() (kept string, whole bool, err error) {
	whole = true
	for {
		w, err := in.window(bufSize)
		if err != nil {
			return kept, false, err
		}
		i := bytes.IndexByte(w, '\n')
		part := w
		if i >= 0 {
			part = w[:i]
		}
		if room := maxText - len(kept); len(part) > room {
			part, whole = part[:room], false
		}
		kept += string(part)
		if i >= 0 {
			in.pos += int64(i) + 1
			return kept, whole, nil
		}
		in.pos += int64(len(w))
	}
}
