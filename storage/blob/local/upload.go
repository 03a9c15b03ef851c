package local

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// temp makes a file for an upload and locks it for as long as it is open, so
// that a sweep can tell it from one that was cut off.
func (s *Store) temp() (*os.File, string, error) {
	name := rand.Text()
	fd, err := unix.Openat(int(s.up.Fd()), name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o640)
	if err != nil {
		return nil, "", &fs.PathError{Op: "open", Path: path.Join(uploads, name), Err: err}
	}
	f := os.NewFile(uintptr(fd), name)
	if err := flock(f); err != nil {
		_ = f.Close()
		s.discard(name)
		return nil, "", err
	}
	return f, name, nil
}

// discard removes an upload that has not been placed.
func (s *Store) discard(name string) { _ = unix.Unlinkat(int(s.up.Fd()), name, 0) }

// chunk is what is read at once of a body that is large or of unknown size, and
// ahead is how much of it may wait for the disk.
const (
	chunk = 256 << 10
	ahead = 32 << 20
)

// receive writes a body into f and hash. A small one is one read and one write;
// a large one is hashed beside that, and goes to the disk while it comes, so
// that the sync at its end has little left to do.
func (s *Store) receive(f *os.File, hash io.Writer, r io.Reader, size int64) (int64, error) {
	if size >= 0 && size <= chunk {
		buffer := make([]byte, size+1) // one more, to see its end
		return io.CopyBuffer(io.MultiWriter(f, hash), r, buffer)
	}
	full, free, hashed := make(chan []byte, 2), make(chan []byte, 3), make(chan struct{})
	for range cap(free) {
		free <- make([]byte, chunk)
	}
	go func() {
		defer close(hashed)
		for b := range full {
			_, _ = hash.Write(b)
			free <- b[:chunk]
		}
	}()
	n, err := pass(f, r, free, full)
	close(full)
	<-hashed
	return n, err
}

// pass writes r into f, chunk by chunk, and hands each on.
func pass(f *os.File, r io.Reader, free <-chan []byte, full chan<- []byte) (written int64, err error) {
	var started int64
	for {
		b, n := <-free, 0
		for n < len(b) && err == nil {
			var m int
			m, err = r.Read(b[n:])
			n += m
		}
		if _, failed := f.Write(b[:n]); failed != nil {
			return written, failed
		}
		written += int64(n)
		full <- b[:n]
		if written-started >= ahead {
			// It only begins the writing: whether it can is told by the sync.
			_ = unix.SyncFileRange(int(f.Fd()), started, written-started, unix.SYNC_FILE_RANGE_WRITE)
			started = written
		}
		switch {
		case errors.Is(err, io.EOF):
			return written, nil
		case err != nil:
			return written, err
		}
	}
}

// Holds implements blob.Holder.
func (s *Store) Holds(key string) bool {
	_, err := s.root.Lstat(key)
	return !errors.Is(err, fs.ErrNotExist)
}

// Sweep implements blob.Sweeper: what was begun before a time and has no writer
// any more.
func (s *Store) Sweep(_ context.Context, before time.Time, onlyCount bool) (int, error) {
	return s.sweep(onlyCount, func(info fs.FileInfo) bool { return info.ModTime().Before(before) })
}

func (s *Store) sweep(onlyCount bool, old func(fs.FileInfo) bool) (n int, err error) {
	err = fs.WalkDir(s.root.FS(), uploads, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := s.root.Open(name)
		if err != nil {
			return nil // another sweep was faster
		}
		defer func() { _ = f.Close() }()
		info, err := f.Stat()
		if err != nil || !old(info) || flock(f) != nil { // its writer lives
			return nil
		}
		if n++; onlyCount {
			return nil
		}
		_ = s.root.Remove(name) // another sweep may have been faster
		return nil
	})
	return n, err
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
