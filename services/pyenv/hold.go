package pyenv

import (
	"context"
	"errors"
	"fmt"
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
		return errors.Join(err, os.RemoveAll(e.Dir+unfinished))
	}
	return m.shrink(e.Key)
}

// build makes the environment beside its place, and puts it there when it is
// whole.
func (m *making) build(ctx context.Context, e *Environment) error {
	fresh := e.Dir + unfinished
	if err := os.RemoveAll(e.Dir); err != nil { // somebody changed it
		return fmt.Errorf("clear a Python environment: %w", err)
	}
	_, _ = fmt.Fprintf(m.request.Log, "python: making environment %s\n", e.Key[:12])
	if err := m.wheelsOrBuild(ctx, func(c command) error { return m.install(ctx, c, e, fresh) }); err != nil {
		return err
	}
	if err := m.seal(e.Key, fresh); err != nil {
		return err
	}
	return os.Rename(fresh, e.Dir)
}

// install makes an environment in a folder, from nothing: what is linked to the
// cache of all is not for the hands of a build.
func (m *making) install(ctx context.Context, c command, e *Environment, dir string) error {
	lock := filepath.Join(m.scratch, "lock.txt")
	err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755), os.WriteFile(lock, e.Lock, 0o600)) //nolint:gosec // every step reads it
	if err != nil {
		return fmt.Errorf("prepare a Python environment: %w", err)
	}
	venv := []string{m.UV, "venv", "--quiet", "--no-config", "--no-project", "--allow-existing", "--relocatable", "--python", m.python.Program, dir}
	if _, err := m.run(ctx, command{args: venv, write: []string{dir}}); err != nil || len(e.Lock) == 0 {
		return err
	}
	c.write = []string{dir}
	c.args = append([]string{
		m.UV, "pip", "sync", "--quiet", "--no-config", "--require-hashes", "--compile-bytecode", "--link-mode", "hardlink",
		"--python", filepath.Join(dir, "bin", "python"), lock,
	}, c.args...)
	_, err = m.run(ctx, c)
	return err
}
