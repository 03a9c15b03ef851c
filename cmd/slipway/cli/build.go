package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/slipway-ml/slipway/openapi/client"
)

// Build is the command slipway build.
type Build struct {
	Remote
	Model   string `arg:"" help:"The registered model."`
	Version string `arg:"" help:"The version to build the image of."`
	Wait    bool   `default:"true" negatable:"" help:"Wait until it is built."`
}

// Help tells more.
func (*Build) Help() string {
	return `Prints the digest of the image. The same version, built again, has the same.`
}

// Run builds.
func (b *Build) Run(ctx context.Context, s *Streams) error {
	api, err := b.api()
	if err != nil {
		return err
	}
	image, err := answer[client.Image](api.CreateImage(ctx, b.Model, b.Version, &client.CreateImageParams{IdempotencyKey: once()}))
	for err == nil && b.Wait && image.State != client.ImageStateReady && image.State != client.ImageStateFailed {
		s.notef("image %d of %s %s: %s", image.Id, b.Model, b.Version, image.State)
		image, err = answer[client.Image](api.GetImage(ctx, strconv.FormatInt(image.Id, 10), &client.GetImageParams{Wait: set("30s")}))
	}
	switch {
	case err != nil:
		return err
	case image.State == client.ImageStateFailed:
		return fmt.Errorf("%s %s could not be built: %s", b.Model, b.Version, image.Reason)
	case image.State != client.ImageStateReady:
		s.printf("image %d is %s", image.Id, image.State)
		return nil
	}
	s.notef("%s %s: %s in %d layers on %s, %s", b.Model, b.Version, size(image.SizeBytes), len(image.Layers), or(image.Base, "nothing"), image.Platform)
	s.printf("%s", image.Digest)
	return nil
}
