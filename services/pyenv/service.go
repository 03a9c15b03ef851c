package pyenv

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/dial"
)

// Service makes environments and keeps them.
type Service struct {
	Server   string    // its id: labels what is started
	Dir      string    // folder of all of it
	MaxBytes int64     // of that folder, about
	UV       string    // the program; "" where there is none
	Exit     dial.Exit // which addresses may be reached
	Settings Settings  // the operator's
	Now      func() time.Time

	mu    sync.Mutex
	known map[string]interpreter
}

// Request asks for an environment.
type Request struct {
	ID           string        // unique; names what is started
	Dir          string        // a folder of the caller's own for what is needed meanwhile
	Root         string        // the folder that Requirements is in
	Requirements string        // a path within Root; "" for an environment without packages
	Python       string        // a version, such as 3.11, or a program
	Runner       deploy.Runner // of the step
	Image        string        // whose Python it is, for a runner that has containers
	Log          io.Writer
}

// Environment is one that is held.
type Environment struct {
	Dir    string // to read, at this very path
	Base   string // the folder of the interpreter that it stands on, to read too
	Python string // the version, whole
	Path   string // on which its programs were looked for
	Lock   []byte // every package with its version and hashes
	Key    string
	Cached bool // it was there already

	release func()
}

// Bin is the folder that comes first on a command's PATH.
func (e *Environment) Bin() string { return filepath.Join(e.Dir, "bin") }

// Digest is the lock's hex SHA-256.
func (e *Environment) Digest() string { return digest(e.Lock) }

// Release lets it go.
func (e *Environment) Release() { e.release() }

// The bounds of uv and of the programs that build packages.
const (
	maxMemory    = 4 << 30
	maxFile      = 8 << 30
	maxProcesses = 256
	maxBuilt     = 16 << 30 // bytes that builds may take of the disk
)

// lockLife is how long requirements that name no exact version are answered by
// the lock that was made of them last.
const lockLife = 24 * time.Hour

// Make gives an environment, made where it is not there yet; the caller
// releases it. An error of kind unavailable or full may pass by itself; the
// others stay until the requirements or the machine change.
func (s *Service) Make(ctx context.Context, r Request) (*Environment, error) {
	if s.UV == "" {
		return nil, models.Errorf(models.KindUnsupported, "python: and requirements: need uv, which this server does not find: install it, or put it beside slipway (slipway doctor)")
	}
	files, err := gather(r.Root, r.Requirements)
	if err != nil {
		return nil, err
	}
	m := &making{Service: s, request: r, scratch: filepath.Join(r.Dir, "python")}
	for _, dir := range []string{m.scratch, s.environments(), s.locks(), filepath.Join(s.Dir, ofBuilds)} {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return nil, fmt.Errorf("make the folders of Python environments: %w", err)
		}
	}
	defer func() { _ = os.RemoveAll(m.scratch) }()
	if m.python, err = m.interpreter(ctx); err != nil {
		return nil, err
	}
	lock, err := m.lock(ctx, files)
	if err != nil {
		return nil, err
	}
	e := &Environment{Python: m.python.Version, Path: m.python.Path, Base: m.python.Base, Lock: lock, Key: digest(lock, m.python.id())}
	e.Dir = filepath.Join(s.environments(), e.Key)
	return e, m.hold(ctx, e)
}

func (s *Service) environments() string { return filepath.Join(s.Dir, "environments") }
func (s *Service) locks() string        { return filepath.Join(s.Dir, "locks") }

// making is one request under way.
type making struct {
	*Service
	request Request
	scratch string
	python  interpreter
}

// digest is the hex SHA-256 of parts, each with its length.
func digest(parts ...[]byte) string {
	if len(parts) == 1 {
		sum := sha256.Sum256(parts[0])
		return hex.EncodeToString(sum[:])
	}
	h := sha256.New()
	for _, part := range parts {
		_, _ = fmt.Fprintf(h, "%d:", len(part))
		_, _ = h.Write(part)
	}
	return hex.EncodeToString(h.Sum(nil))
}
