package image

import (
	"context"
	"errors"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// Build gives the image of a version, built now where it is not there. It may
// be called again and by several at once: they get one image, built once. A
// version that cannot be built is an error of kind invalid, conflict or
// not_found; whether it may be released is not asked here.
func (s *Service) Build(ctx context.Context, versionID int64) (models.Image, error) {
	release, err := s.locks.take(ctx, fmt.Sprint("version ", versionID))
	if err != nil {
		return models.Image{}, err
	}
	defer release()
	s.builds.RLock()
	defer s.builds.RUnlock()
	p, err := s.plan(ctx, versionID)
	if err != nil {
		return models.Image{}, err
	}
	img, done, err := s.begin(ctx, p)
	if err != nil || done {
		return img, err
	}
	built, err := s.assemble(ctx, p, img)
	if err != nil {
		return models.Image{}, s.failed(ctx, img, err)
	}
	return s.finish(ctx, built)
}

// ensure finds the row of an image, and whether all of it is there already.
func (s *Service) ensure(ctx context.Context, p plan) (img models.Image, done bool, err error) {
	err = s.DB.InTx(ctx, func(tx storage.Tx) error {
		if img, err = tx.Images().Ensure(p.image); err != nil {
			return err
		}
		doomed, err := tx.Purge().Doomed(layoutDir + "/blobs")
		if doomed {
			return models.Errorf(models.KindUnavailable, "slipway gc is removing layers that no image has: it is built after that")
		}
		return err
	})
	if err != nil || img.State != models.ImageReady {
		return img, false, err
	}
	done, err = s.whole(ctx, img)
	return img, done, err
}

// begin says that an image is being built, unless it is there.
func (s *Service) begin(ctx context.Context, p plan) (models.Image, bool, error) {
	img, done, err := s.ensure(ctx, p)
	if err != nil || done {
		return img, done, err
	}
	p.image.ID, p.image.CreatedAt, p.image.State = img.ID, img.CreatedAt, models.ImageBuilding
	return p.image, false, s.DB.InTx(ctx, func(tx storage.Tx) error { return tx.Images().Update(p.image) })
}

// whole tells whether all of an image is in the artifact store.
func (s *Service) whole(ctx context.Context, img models.Image) (bool, error) {
	if ok, err := s.has(ctx, img.Digest, img.ManifestSize); !ok {
		return false, err
	}
	for _, l := range img.Layers {
		if ok, err := s.has(ctx, l.Digest, l.Size); !ok {
			return false, err
		}
	}
	_, err := s.Blobs.Stat(ctx, blobKey(img.ConfigDigest))
	if models.IsKind(err, models.KindNotFound) {
		return false, nil
	}
	return err == nil, err
}

// assemble writes what is missing of an image and describes it.
func (s *Service) assemble(ctx context.Context, p plan, img models.Image) (models.Image, error) {
	for _, l := range p.layers {
		layer, err := s.layer(ctx, l)
		if err != nil {
			return img, err
		}
		img.Layers = append(img.Layers, layer)
		img.Size += layer.Size
	}
	oci, err := s.compose(img, p.entrypoint)
	if err != nil {
		return img, fmt.Errorf("compose the image: %w", err)
	}
	config, err := oci.RawConfigFile()
	if err != nil {
		return img, err
	}
	manifest, err := oci.RawManifest()
	if err != nil {
		return img, err
	}
	if img.ConfigDigest, err = s.putBytes(ctx, config); err != nil {
		return img, err
	}
	img.ManifestSize = int64(len(manifest))
	img.Digest, err = s.putBytes(ctx, manifest)
	return img, err
}

// layer gives a layer that was made of the same before, or makes it.
func (s *Service) layer(ctx context.Context, l planned) (models.ImageLayer, error) {
	release, err := s.locks.take(ctx, "layer "+l.key)
	if err != nil {
		return models.ImageLayer{}, err
	}
	defer release()
	var known models.ImageLayer
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		known, err = tx.Images().Layer(l.key)
		return err
	})
	if err == nil {
		var there bool
		if there, err = s.has(ctx, known.Digest, known.Size); there {
			return known, nil
		}
	}
	if err != nil && !models.IsKind(err, models.KindNotFound) {
		return known, err
	}
	made, err := s.writeLayer(ctx, l.kind, l.key, l.files)
	if err != nil {
		return made, err
	}
	return made, s.DB.InTx(ctx, func(tx storage.Tx) error { return tx.Images().KeepLayer(l.key, made) })
}

