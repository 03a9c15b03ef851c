package pyenv

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

func (s *Service) sealPath(key string) string {
	return filepath.Join(s.environments(), key+".seal")
}

// seal notes how an environment is. The wall is the runner's, which gives it to
// be read; the seal tells when there was none, or it had a gap.
func (s *Service) seal(key, dir string) error {
	state, err := stateOf(dir)
	if err != nil {
		return fmt.Errorf("seal a Python environment: %w", err)
	}
	return os.WriteFile(s.sealPath(key), []byte(state), 0o600)
}

// whole tells whether an environment is there as it was sealed.
func (s *Service) whole(key string) bool {
	sealed, err := os.ReadFile(s.sealPath(key))
	if err != nil {
		return false
	}
	state, err := stateOf(filepath.Join(s.environments(), key))
	return err == nil && state == string(sealed)
}

// stateOf is the digest of what an environment has: names, rights, sizes,
// times, where links lead. It reads no file, so that it takes milliseconds.
func stateOf(dir string) (string, error) {
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		target := ""
		if d.Type()&fs.ModeSymlink != 0 {
			if target, err = os.Readlink(path); err != nil {
				return err
			}
		}
		size, when := info.Size(), info.ModTime().UnixNano()
		if d.IsDir() {
			size, when = 0, 0 // what is in it tells
		}
		_, err = fmt.Fprintf(h, "%q %o %d %d %q\n", path[len(dir):], info.Mode(), size, when, target)
		return err
	})
	return hex.EncodeToString(h.Sum(nil)), err
}
