package docker

import (
	"context"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/models"
)

// Options are what a Target needs.
type Options struct {
	Host string // the Engine's address, such as unix:///var/run/docker.sock; "" for the usual one
}

// Target keeps instances as containers.
type Target struct {
	engine *client.Client
	load   sync.Mutex   // one image is loaded at a time
	make   sync.Mutex   // one container is made at a time: a name counts as taken before it can be found
	images sync.RWMutex // read while an instance is being made of an image
}

// New gives the Target of an Engine. It does not reach for it yet.
func New(o Options) (*Target, error) {
	host := o.Host
	if host == "" {
		host = client.DefaultDockerHost
	}
	engine, err := client.NewClientWithOpts(client.WithHost(host), client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, models.Errorf(models.KindInvalid, "the address %q of the Docker Engine does not parse", host).Because(err)
	}
	return &Target{engine: engine}, nil
}

// Close lets go of the Engine.
func (t *Target) Close() error { return t.engine.Close() }

// Start implements deploy.Target. The container's name is the instance's id,
// so there is never a second.
func (t *Target) Start(ctx context.Context, spec deploy.InstanceSpec) (deploy.Instance, error) {
	t.images.RLock()
	defer t.images.RUnlock()
	name := containerName(spec.ID)
	_, err := t.engine.ContainerInspect(ctx, name)
	if errdefs.IsNotFound(err) {
		err = t.create(ctx, name, spec)
		if errdefs.IsNotFound(err) {
			err = t.create(ctx, name, spec) // another server removed the image just then
		}
	}
	if err != nil && !errdefs.IsConflict(err) { // a conflict: it was made meanwhile
		return deploy.Instance{}, translate(err, "create a container")
	}
	if err := t.engine.ContainerStart(ctx, name, container.StartOptions{}); err != nil {
		return deploy.Instance{}, translate(err, "start the container")
	}
	return t.Inspect(ctx, spec.ID)
}

func (t *Target) create(ctx context.Context, name string, spec deploy.InstanceSpec) error {
	image, config, err := t.ensureImage(ctx, spec)
	if err != nil {
		return err
	}
	c, h := settings(image, config, spec)
	t.make.Lock()
	defer t.make.Unlock()
	_, err = t.engine.ContainerCreate(ctx, c, h, nil, nil, name)
	return err
}

// Stop implements deploy.Target.
func (t *Target) Stop(ctx context.Context, id string, grace time.Duration) error {
	name := containerName(id)
	was, err := t.engine.ContainerInspect(ctx, name)
	if errdefs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return translate(err, "inspect the container")
	}
	seconds := int((grace + time.Second - 1) / time.Second)
	err = t.engine.ContainerStop(ctx, name, container.StopOptions{Timeout: &seconds})
	if err != nil && !errdefs.IsNotFound(err) {
		return translate(err, "stop the container")
	}
	err = t.engine.ContainerRemove(ctx, name, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if errdefs.IsConflict(err) {
		err = t.awaitRemoval(ctx, name) // somebody else removes it
	}
	if err != nil && !errdefs.IsNotFound(err) {
		return translate(err, "remove the container")
	}
	return t.removeUnused(ctx, was.Image)
}

func (t *Target) awaitRemoval(ctx context.Context, name string) error {
	removed, failed := t.engine.ContainerWait(ctx, name, container.WaitConditionRemoved)
	select {
	case <-removed:
		return nil
	case err := <-failed:
		return err
	}
}

// translate gives an Engine's error its kind, and its text to the caller.
func translate(err error, doing string) error {
	switch {
	case client.IsErrConnectionFailed(err):
		return models.Errorf(models.KindUnavailable, "cannot reach the Docker Engine: is it running, and may this user use it?").Because(err)
	case errdefs.IsInvalidArgument(err):
		return models.Errorf(models.KindInvalid, "the Docker Engine cannot %s: %s", doing, err)
	case models.KindOf(err) != models.KindInternal || errdefs.IsCanceled(err) || errdefs.IsDeadlineExceeded(err):
		return err
	}
	return models.Errorf(models.KindUnavailable, "the Docker Engine cannot %s: %s", doing, err)
}

var _ deploy.Target = (*Target)(nil)
