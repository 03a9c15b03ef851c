package local

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"syscall"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage/blob"
)

// Get implements blob.Store.
func (s *Store) Get(_ context.Context, key string, offset, length int64) (io.ReadCloser, blob.Object, error) {
	if err := check(key); err != nil {
		return nil, blob.Object{}, err
	}
	// A named pipe someone put here would block without O_NONBLOCK.
	f, err := s.root.OpenFile(key, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, blob.Object{}, missing(key, err)
	}
	o, err := object(f, key)
	if err == nil && (offset < 0 || offset > o.Size) {
		err = models.Errorf(models.KindInvalid, "%s has %d bytes: it cannot be read from %d", key, o.Size, offset)
	}
	if err == nil && offset > 0 {
		_, err = f.Seek(offset, io.SeekStart)
	}
	if err != nil {
		_ = f.Close()
		return nil, blob.Object{}, err
	}
	if length < 0 {
		length = o.Size - offset
	}
	return &section{f, length}, o, nil
}

// section reads a file from where it stands.
type section struct {
	file *os.File
	left int64
}

// Read implements io.Reader.
func (s *section) Read(p []byte) (int, error) {
	if s.left <= 0 {
		return 0, io.EOF
	}
	n, err := s.file.Read(p[:min(int64(len(p)), s.left)])
	s.left -= int64(n)
	return n, err
}

// Close implements io.Closer.
func (s *section) Close() error { return s.file.Close() }

// CopyTo writes the next n bytes to w, by the kernel where w is a connection.
// Fewer are an error.
func (s *section) CopyTo(w io.Writer, n int64) (int64, error) {
	n, err := io.CopyN(w, s.file, min(n, s.left))
	s.left -= n
	return n, err
}

func object(f *os.File, key string) (blob.Object, error) {
	info, err := f.Stat()
	if err != nil {
		return blob.Object{}, fault(key, err)
	}
	if !info.Mode().IsRegular() {
		return blob.Object{}, fault(key, fs.ErrNotExist)
	}
	return describe(key, info), nil
}

func describe(key string, info fs.FileInfo) blob.Object {
	return blob.Object{Key: key, Size: info.Size(), Modified: info.ModTime().UTC()}
}

// missing is fault for what is read: a path through a file is just not there.
func missing(key string, err error) error {
	if errors.Is(err, syscall.ENOTDIR) {
		err = fs.ErrNotExist
	}
	return fault(key, err)
}

// Stat implements blob.Store.
func (s *Store) Stat(_ context.Context, key string) (blob.Object, error) {
	if err := check(key); err != nil {
		return blob.Object{}, err
	}
	info, err := s.root.Stat(key)
	if err != nil {
		return blob.Object{}, missing(key, err)
	}
	if !info.Mode().IsRegular() {
		return blob.Object{}, fault(key, fs.ErrNotExist)
	}
	return describe(key, info), nil
}

// List implements blob.Store.
func (s *Store) List(ctx context.Context, folder string) ([]blob.Entry, error) {
	var entries []blob.Entry
	err := s.Each(ctx, folder, func(e blob.Entry) error {
		entries = append(entries, e)
		return nil
	})
	slices.SortFunc(entries, func(a, b blob.Entry) int { return cmp.Compare(a.Name, b.Name) })
	return entries, err
}

// Each implements blob.Store.
func (s *Store) Each(ctx context.Context, folder string, fn func(blob.Entry) error) error {
	return s.read(folder, func(infos []fs.FileInfo) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, info := range infos {
			e := blob.Entry{Name: info.Name(), IsDir: info.IsDir()}
			if !e.IsDir {
				e.Size = info.Size()
			}
			if err := fn(e); err != nil {
				return err
			}
		}
		return nil
	})
}

// Walk implements blob.Store.
func (s *Store) Walk(ctx context.Context, folder string, fn func(blob.Object) error) error {
	var infos []fs.FileInfo
	err := s.read(folder, func(some []fs.FileInfo) error {
		infos = append(infos, some...)
		return nil
	})
	if err != nil {
		return err
	}
	// In the order of whole keys "a.txt" comes before "a/b".
	slices.SortFunc(infos, func(a, b fs.FileInfo) int { return cmp.Compare(sortName(a), sortName(b)) })
	for _, info := range infos {
		if err := ctx.Err(); err != nil {
			return err
		}
		key := path.Join(folder, info.Name())
		if info.IsDir() {
			err = s.Walk(ctx, key, fn)
		} else {
			err = fn(describe(key, info))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func sortName(info fs.FileInfo) string {
	if info.IsDir() {
		return info.Name() + "/"
	}
	return info.Name()
}

// together is how many names of a folder are held at once.
const together = 1000

// read calls fn with the files and folders directly in a folder, some at a
// time. What is neither (a symbolic link, a socket) is no artifact.
func (s *Store) read(folder string, fn func([]fs.FileInfo) error) error {
	if folder == "" {
		folder = "."
	} else if err := check(folder); err != nil {
		return err
	}
	f, err := s.root.OpenFile(folder, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err == nil {
		defer func() { _ = f.Close() }()
	}
	for err == nil {
		var infos []fs.FileInfo
		if infos, err = f.Readdir(together); err != nil {
			break
		}
		if err := fn(slices.DeleteFunc(infos, func(i fs.FileInfo) bool {
			return !i.IsDir() && !i.Mode().IsRegular() || folder == "." && i.Name() == uploads
		})); err != nil {
			return err
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	return fault(folder, err)
}

// DeleteFiles implements blob.Store.
func (s *Store) DeleteFiles(ctx context.Context, keys []string) error {
	for _, key := range keys {
		if err := ctx.Err(); err != nil {
			return err
		}
		if info, err := s.root.Lstat(key); err == nil && info.IsDir() {
			continue // no object
		}
		if err := s.Delete(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// Delete implements blob.Store. Folders that are empty then go as well: an
// object store has none.
func (s *Store) Delete(_ context.Context, key string) error {
	if err := check(key); err != nil {
		return err
	}
	if err := s.root.RemoveAll(key); err != nil && !errors.Is(err, syscall.ENOTDIR) {
		return fault(key, err)
	}
	s.folders.Lock()
	defer s.folders.Unlock()
	for folder := path.Dir(key); folder != "."; folder = path.Dir(folder) {
		if info, err := s.root.Lstat(folder); err != nil || !info.IsDir() {
			continue // gone, or the key led through a file
		}
		if s.root.Remove(folder) != nil {
			break
		}
	}
	return nil
}
