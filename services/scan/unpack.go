package scan

import (
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"

	"github.com/slipway-ml/slipway/models"
)

// An archive that unpacks to more than bombFrom bytes and more than bombRatio
// times its size is called a bomb.
const (
	inMemory  = 1 << 20
	bombFrom  = 256 << 20
	bombRatio = 250
	maxWindow = 128 << 20 // of a decoder's memory
)

var errBomb = errors.New("it unpacks to far more than its size")

// unpack reads a stream to a place where it can be read anywhere, and looks
// into that as a member. What came before an error is looked into too, as a
// loader would. packed is the size that it has before.
func (s *Scanner) unpack(it item, name string, packed int64, r io.Reader) error {
	src, done, streamErr, err := s.spool(r, packed)
	defer done()
	if err != nil {
		return err
	}
	inner := it.member(name, src)
	switch {
	case errors.Is(streamErr, errBomb):
		s.note(inner, models.RuleArchiveBomb, "register the file unpacked", "%d bytes unpack to more than %d: no further looked into", packed, src.size)
	case errors.Is(streamErr, errUnpacked):
		s.unread(inner, "more than %d bytes would have to be unpacked in all", s.opt.Limits.Unpacked)
	case streamErr != nil:
		s.damaged(inner, streamErr)
	}
	return s.look(inner)
}

// counted counts a member of an archive, and tells whether it is looked into.
func (s *Scanner) counted(it item) bool {
	s.Counts.Members++
	if s.Counts.Members <= int64(s.opt.Limits.Members) {
		return true
	}
	s.note(it, models.RuleArchiveBomb, "register the files unpacked", "more than %d files are in the archives: no further looked into", s.opt.Limits.Members)
	return false
}

// within tells of a member whose path leaves the archive's folder.
func (s *Scanner) within(inner item, name string) {
	if escapes(name) {
		s.note(inner, models.RuleArchivePath, "do not unpack the archive", "the path %q leaves the folder that the archive is unpacked to", name)
	}
}

func (s *Scanner) damaged(it item, err error) {
	s.note(it, models.RuleArchiveMalformed, damagedRemedy, "it is damaged: %v", err)
}

var errUnpacked = errors.New("the limit of what is unpacked is reached")

// spool keeps a stream in memory, or in a scratch file where it is larger.
func (s *Scanner) spool(r io.Reader, packed int64) (src source, done func(), streamErr, err error) {
	done = func() {}
	limit := max(bombFrom, packed*bombRatio)
	limited := &limitedReader{s: s, r: r, left: limit}
	var small bytes.Buffer
	_, streamErr = io.Copy(&small, io.LimitReader(limited, inMemory))
	if streamErr != nil || small.Len() < inMemory {
		return source{bytes.NewReader(small.Bytes()), int64(small.Len())}, done, streamErr, s.ctx.Err()
	}
	f, err := os.CreateTemp(s.opt.Temp, "unpacked-*")
	if err != nil {
		return src, done, nil, fmt.Errorf("make room to unpack: %w", err)
	}
	done = func() { _, _ = f.Close(), os.Remove(f.Name()) }
	if _, err := small.WriteTo(f); err != nil {
		return src, done, nil, fmt.Errorf("unpack: %w", err)
	}
	n, streamErr := io.Copy(onlyWriter{f}, limited)
	if w := (*writeError)(nil); errors.As(streamErr, &w) {
		return src, done, nil, fmt.Errorf("unpack: %w", w.err)
	}
	return source{reader{s.ctx, f}, inMemory + n}, done, streamErr, s.ctx.Err()
}

// onlyWriter tells an error of writing from one of reading.
type onlyWriter struct{ f *os.File }

type writeError struct{ err error }

func (e *writeError) Error() string { return e.err.Error() }

// Write implements io.Writer.
func (w onlyWriter) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	if err != nil {
		return n, &writeError{err}
	}
	return n, nil
}

// limitedReader ends a stream that gives too much.
type limitedReader struct {
	s    *Scanner
	r    io.Reader
	left int64
}

