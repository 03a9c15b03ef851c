// Package local keeps artifacts in a folder of this machine. An object is
// written beside the others under a temporary name, synced, and renamed, so
// that it appears whole or not at all, also when the machine stops.
package local

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"syscall"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage/blob"
)

// uploads holds what is not complete yet. No key reaches it.
const uploads = ".upload"

// Store implements blob.Store on a folder. It never leaves the folder: os.Root
// refuses symbolic links that lead out.
type Store struct {
	dir  string
	root *os.Root
	up   *os.File // the folder of uploads

	// A Delete removes folders that have become empty: never one that a Put
	// has just made, and never a file that took an empty folder's place.
	folders sync.RWMutex
}

// New opens the folder dir, which is made if missing, and removes what
// uploads that were cut off have left.
func New(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make the artifact folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the artifact folder: %w", err)
	}
	s := &Store{dir: dir, root: root}
	if err := root.MkdirAll(uploads, 0o750); err != nil {
		return nil, fmt.Errorf("make the upload folder: %w", err)
	}
	if s.up, err = root.Open(uploads); err != nil {
		return nil, fmt.Errorf("open the upload folder: %w", err)
	}
	_, err = s.sweep(false, func(fs.FileInfo) bool { return true })
	return s, err
}

// Facts implements blob.Describer.
func (s *Store) Facts() []blob.Fact { return []blob.Fact{{Name: "store", Value: s.dir}} }

// Close gives the folder back.
func (s *Store) Close() error { return errors.Join(s.up.Close(), s.root.Close()) }

// Put implements blob.Store.
func (s *Store) Put(ctx context.Context, key string, r io.Reader, size int64) (blob.Object, error) {
	if err := check(key); err != nil {
		return blob.Object{}, err
	}
	f, name, err := s.temp()
	if err != nil {
		return blob.Object{}, fault(key, err)
	}
	placed := false
	defer func() {
		_ = f.Close()
		if !placed {
			s.discard(name)
		}
	}()
	hash := sha256.New()
	n, err := s.receive(f, hash, limited(ctx, r, size), size)
	if err != nil {
		return blob.Object{}, fault(key, err)
	}
	if size >= 0 && n != size {
		return blob.Object{}, models.Errorf(models.KindInvalid, "%s: %d bytes were announced and %d came: send it again", key, size, n)
	}
	if err := f.Sync(); err != nil {
		return blob.Object{}, fault(key, err)
	}
	info, err := f.Stat()
	if err != nil {
		return blob.Object{}, fault(key, err)
	}
	if placed, err = s.place(name, key); err != nil {
		return blob.Object{}, fault(key, err)
	}
	return blob.Object{Key: key, Size: n, SHA256: hex.EncodeToString(hash.Sum(nil)), Modified: info.ModTime().UTC()}, nil
}

// Copy implements blob.Store: a second name for the same bytes where the file
// system has hard links, since an object is replaced and never written into.
func (s *Store) Copy(ctx context.Context, src, dst string) error {
	if err := errors.Join(check(src), check(dst)); err != nil {
		return err
	}
	name := rand.Text()
	if err := s.root.Link(src, path.Join(uploads, name)); err != nil {
		return s.copyBytes(ctx, src, dst)
	}
	defer s.discard(name) // a rename onto its own link leaves both
	if info, err := s.root.Lstat(path.Join(uploads, name)); err != nil || !info.Mode().IsRegular() {
		return fault(src, fs.ErrNotExist)
	}
	_, err := s.place(name, dst)
	return fault(dst, err)
}

func (s *Store) copyBytes(ctx context.Context, src, dst string) error {
	r, o, err := s.Get(ctx, src, 0, -1)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	_, err = s.Put(ctx, dst, r, o.Size)
	return err
}

func check(key string) error {
	if err := blob.CheckKey(key); err != nil {
		return err
	}
	if top, _, _ := strings.Cut(key, "/"); top == uploads {
		return models.Errorf(models.KindInvalid, "%s: the name %s is the store's own", key, uploads)
	}
	return nil
}

// fault tells a caller's mistake from the disk's: what stands in the way of a
// path is invalid, a full disk or a failing one is unavailable.
func fault(key string, err error) error {
	var known *models.Error
	var errno syscall.Errno
	switch {
	case err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return models.Errorf(models.KindNotFound, "No such artifact: '%s'", key).Because(err)
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.ENOTEMPTY), errors.Is(err, fs.ErrExist):
		return models.Errorf(models.KindInvalid, "%s: a file stands where a folder is needed, or the other way round", key).Because(err)
	case errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, syscall.EILSEQ), errors.Is(err, syscall.ELOOP):
		return models.Errorf(models.KindInvalid, "%s: a name in it is one that the artifact folder's file system cannot take", key).Because(err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return models.Errorf(models.KindFull, "The artifact store is full: nothing of %s was stored. Make room (slipway gc), then send it again.", key).Because(err)
	}
	if p := (*fs.PathError)(nil); errors.As(err, &p) && !errors.As(err, &errno) { // os.Root's own refusal has no number
		return models.Errorf(models.KindInvalid, "%s leads out of the artifact store", key).Because(err)
	}
	return fmt.Errorf("artifact %s: %w", key, err)
}
