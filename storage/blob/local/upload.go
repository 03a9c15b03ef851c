package local

import (
	"context"
	"crypto/rand"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
)

// temp makes a file for an upload and locks it for as long as it is open, so
// that a sweep can tell it from one that was cut off.
func (s *Store) temp() (*os.File, string, error) {
	name := path.Join(uploads, rand.Text())
	f, err := s.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, "", err
	}
	if err := flock(f); err != nil {
		_ = f.Close()
		return nil, "", err
	}
	return f, name, nil
}

// sweep removes uploads whose writer is gone.
func (s *Store) sweep() error {
	return fs.WalkDir(s.root.FS(), uploads, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := s.root.Open(name)
		if err != nil {
			return nil // another sweep was faster
		}
		defer func() { _ = f.Close() }()
		if flock(f) == nil { // else its writer lives
			_ = s.root.Remove(name)
		}
		return nil
	})
}

func flock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// limited reads r until ctx ends, and at most one byte more than size, which
// is enough to know that the stream is too long.
func limited(ctx context.Context, r io.Reader, size int64) io.Reader {
	if size >= 0 {
		r = io.LimitReader(r, size+1)
	}
	return readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return r.Read(p)
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
