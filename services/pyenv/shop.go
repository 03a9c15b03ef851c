package pyenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"

	"github.com/slipway-ml/slipway/models"
)

// shop is a folder in which uv works: it has uv's cache, and environments until
// they are whole, so that a file of the one can be a hard link to the other.
type shop struct {
	dir    string
	builds bool // programs of packages run in it: foreign code
}

func (w shop) cache() string { return filepath.Join(w.dir, "uv") }

// The shops of wheels, and the folder of those of builds, one each. Containers
// have another than this machine: a run in one is of a user of its own, to whom
// the shop is given while it lasts.
const (
	ofWheels = "wheels"
	ofImages = "images"
	ofBuilds = "builds"
)

// inShop does something with wheels alone; where a package has none, it does it
// again, and lets the package's own program build one. That is foreign code, so
// it does not see what others install from.
func (m *making) inShop(ctx context.Context, do func(shop) error) error {
	all, err := m.hands(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = all.Unlock() }()
	if err := m.withWheels(ctx, do); !errors.Is(err, errNeedsBuild) {
		return err
	}
	_, _ = fmt.Fprintf(m.request.Log, "python: building what has no wheel, apart from what is shared\n")
	own, err := os.MkdirTemp(filepath.Join(m.Dir, ofBuilds), "")
	if err != nil {
		return fmt.Errorf("make a folder for builds: %w", err)
	}
	defer func() { _ = os.RemoveAll(own) }()
	w := shop{dir: own, builds: true}
	if err := os.Mkdir(w.cache(), 0o750); err != nil {
		return fmt.Errorf("make a folder for builds: %w", err)
	}
	if err = do(w); errors.Is(err, errNeedsBuild) {
		return models.Errorf(models.KindInvalid, "the Python environment could not be made: a package can be built by nobody (see the log)")
	}
	return err
}

func (m *making) withWheels(ctx context.Context, do func(shop) error) error {
	w := shop{dir: filepath.Join(m.Dir, ofWheels)}
	if m.request.Image != "" {
		w.dir = filepath.Join(m.Dir, ofImages)
		alone := flock.New(w.dir + ".lock")
		if _, err := alone.TryLockContext(ctx, patience); err != nil {
			return fmt.Errorf("wait for the shop of images: %w", err)
		}
		defer func() { _ = alone.Unlock() }()
	}
	if err := os.MkdirAll(w.cache(), 0o750); err != nil {
		return fmt.Errorf("make uv's cache: %w", err)
	}
	return do(w)
}

// hands is held while somebody works in a shop.
func (s *Service) hands(ctx context.Context) (*flock.Flock, error) {
	l := flock.New(filepath.Join(s.Dir, "hands.lock"))
	if _, err := l.TryRLockContext(ctx, patience); err != nil {
		return nil, fmt.Errorf("enter the shop: %w", err)
	}
	return l, nil
}

// idle does something with the shops while nobody works in them, and nothing
// where somebody does.
func (s *Service) idle(do func()) {
	if l := flock.New(filepath.Join(s.Dir, "hands.lock")); tried(l.TryLock()) {
		do()
		_ = l.Unlock()
	}
}

// emptyShops removes what uv kept of wheels.
func (s *Service) emptyShops() {
	for _, name := range []string{ofWheels, ofImages} {
		_ = os.RemoveAll(filepath.Join(s.Dir, name)) // what stays is found the next time
	}
}

// sweep removes what was half-made when a server died.
func (s *Service) sweep() {
	builds, _ := filepath.Glob(filepath.Join(s.Dir, ofBuilds, "*"))
	for _, dir := range builds {
		_ = os.RemoveAll(dir)
	}
	for _, name := range []string{ofWheels, ofImages} {
		entries, _ := os.ReadDir(filepath.Join(s.Dir, name))
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), unfinished) {
				_ = os.RemoveAll(filepath.Join(s.Dir, name, e.Name()))
			}
		}
	}
}
