package checkout

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/dial"
)

// Service fetches.
type Service struct {
	Runner  deploy.Runner
	Server  string        // its id: labels what is started
	Exit    dial.Exit     // which addresses may be reached
	Schemes []string      // of https, ssh and http, those that are allowed
	Env     []string      // what git needs to know of this machine, such as GIT_SSL_CAINFO
	Read    []string      // files that Env names
	Quiet   time.Duration // after which a server that sends nothing is given up; 0: two minutes
}

// Request says what is fetched where.
type Request struct {
	ID   string         // unique; names what is started
	Spec models.GitSpec // its secrets are values here
	Dir  string         // a folder of the caller's own, in which the files come to be
	Log  io.Writer
}

// Checkout is what was fetched.
type Checkout struct {
	URL    string // without a secret
	Commit string // its id, whole
	Root   string // the folder of the repository's files
	Dir    string // the folder that the request's path names
}

// The bounds of a repository, and of git's work on it.
const (
	maxFiles     = 100_000
	maxTree      = 8 << 30 // bytes of its files
	maxReceived  = 4 << 30
	maxFile      = 4 << 30
	maxMemory    = 2 << 30
	maxProcesses = 64
	maxModules   = 100
	maxDepth     = 4 // of submodules in submodules
	usualQuiet   = 2 * time.Minute
)

// Fetch fetches. An error of kind unavailable or full may pass by itself; the
// others stay until the pipeline, a secret or the repository changes.
func (s *Service) Fetch(ctx context.Context, r Request) (Checkout, error) {
	from, err := parse(r.Spec.URL, s.Schemes)
	if err != nil {
		return Checkout{}, err
	}
	if err := checkRef(r.Spec.Ref); err != nil {
		return Checkout{}, err
	}
	if !filepath.IsLocal(filepath.Clean("./" + r.Spec.Path)) {
		return Checkout{}, models.Errorf(models.KindInvalid, "git.path %q leaves the repository", r.Spec.Path)
	}
	f := &fetch{Service: s, request: r, top: from, private: filepath.Join(r.Dir, "git")}
	if err := os.MkdirAll(filepath.Join(f.private, "home"), 0o700); err != nil {
		return Checkout{}, fmt.Errorf("make a folder for git: %w", err)
	}
	defer func() { _ = os.RemoveAll(f.private) }()
	out := Checkout{URL: from.String(), Root: filepath.Join(r.Dir, "repository")}
	_, _ = fmt.Fprintf(r.Log, "git: fetching %s of %s\n", or(r.Spec.Ref, "the default branch"), from)
	if out.Commit, err = f.repository(ctx, from, r.Spec.Ref, out.Root, 0); err != nil {
		return Checkout{}, err
	}
	if err := f.links(out.Root); err != nil {
		return Checkout{}, err
	}
	_, _ = fmt.Fprintf(r.Log, "git: commit %s, %d files\n", out.Commit, f.files)
	if out.Dir, err = within(out.Root, r.Spec.Path); err != nil {
		return Checkout{}, err
	}
	return out, nil
}

// within is the folder below root that a path names.
func within(root, name string) (string, error) {
	inside, err := os.OpenRoot(root)
	if err != nil {
		return "", err
	}
	defer func() { _ = inside.Close() }()
	name = filepath.Clean("./" + name)
	if info, err := inside.Stat(name); err != nil || !info.IsDir() {
		return "", models.Errorf(models.KindNotFound, "git.path %q is no folder of the repository", name)
	}
	return filepath.EvalSymlinks(filepath.Join(root, name))
}

// fetch is one request under way.
type fetch struct {
	*Service
	request Request
	top     source
	private string // folder of what git needs beside the repository
	modules int
	files   int64
	bytes   int64
}

// repository fetches one repository, the top one or a submodule, and tells its
// commit.
func (f *fetch) repository(ctx context.Context, from source, ref, dir string, depth int) (string, error) {
	if _, err := f.git(ctx, from, "init", "-q", "--template=", dir); err != nil {
		return "", err
	}
	name, err := f.receive(ctx, from, ref, dir)
	if err != nil {
		return "", err
	}
	id, tree, err := f.look(ctx, from, dir, name)
	if err != nil {
		return "", err
	}
	if _, err := f.git(ctx, from, "-C", dir, "checkout", "-q", "--detach", id); err != nil {
		return "", err
	}
	if f.request.Spec.Submodules && len(tree.modules) > 0 {
		if err := f.submodules(ctx, from, dir, tree.modules, depth); err != nil {
			return "", err
		}
	}
	return id, nil
}

// receive brings a reference's objects here and tells by which name git knows
// them.
func (f *fetch) receive(ctx context.Context, from source, ref, dir string) (string, error) {
	c, err := f.connect(ctx, from)
	if err != nil {
		return "", err
	}
	defer c.close()
	args := []string{"-C", dir, "fetch", "-q", "--no-tags", "--no-recurse-submodules"}
	said, err := f.over(ctx, c, append(args, "--depth=1", "--", c.url, or(ref, "HEAD"))...)
	if err == nil {
		return "FETCH_HEAD", nil
	}
	refused := commit.MatchString(ref) && (strings.Contains(said, "unadvertised object") || strings.Contains(said, "not our ref"))
	if !refused && !strings.Contains(said, "does not support shallow") {
		return "", err
	}
	_, _ = fmt.Fprintf(f.request.Log, "git: the server gives no single commit; fetching all of its history\n")
	name := or(ref, "HEAD")
	if commit.MatchString(ref) {
		_, err = f.over(ctx, c, append(args, "--", c.url, "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")...)
		return name, err
	}
	_, err = f.over(ctx, c, append(args, "--", c.url, name)...)
	return "FETCH_HEAD", err
}

func or(text, instead string) string {
	if text == "" {
		return instead
	}
	return text
}