// Read implements io.Reader.
func (l *limitedReader) Read(p []byte) (n int, err error) {
	if err := l.s.ctx.Err(); err != nil {
		return 0, err
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("its decoder broke down: %v", r)
		}
	}()
	n, err = l.r.Read(p)
	l.left -= int64(n)
	l.s.Counts.Unpacked += int64(n)
	switch {
	case l.left < 0:
		return n, errBomb
	case l.s.Counts.Unpacked > l.s.opt.Limits.Unpacked:
		return n, errUnpacked
	}
	return n, err
}

// compression is a stream that holds one file.
type compression struct {
	name string
	is   func(head []byte) bool
	open func(r io.Reader) (io.Reader, error)
}

var compressions = []compression{
	{"gzip", starts("\x1f\x8b"), func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	{"bzip2", starts("BZh"), func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
	{"xz", starts("\xfd7zXZ\x00"), func(r io.Reader) (io.Reader, error) { return xz.NewReader(r) }},
	{"zstd", isZstd, func(r io.Reader) (io.Reader, error) {
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
	}},
	{"lz4", starts("\x04\x22\x4d\x18", "\x02\x21\x4c\x18"), func(r io.Reader) (io.Reader, error) { return lz4.NewReader(r), nil }},
	{"lzma", isLZMA, func(r io.Reader) (io.Reader, error) { return lzma.NewReader(r) }},
	{"zlib", isZlib, func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) }},
}

func starts(signs ...string) func([]byte) bool {
	return func(head []byte) bool { return magic(signs...)(item{}, head) }
}

// isZstd knows a frame and a skippable frame, behind which another may stand.
func isZstd(head []byte) bool {
	return starts("\x28\xb5\x2f\xfd")(head) || (len(head) > 8 && head[0]&0xf0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18")
}

// isLZMA knows the header of a bare LZMA stream: usual properties, a dictionary
// of a usual size, and a size that is unknown or credible.
func isLZMA(head []byte) bool {
	if len(head) < 14 || head[0] >= 9*5*5 || head[1] != 0 || head[2] != 0 || head[13] != 0 {
		return false
	}
	dictionary := uint32(head[3])<<16 | uint32(head[4])<<24
	unknown := string(head[5:13]) == "\xff\xff\xff\xff\xff\xff\xff\xff"
	return dictionary >= 1<<16 && dictionary <= maxWindow && (unknown || string(head[10:13]) == "\x00\x00\x00")
}

func isZlib(head []byte) bool {
	return len(head) > 2 && head[0]&0x0f == 8 && head[0]>>4 <= 7 && (int(head[0])<<8|int(head[1]))%31 == 0 && head[1]&0x20 == 0
}

// isCompressed knows streams by their beginning. A header of zlib or LZMA is
// short enough to stand by chance, so what gives no byte is none.
func (c compression) isCompressed(it item, head []byte) bool {
	if !c.is(head) {
		return false
	}
	if c.name != "zlib" && c.name != "lzma" {
		return true
	}
	r, err := c.open(it.stream())
	if err != nil {
		return false
	}
	n, _ := r.Read(make([]byte, 64))
	return n > 0
}

func isCompressed(it item, head []byte) bool {
	return slices.ContainsFunc(compressions, func(c compression) bool { return c.isCompressed(it, head) })
}

// compressed looks into a stream.
func (s *Scanner) compressed(it item, head []byte) error {
	for _, c := range compressions {
		if !c.isCompressed(it, head) {
			continue
		}
		r, err := c.open(it.stream())
		if err != nil {
			s.damaged(it, err)
			continue
		}
		base := path.Base(it.name)
		name := strings.TrimSuffix(base, path.Ext(base))
		if strings.Contains(".pkl.pickle.joblib.pt.pth.ckpt.npy.bin.z", path.Ext(base)) {
			name = base // joblib.dump("model.pkl", compress=…) keeps it
		}
		if err := s.unpack(it, name, it.size, r); err != nil {
			return err
		}
	}
	return nil
}
