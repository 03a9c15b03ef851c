package local

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"syscall"

	"golang.org/x/sys/unix"
)

// place renames a complete upload to its key, for good, and tells whether it
// did: an error may come after the rename. A small file's upload costs little
// more than its system calls, so the folder is opened once, for all of it.
func (s *Store) place(name, key string) (placed bool, err error) {
	folder := path.Dir(key)
	d, made, err := s.rename(name, folder, path.Base(key))
	if err != nil {
		return false, err
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return true, err
	}
	for ; made && folder != "."; folder = path.Dir(folder) {
		if err := s.sync(path.Dir(folder)); err != nil {
			return true, err
		}
	}
	return true, nil
}

// rename moves an upload into a folder, which it opens and, where it has to,
// makes.
func (s *Store) rename(name, folder, base string) (d *os.File, made bool, err error) {
	s.folders.RLock()
	defer s.folders.RUnlock()
	d, err = s.open(folder)
	if errors.Is(err, fs.ErrNotExist) {
		made = true
		if err = s.root.MkdirAll(folder, 0o750); err == nil {
			d, err = s.open(folder)
		}
	}
	if err != nil {
		return nil, made, err
	}
	// Both are open: no name is followed that could lead out.
	if err = unix.Renameat(int(s.up.Fd()), name, int(d.Fd()), base); err != nil {
		_ = d.Close()
		return nil, made, err
	}
	return d, made, nil
}

// open opens a folder. One that is no folder, such as a named pipe, is refused
// and not waited for.
func (s *Store) open(folder string) (*os.File, error) {
	return s.root.OpenFile(folder, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
}

// sync makes the names in a folder last.
func (s *Store) sync(folder string) error {
	d, err := s.open(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // deleted again
	}
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
