package docker

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/deploy/folder"
	"github.com/slipway-ml/slipway/deploy/process"
	"github.com/slipway-ml/slipway/models"
)

// RunnerOptions are what a Runner needs.
type RunnerOptions struct {
	Host  string // the Engine's address; "" for the usual one. It is on this machine: it mounts this machine's folders
	Init  string // a static program whose main calls Init first; "" for this one
	Image string // of runs that name none
	Work  string // a folder for what is shared with runs while they last; "" for the system's temporary one
}

// Runner does runs as containers.
type Runner struct {
	RunnerOptions
	engine *client.Client

	mu   sync.Mutex
	left map[string]bool // containers that could not be removed when they ended
}

// NewRunner gives the Runner of an Engine. It does not reach for it yet.
func NewRunner(o RunnerOptions) (*Runner, error) {
	target, err := New(Options{Host: o.Host})
	if err != nil {
		return nil, err
	}
	if o.Init == "" {
		if o.Init, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	if o.Init, err = filepath.Abs(o.Init); err != nil {
		return nil, err
	}
	return &Runner{RunnerOptions: o, engine: target.engine, left: map[string]bool{}}, nil
}

// Close lets go of the Engine.
func (r *Runner) Close() error { return r.engine.Close() }

// Lacks implements deploy.Runner.
func (r *Runner) Lacks() []string {
	if process.FreeUser() == 0 {
		return []string{"a container's processes are of the server's own user: only root can give them one of their own"}
	}
	return nil
}

// Run implements deploy.Runner. An Engine that goes away midway is an error of
// kind unavailable.
func (r *Runner) Run(ctx context.Context, spec deploy.RunSpec) (deploy.RunResult, error) {
	c, err := r.start(ctx, spec)
	if err != nil {
		return deploy.RunResult{}, err
	}
	result := c.Wait()
	return result, c.lost
}

// Start implements deploy.Runner.
func (r *Runner) Start(ctx context.Context, spec deploy.RunSpec) (deploy.Process, error) {
	return r.start(ctx, spec)
}

func (r *Runner) start(ctx context.Context, spec deploy.RunSpec) (*contained, error) {
	spec.Image = cmp.Or(spec.Image, r.Image)
	if err := r.check(spec); err != nil {
		return nil, err
	}
	r.removeLeft(ctx)
	if err := r.pull(ctx, spec); err != nil {
		return nil, err
	}
	user, folders := process.FreeUser(), append([]string{spec.Dir}, spec.Write...)
	if user == 0 {
		user = os.Geteuid()
	} else if err := errors.Join(folder.Give(folders, user), folder.Show(spec.Read)); err != nil {
		return nil, errors.Join(fmt.Errorf("give run %q its folders: %w", spec.ID, err), folder.TakeBack(folders))
	}
	c := &contained{
		runner: r, spec: spec, folders: folders, before: diskBefore(spec, folders),
		stops: make(chan time.Duration, 1), done: make(chan struct{}),
	}
	err := c.begin(ctx, user)
	if err != nil {
		return nil, errors.Join(err, c.remove(ctx))
	}
	go c.follow(ctx)
	return c, nil
}

func (r *Runner) check(spec deploy.RunSpec) error {
	switch {
	case len(spec.Command) == 0 || spec.Command[0] == "":
		return models.Errorf(models.KindInvalid, "run %q has no command", spec.ID)
	case spec.Image == "":
		return models.Errorf(models.KindInvalid, "run %q names no image: image says which container it runs in, or --step-image for all that say none", spec.ID)
	case !filepath.IsAbs(spec.Dir):
		return models.Errorf(models.KindInvalid, "the working folder %q of run %q is no absolute path", spec.Dir, spec.ID)
	case spec.AsServer:
		return models.Errorf(models.KindUnsupported, "run %q is of the server's own user, which a container's never are", spec.ID)
	case spec.Listener != nil:
		return models.Errorf(models.KindUnsupported, "run %q is dialled by a socket, which a container cannot be given", spec.ID)
	}
	if info, err := os.Stat(spec.Dir); err != nil || !info.IsDir() {
		return models.Errorf(models.KindInvalid, "the working folder %s of run %q is no folder", spec.Dir, spec.ID)
	}
	return nil
}

// pull gets the image unless the Engine has it.
func (r *Runner) pull(ctx context.Context, spec deploy.RunSpec) error {
	_, err := r.engine.ImageInspect(ctx, spec.Image)
	if err == nil {
		return nil
	}
	if !errdefs.IsNotFound(err) {
		return translate(err, "look for the image "+spec.Image)
	}
	answer, err := r.engine.ImagePull(ctx, spec.Image, image.PullOptions{})
	if err == nil {
		err = loaded(answer)
		_ = answer.Close()
	}
	if err == nil {
		return nil
	}
	where := fmt.Sprintf("the Docker Engine at %s has no image %s and cannot pull it: %s", r.engine.DaemonHost(), spec.Image, err)
	if errdefs.IsNotFound(err) || errdefs.IsInvalidArgument(err) || errdefs.IsPermissionDenied(err) || errdefs.IsUnauthorized(err) {
		return models.Errorf(models.KindInvalid, "%s", where)
	}
	return models.Errorf(models.KindUnavailable, "%s", where)
}

// Clean implements deploy.Runner. A container ends by itself when its server
// has gone; it is removed here.
func (r *Runner) Clean(ctx context.Context, server string) error {
	found, err := r.engine.ContainerList(ctx, container.ListOptions{
		All: true, Filters: filters.NewArgs(filters.Arg("label", labelServer+"="+server), filters.Arg("label", labelRun)),
	})
	if err != nil {
		return translate(err, "list containers")
	}
	for _, c := range found {
		if err := removeContainer(ctx, r.engine, c.ID); err != nil {
			return err
		}
		if dir := c.Labels[labelControl]; strings.HasPrefix(filepath.Base(dir), controlPrefix) {
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

func removeContainer(ctx context.Context, engine *client.Client, name string) error {
	err := engine.ContainerRemove(ctx, name, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if errdefs.IsConflict(err) { // somebody else removes it
		removed, failed := engine.ContainerWait(ctx, name, container.WaitConditionRemoved)
		select {
		case <-removed:
			return nil
		case err = <-failed:
		}
	}
	if err != nil && !errdefs.IsNotFound(err) {
		return translate(err, "remove the container")
	}
	return nil
}

// removeLeft removes what an Engine that was away kept from being removed.
func (r *Runner) removeLeft(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name := range r.left {
		if removeContainer(ctx, r.engine, name) == nil {
			delete(r.left, name)
		}
	}
}

func diskBefore(spec deploy.RunSpec, folders []string) int64 {
	if spec.DiskBytes <= 0 {
		return 0
	}
	return folder.Bytes(folders)
}

var (
	_ deploy.Runner  = (*Runner)(nil)
	_ deploy.Process = (*contained)(nil)
)

// output is where a run's streams go.
func output(spec deploy.RunSpec) io.Writer {
	if spec.Output == nil {
		return io.Discard
	}
	return spec.Output
}

// hear reads one report of an init.
func hear(from *json.Decoder) (initReport, error) {
	var r initReport
	err := from.Decode(&r)
	return r, err
}
