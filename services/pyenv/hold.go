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
	if _, err := os.Stat(m.sealPath(e.Key)); err == nil {
		// Somebody got past the walls: what it has links to is not trusted either.
		_, _ = fmt.Fprintf(m.request.Log, "python: environment %s was changed; it is made anew\n", e.Key[:12])
		m.idle(m.emptyShops)
	}
	_, _ = fmt.Fprintf(m.request.Log, "python: making environment %s\n", e.Key[:12])
	if err := m.inShop(ctx, func(w shop) error { return m.build(ctx, w, e) }); err != nil {
		return err
	}
	return m.shrink(e.Key)
}

// build makes the environment in a shop, from nothing, and puts it in its place
// when it is whole.
func (m *making) build(ctx context.Context, w shop, e *Environment) (err error) {
	fresh, lock := filepath.Join(w.dir, e.Key+unfinished), filepath.Join(m.scratch, "lock.txt")
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(fresh))
		}
	}()
	// What is there is of an earlier life, or was changed by somebody.
	err = errors.Join(os.RemoveAll(fresh), os.RemoveAll(e.Dir), os.MkdirAll(fresh, 0o755), os.WriteFile(lock, e.Lock, 0o600)) //nolint:gosec // every step reads it
	if err != nil {
		return fmt.Errorf("prepare a Python environment: %w", err)
	}
	_, err = m.run(ctx, command{shop: w, args: []string{
		m.UV, "venv", "--quiet", "--no-config", "--no-project", "--allow-existing", "--relocatable", "--python", m.python.Program, fresh,
	}})
	if err == nil && len(e.Lock) > 0 {
		_, err = m.run(ctx, command{shop: w, online: true, args: []string{
			m.UV, "pip", "sync", "--quiet", "--no-config", "--require-hashes", "--compile-bytecode", "--link-mode", m.links(),
			"--python", filepath.Join(fresh, "bin", "python"), lock,
		}})
	}
	if err != nil {
		return err
	}
	if err := m.seal(e.Key, fresh); err != nil {
		return err
	}
	return os.Rename(fresh, e.Dir)
}

// links is how files come from uv's cache: as links where nothing can write to
// an environment, since that would write to the cache.
func (m *making) links() string {
	if len(m.request.Runner.Lacks()) == 0 {
		return "hardlink"
	}
	return "clone" // or a copy, where the file system cannot
}