// compose puts the layers together. Nothing in the config is of now.
func (s *Service) compose(img models.Image, entrypoint []string) (v1.Image, error) {
	oci := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	platform, err := v1.ParsePlatform(img.Platform)
	if err != nil {
		return nil, err
	}
	config := &v1.ConfigFile{
		OS: platform.OS, Architecture: platform.Architecture, RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{
			User: "65532:65532", Entrypoint: entrypoint, WorkingDir: "/", StopSignal: "SIGTERM",
			ExposedPorts: map[string]struct{}{"8080/tcp": {}},
			Labels: map[string]string{ //nolint:gosec // no secret is among them
				"org.opencontainers.image.title": img.Model, "org.opencontainers.image.version": fmt.Sprint(img.Version),
				"slipway.model": img.Model, "slipway.version": fmt.Sprint(img.Version), "slipway.model-digest": "sha256:" + img.ModelDigest,
				"slipway.runtime": img.Runtime, "slipway.base": img.Base, "slipway.components": "/slipway/base.json",
			},
		},
	}
	if oci, err = mutate.ConfigFile(oci, config); err != nil {
		return nil, err
	}
	for _, l := range img.Layers {
		oci, err = mutate.Append(oci, mutate.Addendum{
			Layer: stored{s, l}, MediaType: types.MediaType(l.MediaType), History: v1.History{CreatedBy: "slipway", Comment: string(l.Kind)},
		})
		if err != nil {
			return nil, err
		}
	}
	return oci, nil
}

// finish makes an image known.
func (s *Service) finish(ctx context.Context, img models.Image) (models.Image, error) {
	img.State = models.ImageReady
	err := s.DB.InTx(ctx, func(tx storage.Tx) error {
		if err := tx.Images().Update(img); err != nil {
			return err
		}
		return tx.Audit(models.AuditRecord{
			Action: "image.built", Model: img.Model, Version: img.Version, Details: map[string]any{"digest": img.Digest, "inputs": img.Inputs},
		})
	})
	if err != nil {
		return img, err
	}
	if err := s.writeIndex(ctx); err != nil {
		return img, err
	}
	return s.Get(ctx, img.ID)
}

// failed writes why an image cannot be built. A store that is away, and a
// server that stops, are no such reason: the build is tried again.
func (s *Service) failed(ctx context.Context, img models.Image, why error) error {
	if ctx.Err() != nil || models.IsKind(why, models.KindUnavailable) {
		return why
	}
	img.State, img.Reason = models.ImageFailed, "the build failed inside Slipway; its log says why"
	var known *models.Error
	if errors.As(why, &known) {
		img.Reason = known.Message
	}
	return errors.Join(why, s.DB.InTx(ctx, func(tx storage.Tx) error { return tx.Images().Update(img) }))
}

// stored is a layer in the artifact store, as a v1.Layer.
type stored struct {
	service *Service
	layer   models.ImageLayer
}

// Digest implements v1.Layer.
func (l stored) Digest() (v1.Hash, error) { return v1.NewHash(l.layer.Digest) }

// DiffID implements v1.Layer.
func (l stored) DiffID() (v1.Hash, error) { return v1.NewHash(l.layer.DiffID) }

// Size implements v1.Layer.
func (l stored) Size() (int64, error) { return l.layer.Size, nil }

// MediaType implements v1.Layer.
func (l stored) MediaType() (types.MediaType, error) { return types.MediaType(l.layer.MediaType), nil }

// Compressed implements v1.Layer.
func (l stored) Compressed() (io.ReadCloser, error) {
	return l.service.Blob(context.Background(), l.layer.Digest)
}

// Uncompressed implements v1.Layer. Composing an image reads no layer.
func (l stored) Uncompressed() (io.ReadCloser, error) {
	return nil, models.Errorf(models.KindUnsupported, "layer %s is read as it is stored", l.layer.Digest)
}
