package pyenv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// shrink makes room where there is too much, for all but one environment: what
// uv kept of wheels goes first, since environments have hard links of it; then
// those that were used longest ago. What somebody holds stays.
func (s *Service) shrink(but string) error {
	size, err := sizeOf(s.Dir)
	if err != nil || size <= s.MaxBytes {
		return err
	}
	s.idle(s.emptyShops)
	all, err := s.kept()
	if err != nil {
		return err
	}
	for _, e := range all {
		if size, err = sizeOf(s.Dir); err != nil || size <= s.MaxBytes-s.MaxBytes/10 {
			return err
		}
		if e.key != but {
			s.drop(e.key)
		}
	}
	return nil
}

func tried(locked bool, err error) bool { return locked && err == nil }

// drop removes an environment that nobody holds.
func (s *Service) drop(key string) {
	l := s.guard(key)
	if !tried(l.TryLock()) {
		return
	}
	defer func() { _ = l.Unlock() }()
	_ = os.Remove(s.sealPath(key)) // first: without it there is none
	_ = os.RemoveAll(filepath.Join(s.environments(), key))
}

// Clean removes what an earlier life left half-made, locks that are too old to
// be taken over, and more than there is room for. It is done at the start.
func (s *Service) Clean() error {
	if _, err := os.Stat(s.locks()); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	s.idle(s.sweep)
	locks, err := os.ReadDir(s.locks())
	if err != nil {
		return err
	}
	for _, e := range locks {
		if info, err := e.Info(); err == nil && s.Now().Sub(info.ModTime()) > lockLife {
			_ = os.Remove(filepath.Join(s.locks(), e.Name()))
		}
	}
	return s.shrink("")
}

type kept struct {
	key  string
	used time.Time
}

// kept lists the environments, the one that was used longest ago first.
func (s *Service) kept() (all []kept, err error) {
	entries, err := os.ReadDir(s.environments())
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		key, sealed := strings.CutSuffix(e.Name(), ".seal")
		if info, err := e.Info(); sealed && err == nil {
			all = append(all, kept{key, info.ModTime()})
		}
	}
	slices.SortFunc(all, func(a, b kept) int { return a.used.Compare(b.used) })
	return all, nil
}

// sizeOf is what a folder takes of the disk; a file with several names counts
// once.
func sizeOf(dir string) (size int64, err error) {
	seen := map[uint64]bool{}
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile
		}
		if err != nil {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && !d.IsDir() {
			if stat.Nlink > 1 && seen[stat.Ino] {
				return nil
			}
			seen[stat.Ino] = stat.Nlink > 1
			size += stat.Blocks * 512
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("look through the Python environments: %w", err)
	}
	return size, nil
}
