package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/pkg/jsonmessage"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/deploy/oci"
	"github.com/slipway-ml/slipway/models"
)

// ensureImage loads a spec's image unless the Engine has it, and gives the
// Engine's name for it: the digest of its config, or, where the Engine keeps
// images in containerd, whatever that made of it.
func (t *Target) ensureImage(ctx context.Context, spec deploy.InstanceSpec) (string, v1.Config, error) {
	img, err := oci.Open(ctx, spec.Images, spec.ImageDigest)
	if err != nil {
		return "", v1.Config{}, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return "", v1.Config{}, models.Errorf(models.KindInvalid, "the config of image %s does not parse", spec.ImageDigest).Because(err)
	}
	digest, err := img.ConfigName()
	if err != nil {
		return "", v1.Config{}, err
	}
	tag, err := name.NewTag("slipway.local/" + repository(spec.Model) + ":" + strings.TrimPrefix(spec.ImageDigest, "sha256:"))
	if err != nil {
		return "", v1.Config{}, err
	}
	t.load.Lock()
	defer t.load.Unlock()
	id, err := t.find(ctx, digest.String(), tag.Name())
	if errdefs.IsNotFound(err) {
		if err := t.loadImage(ctx, tag, img); err != nil {
			return "", v1.Config{}, err
		}
		id, err = t.find(ctx, digest.String(), tag.Name())
	}
	return id, config.Config, err
}

func (t *Target) find(ctx context.Context, names ...string) (string, error) {
	var err error
	for _, n := range names {
		var found image.InspectResponse
		if found, err = t.engine.ImageInspect(ctx, n); err == nil {
			return found.ID, nil
		}
	}
	return "", err
}

// loadImage streams the image to the Engine as a Docker archive: older ones
// know no OCI layout.
func (t *Target) loadImage(ctx context.Context, tag name.Tag, img v1.Image) error {
	archive, writer := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := tarball.Write(tag, img, writer)
		writer.CloseWithError(err)
		written <- err
	}()
	res, err := t.engine.ImageLoad(ctx, archive)
	if err == nil {
		err = loaded(res.Body)
		_ = res.Body.Close()
	}
	archive.CloseWithError(errors.New("the Docker Engine has stopped reading"))
	if ours := <-written; ours != nil && models.KindOf(ours) != models.KindInternal {
		return ours // a faulty or missing layer, not the Engine's doing
	}
	if err != nil {
		return translate(err, "load the image")
	}
	return nil
}

// loaded reads the Engine's answer to a load. It is 200 from the start, and a
// failure stands in the stream.
func loaded(answer io.Reader) error {
	messages := json.NewDecoder(answer)
	for {
		var m jsonmessage.JSONMessage
		err := messages.Decode(&m)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("its answer was cut short: %w", err)
		}
		if m.Error != nil {
			return m.Error
		}
	}
}

// repository makes a model's name one that images may have.
func repository(model string) string {
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(model))
	safe = strings.Trim(safe, "-")
	for strings.Contains(safe, "---") {
		safe = strings.ReplaceAll(safe, "---", "-")
	}
	if safe == "" {
		return "model"
	}
	return safe[:min(len(safe), 100)]
}

// removeUnused removes an image that no container is made of. While an
// instance is being made, the next stop does it.
func (t *Target) removeUnused(ctx context.Context, id string) error {
	if !t.images.TryLock() {
		return nil
	}
	defer t.images.Unlock()
	_, err := t.engine.ImageRemove(ctx, id, image.RemoveOptions{PruneChildren: true})
	if err != nil && !errdefs.IsNotFound(err) && !errdefs.IsConflict(err) { // a conflict: it is in use
		return translate(err, "remove the image")
	}
	return nil
}
