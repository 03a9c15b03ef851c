package pyenv

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"github.com/slipway-ml/slipway/models"
)

// unfinished ends the name of an environment that is being made.
const unfinished = ".new"

// guard is the lock file of an environment: held by those who use it together,
// by one who makes or removes it alone. The kernel lets go of it with its
// process.
func (s *Service) guard(key string) *flock.Flock {
	return flock.New(filepath.Join(s.environments(), key+".lock"))
}

// hold makes the environment where it is not there, and holds it.
func (m *making) hold(ctx context.Context, e *Environment) error {
	e.Cached = true
	for {
		shared := m.guard(e.Key)
		if _, err := shared.TryRLockContext(ctx, patience); err != nil {
			return fmt.Errorf("hold a Python environment: %w", err)
		}
		if m.whole(e.Key) {
			now := m.Now()
			_ = os.Chtimes(m.sealPath(e.Key), now, now) // when it was used last; one that cannot be noted is used all the same
			e.release = func() { _ = shared.Unlock() }
			word := "made"
			if e.Cached {
				word = "cached"
			}
			_, _ = fmt.Fprintf(m.request.Log, "python: %s, environment %s (%s), lock sha256:%s\n", e.Python, e.Key[:12], word, e.Digest())
			return nil
		}
		if err := shared.Unlock(); err != nil {
			return err
		}
		if !e.Cached {
			return models.Errorf(models.KindUnavailable, "the Python environment %s was changed by somebody as soon as it was made", e.Key[:12])
		}
		if err := m.makeOnce(ctx, e); err != nil {
			return err
		}
	}
}

// makeOnce makes the environment unless somebody else has done it meanwhile.
func (m *making) makeOnce(ctx context.Context, e *Environment) (err error) {
	alone := m.guard(e.Key)
	if _, err := alone.TryLockContext(ctx, patience); err != nil {
		return fmt.Errorf("wait for a Python environment: %w", err)
	}
	defer func() { err = errors.Join(err, alone.Unlock()) }()
	if m.whole(e.Key) {
		return nil
	}
	e.Cached = false
	if err := m.build(ctx, e); err != nil {
		return errors.Join(err, remove(e.Dir+unfinished))
	}
	return m.shrink(e.Key)
}

// build makes the environment beside its place, and puts it there when it is
// whole.
func (m *making) build(ctx context.Context, e *Environment) error {
	fresh := e.Dir + unfinished
	if err := errors.Join(remove(fresh), remove(e.Dir), os.MkdirAll(fresh, 0o750)); err != nil { // of an earlier life, or changed by somebody
		return fmt.Errorf("clear a Python environment: %w", err)
	}
	wheels, err := m.useWheels(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = wheels.Unlock() }()
	lock := filepath.Join(m.scratch, "lock.txt")
	if err := os.WriteFile(lock, e.Lock, 0o600); err != nil {
		return fmt.Errorf("write the lock: %w", err)
	}
	_, _ = fmt.Fprintf(m.request.Log, "python: making environment %s\n", e.Key[:12])
	venv := []string{m.UV, "venv", "--quiet", "--no-config", "--no-project", "--allow-existing", "--relocatable", "--python", m.python.Program, fresh}
	if _, err := m.run(ctx, command{args: venv, cache: m.wheels(), write: []string{fresh}}); err != nil {
		return err
	}
	if len(e.Lock) > 0 {
		sync := []string{
			m.UV, "pip", "sync", "--quiet", "--no-config", "--require-hashes", "--compile-bytecode", "--link-mode", "hardlink",
			"--python", filepath.Join(fresh, "bin", "python"), lock,
		}
		if err := m.wheelsOrBuild(ctx, sync, []string{fresh}); err != nil {
			return err
		}
	}
	if err := m.seal(e.Key, fresh); err != nil {
		return err
	}
	return os.Rename(fresh, e.Dir)
}

// remove removes an environment, whose folders nobody may write to.
func remove(dir string) error {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && d.IsDir() {
			err = os.Chmod(path, 0o700) //nolint:gosec // a folder
		}
		return err
	})
	return errors.Join(err, os.RemoveAll(dir))
}
