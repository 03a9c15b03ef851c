package v1

import (
	"context"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/openapi/server"
	"github.com/slipway-ml/slipway/services/image"
)

// Images answers what was built, and has versions built.
type Images struct {
	Service *image.Service
}

// ListImages lists a version's images, newest first.
func (i Images) ListImages(ctx context.Context, r server.ListImagesRequestObject) (server.ListImagesResponseObject, error) {
	below, err := pageAfter(r.Params.PageToken)
	if err != nil {
		return nil, err
	}
	version, err := versionNumber(r.Version)
	if err != nil {
		return nil, err
	}
	size := pageSize(r.Params.MaxResults)
	images, err := i.Service.OfVersion(ctx, r.Model, version, below, size)
	if err != nil {
		return nil, err
	}
	page := server.ListImages200JSONResponse{Items: make([]server.Image, 0, len(images))}
	for _, img := range images {
		page.Items = append(page.Items, wireImage(img))
		page.NextPageToken = pageToken(len(images), size, img.ID)
	}
	return page, nil
}

// CreateImage asks for the image of a version.
func (i Images) CreateImage(ctx context.Context, r server.CreateImageRequestObject) (server.CreateImageResponseObject, error) {
	version, err := versionNumber(r.Version)
	if err != nil {
		return nil, err
	}
	img, err := i.Service.Request(ctx, r.Model, version)
	if err != nil {
		return nil, err
	}
	return server.CreateImage202JSONResponse(wireImage(img)), nil
}

// GetImage gives an image by its digest, or by the id it was asked for under.
func (i Images) GetImage(ctx context.Context, r server.GetImageRequestObject) (server.GetImageResponseObject, error) {
	img, err := Wait(ctx, r.Params.Wait, func(ctx context.Context) (models.Image, bool, error) {
		img, err := i.find(ctx, r.Digest)
		return img, img.State.Final(), err
	})
	if err != nil {
		return nil, err
	}
	return server.GetImage200JSONResponse(wireImage(img)), nil
}

func (i Images) find(ctx context.Context, name string) (models.Image, error) {
	if strings.HasPrefix(name, "sha256:") {
		return i.Service.ByDigest(ctx, name)
	}
	id, err := strconv.ParseInt(name, 10, 64)
	if err != nil {
		return models.Image{}, models.Errorf(models.KindInvalid, "image %q: use its digest (sha256:…) or its id", name)
	}
	return i.Service.Get(ctx, id)
}

func wireImage(img models.Image) server.Image {
	wire := server.Image{
		Id: img.ID, Model: img.Model, Version: strconv.FormatInt(img.Version, 10), State: server.ImageState(img.State), Reason: img.Reason,
		Digest: img.Digest, ConfigDigest: img.ConfigDigest, SizeBytes: img.Size, Runtime: img.Runtime, Base: img.Base,
		Platform: img.Platform, CreatedAt: img.CreatedAt,
	}
	if img.ModelDigest != "" {
		wire.ModelDigest = "sha256:" + img.ModelDigest
	}
	if img.EndedAt != nil {
		wire.EndedAt = *img.EndedAt
	}
	for _, l := range img.Layers {
		wire.Layers = append(wire.Layers, server.ImageLayer{Name: string(l.Kind), Digest: l.Digest, SizeBytes: l.Size, MediaType: l.MediaType})
	}
	for _, c := range img.Components {
		wire.Components = append(wire.Components, server.ImageComponent{Path: c.Path, Digest: c.Digest, Package: c.Package, Version: c.Version})
	}
	return wire
}
