// Package cache keeps files on this machine by their digest, within a bound.
// Whatever a file in it holds is held against its digest before it is given,
// so a kill or a full disk in the middle of writing costs no more than a read
// of the store. It may be lost at any time.
package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// whole is up to which size a file is given from memory, read once.
const whole = 4 << 20

// unfinished begins the names of files that are being written.
const unfinished = "new-"

// Folder is a cache in a folder of its own. Its methods may be called
// concurrently.
type Folder struct {
	dir string
	max int64 // bytes
	now func() time.Time

	mu   sync.Mutex
	size int64 // of the files, about
}

// Open makes the folder where it is not there, and removes what an earlier
// life left half-written.
func Open(dir string, maxBytes int64, now func() time.Time) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make the cache of data sets: %w", err)
	}
	f := &Folder{dir: dir, max: maxBytes, now: now}
	kept, err := f.files()
	if err != nil {
		return nil, err
	}
	for _, k := range kept {
		if strings.HasPrefix(filepath.Base(k.path), unfinished) {
			_ = os.Remove(k.path) // a next life tries again
			continue
		}
		f.size += k.size
	}
	return f, nil
}

func (f *Folder) path(sha string) string { return filepath.Join(f.dir, sha[:2], sha) }

// Get opens the file of a digest, which it has been held against. One that is
// not what it says is removed. The caller closes.
func (f *Folder) Get(sha string) (io.ReadCloser, bool) {
	file, size, ok := f.open(sha)
	if !ok {
		return nil, false
	}
	if size > whole {
		return file, f.verified(file, sha)
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(file)
	sum := sha256.Sum256(data)
	if err != nil || hex.EncodeToString(sum[:]) != sha {
		f.drop(sha, size)
		return nil, false
	}
	return io.NopCloser(bytes.NewReader(data)), true
}

// File is Get for reading here and there.
func (f *Folder) File(sha string) (*os.File, bool) {
	file, _, ok := f.open(sha)
	return file, ok && f.verified(file, sha)
}

func (f *Folder) open(sha string) (*os.File, int64, bool) {
	file, err := os.Open(f.path(sha))
	if err != nil {
		return nil, 0, false
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return nil, 0, false
	}
	now := f.now()
	_ = os.Chtimes(file.Name(), now, now) // when it was used last; a cache that cannot note it still works
	return file, info.Size(), true
}

// verified holds an open file against its digest; one that fails is closed.
func (f *Folder) verified(file *os.File, sha string) bool {
	hash := sha256.New()
	size, err := io.Copy(hash, file)
	if err == nil && hex.EncodeToString(hash.Sum(nil)) == sha {
		if _, err = file.Seek(0, io.SeekStart); err == nil {
			return true
		}
	}
	_ = file.Close()
	f.drop(sha, size)
	return false
}

func (f *Folder) drop(sha string, size int64) {
	if os.Remove(f.path(sha)) == nil {
		f.grow(-size)
	}
}

// Keep gives a stream on, and keeps what it gives when its end comes. The
// stream has to fail where it is not what its digest says. Where there is no
// room nothing is kept, and the stream goes on.
func (f *Folder) Keep(sha string, size int64, body io.ReadCloser) io.ReadCloser {
	if size > f.max/2 {
		return body
	}
	if err := os.MkdirAll(filepath.Dir(f.path(sha)), 0o750); err != nil {
		return body
	}
	file, err := os.CreateTemp(filepath.Dir(f.path(sha)), unfinished)
	if err != nil {
		return body
	}
	return &keeping{ReadCloser: body, folder: f, sha: sha, file: file}
}

// keeping writes a stream beside what reads it.
type keeping struct {
	io.ReadCloser
	folder *Folder
	sha    string
	file   *os.File // nil once it is kept or given up
	size   int64
}

// Read implements io.Reader.
func (k *keeping) Read(p []byte) (int, error) {
	n, err := k.ReadCloser.Read(p)
	if k.file != nil && n > 0 {
		if _, err := k.file.Write(p[:n]); err != nil {
			k.giveUp()
		}
		k.size += int64(n)
	}
	if errors.Is(err, io.EOF) {
		k.keep()
	}
	return n, err
}

func (k *keeping) keep() {
	if k.file == nil {
		return
	}
	name := k.file.Name()
	if k.file.Close() != nil || os.Rename(name, k.folder.path(k.sha)) != nil {
		_ = os.Remove(name)
	} else {
		k.folder.grow(k.size)
	}
	k.file = nil
}

func (k *keeping) giveUp() {
	if k.file != nil {
		_ = k.file.Close()
		_ = os.Remove(k.file.Name())
		k.file = nil
	}
}

// Close implements io.Closer.
func (k *keeping) Close() error {
	k.giveUp()
	return k.ReadCloser.Close()
}

// grow counts bytes, and makes room where there are too many.
func (f *Folder) grow(n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.size += n; f.size > f.max {
		f.shrink()
	}
}

// shrink removes the files that were used longest ago until a tenth is free. A
// file that is open stays readable.
func (f *Folder) shrink() {
	kept, err := f.files()
	if err != nil {
		return
	}
	slices.SortFunc(kept, func(a, b entry) int { return a.used.Compare(b.used) })
	f.size = 0
	for _, k := range kept {
		f.size += k.size
	}
	for _, k := range kept {
		if f.size <= f.max-f.max/10 {
			return
		}
		if !strings.HasPrefix(filepath.Base(k.path), unfinished) && os.Remove(k.path) == nil {
			f.size -= k.size
		}
	}
}

type entry struct {
	path string
	size int64
	used time.Time
}

func (f *Folder) files() (out []entry, err error) {
	err = filepath.WalkDir(f.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile
		}
		if err == nil {
			out = append(out, entry{path, info.Size(), info.ModTime()})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look through the cache of data sets: %w", err)
	}
	return out, nil
}
