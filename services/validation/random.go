package validation

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"

	"github.com/slipway-ml/slipway/models"
)

// A file is read at random in chunks, of which a few are kept.
const (
	chunkSize  = 4 << 20
	keptChunks = 4
)

// random reads a file's chunks, each held against what it was when the whole
// file was verified.
type random struct {
	ctx   context.Context //nolint:containedctx // io.ReaderAt has no room for it
	files Files
	entry models.ManifestEntry
	seed  maphash.Seed // nobody else knows it, so nobody makes a chunk to fit
	sums  []uint64
	kept  []chunk // the one used last at the end
}

type chunk struct {
	number int64
	bytes  []byte
}

// Random reads a file of the version once, verified, and gives it to be read
// anywhere: no copy is made, and every byte that it gives is one that was
// verified. It is for one reader at a time.
func (s *Subject) Random(ctx context.Context, e models.ManifestEntry) (io.ReaderAt, error) {
	body, err := s.files.Open(ctx, e)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	r := &random{ctx: ctx, files: s.files, entry: e, seed: maphash.MakeSeed()}
	buf := make([]byte, min(chunkSize, e.Size+1))
	for {
		got, err := io.ReadFull(body, buf)
		if got > 0 {
			r.sums = append(r.sums, maphash.Bytes(r.seed, buf[:got]))
		}
		switch {
		case err == nil:
			if e.Size < chunkSize { // it goes on beyond its size
				return nil, models.Errorf(models.KindConflict, "%s is not what was registered", e.Path)
			}
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			if e.Size < chunkSize {
				r.kept = []chunk{{0, buf[:got]}}
			}
			return r, nil
		default:
			return nil, err
		}
	}
}

// ReadAt implements io.ReaderAt.
func (r *random) ReadAt(p []byte, at int64) (n int, err error) {
	for n < len(p) {
		if at >= r.entry.Size {
			return n, io.EOF
		}
		bytes, err := r.chunk(at / chunkSize)
		if err != nil {
			return n, err
		}
		m := copy(p[n:], bytes[at%chunkSize:])
		n, at = n+m, at+int64(m)
	}
	return n, nil
}

func (r *random) chunk(number int64) ([]byte, error) {
	if i := slices.IndexFunc(r.kept, func(c chunk) bool { return c.number == number }); i >= 0 {
		c := r.kept[i]
		r.kept = append(slices.Delete(r.kept, i, i+1), c)
		return c.bytes, nil
	}
	var buf []byte
	if len(r.kept) == keptChunks {
		buf = r.kept[0].bytes
		r.kept = slices.Delete(r.kept, 0, 1)
	}
	from := number * chunkSize
	size := min(chunkSize, r.entry.Size-from)
	if buf = buf[:cap(buf)]; int64(len(buf)) < size {
		buf = make([]byte, size)
	}
	buf = buf[:size]
	body, err := r.files.Part(r.ctx, r.entry, from, size)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	if _, err := io.ReadFull(body, buf); err != nil {
		return nil, fmt.Errorf("read %s: %w", r.entry.Path, err)
	}
	if number >= int64(len(r.sums)) || maphash.Bytes(r.seed, buf) != r.sums[number] {
		return nil, models.Errorf(models.KindConflict, "%s changed while it was read", r.entry.Path)
	}
	r.kept = append(r.kept, chunk{number, buf})
	return buf, nil
}
