package pyenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/models"
)

// lock pins every package that the requirements ask for, by version and hash;
// the lock of the same requirements is taken over for a day.
func (m *making) lock(ctx context.Context, files requirements) ([]byte, error) {
	if len(files.texts) == 0 {
		return nil, nil
	}
	kept := filepath.Join(m.locks(), digest(files.id(), m.python.id(), []byte(strings.Join(m.Settings.Env, "\x00"))))
	if info, err := os.Stat(kept); err == nil && m.Now().Sub(info.ModTime()) < lockLife {
		if lock, err := os.ReadFile(kept); err == nil {
			return lock, nil
		}
	}
	in, out := filepath.Join(m.scratch, "in"), filepath.Join(m.scratch, "lock.txt")
	if err := files.write(in); err != nil {
		return nil, fmt.Errorf("write the requirements: %w", err)
	}
	_, _ = fmt.Fprintf(m.request.Log, "python: resolving %s for %s\n", files.name, m.python.Version)
	args := []string{
		m.UV, "pip", "compile", "--quiet", "--no-config", "--no-header", "--no-annotate", "--generate-hashes",
		"--python", m.python.Program, "--output-file", out, filepath.Join(in, filepath.FromSlash(files.name)),
	}
	err := m.inShop(ctx, func(w shop) error {
		_, err := m.run(ctx, command{shop: w, online: true, args: args})
		return err
	})
	if err != nil {
		return nil, err
	}
	lock, err := os.ReadFile(out)
	if err != nil {
		return nil, fmt.Errorf("read the lock: %w", err)
	}
	if line := unpinned(string(lock)); line != "" {
		return nil, models.Errorf(models.KindInvalid, "requirements: %q has no hash that could pin it: name a package of an index, or the URL of a file", line)
	}
	if len(files.index) > 0 {
		lock = append([]byte(strings.Join(files.index, "\n")+"\n"), lock...)
	}
	return lock, m.keepLock(kept, lock)
}

// keepLock writes the lock whole or not at all.
func (m *making) keepLock(path string, lock []byte) error {
	file, err := os.CreateTemp(m.locks(), "new-")
	if err != nil {
		return fmt.Errorf("keep the lock: %w", err)
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_, err = file.Write(lock)
	if err = errors.Join(err, file.Close()); err == nil {
		now := m.Now()
		err = errors.Join(os.Chtimes(file.Name(), now, now), os.Rename(file.Name(), path))
	}
	if err != nil {
		return fmt.Errorf("keep the lock: %w", err)
	}
	return nil
}

// unpinned finds a requirement of a lock that no hash follows.
func unpinned(lock string) string {
	for entry := range strings.SplitSeq(strings.ReplaceAll(lock, "\\\n", " "), "\n") {
		if entry = strings.TrimSpace(entry); entry != "" && !strings.HasPrefix(entry, "-") && !strings.HasPrefix(entry, "#") && !strings.Contains(entry, "--hash=") {
			return entry
		}
	}
	return ""
}

// patience is between looks at a lock that another has.
const patience = 50 * time.Millisecond
