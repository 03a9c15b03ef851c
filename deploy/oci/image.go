package oci

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/models"
)

// Open gives the image of a manifest's digest ("sha256:…"). Manifest and
// config have been read and verified; a layer is verified as it is read, and
// the read that meets its end fails where it is not what the manifest names.
func Open(ctx context.Context, images deploy.ImageSource, digest string) (v1.Image, error) {
	raw, err := images.Manifest(ctx, digest)
	if err != nil {
		return nil, fmt.Errorf("read image %s: %w", digest, err)
	}
	if sum := sha256.Sum256(raw); digest != "sha256:"+hex.EncodeToString(sum[:]) {
		return nil, faulty(digest, "its manifest is another's")
	}
	manifest, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, faulty(digest, "its manifest does not parse").Because(err)
	}
	s := source{ctx: ctx, images: images, raw: raw, manifest: manifest}
	if s.config, err = s.read(manifest.Config); err != nil {
		return nil, err
	}
	return partial.CompressedToImage(s)
}

func faulty(digest, what string) *models.Error {
	return models.Errorf(models.KindInvalid, "image %s is faulty: %s", digest, what)
}

// source implements partial.CompressedImageCore.
type source struct {
	ctx      context.Context //nolint:containedctx // the interface takes none
	images   deploy.ImageSource
	raw      []byte
	manifest *v1.Manifest
	config   []byte
}

// RawManifest implements partial.CompressedImageCore.
func (s source) RawManifest() ([]byte, error) { return s.raw, nil }

// RawConfigFile implements partial.CompressedImageCore.
func (s source) RawConfigFile() ([]byte, error) { return s.config, nil }

// MediaType implements partial.CompressedImageCore.
func (s source) MediaType() (types.MediaType, error) { return s.manifest.MediaType, nil }

// LayerByDigest implements partial.CompressedImageCore.
func (s source) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	for _, d := range append([]v1.Descriptor{s.manifest.Config}, s.manifest.Layers...) {
		if d.Digest == h {
			return layer{s, d}, nil
		}
	}
	return nil, models.Errorf(models.KindNotFound, "the image has no layer %s", h)
}

func (s source) open(d v1.Descriptor) (io.ReadCloser, error) {
	rc, err := s.images.Blob(s.ctx, d.Digest.String())
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", d.Digest, err)
	}
	return &verified{ReadCloser: rc, want: d, sum: sha256.New()}, nil
}

func (s source) read(d v1.Descriptor) ([]byte, error) {
	rc, err := s.open(d)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	return io.ReadAll(rc)
}

// layer implements partial.CompressedLayer.
type layer struct {
	source
	descriptor v1.Descriptor
}

// Digest implements partial.CompressedLayer.
func (l layer) Digest() (v1.Hash, error) { return l.descriptor.Digest, nil }

// Size implements partial.CompressedLayer.
func (l layer) Size() (int64, error) { return l.descriptor.Size, nil }

// MediaType implements partial.CompressedLayer.
func (l layer) MediaType() (types.MediaType, error) { return l.descriptor.MediaType, nil }

// Compressed implements partial.CompressedLayer.
func (l layer) Compressed() (io.ReadCloser, error) { return l.open(l.descriptor) }

// verified is a blob that fails at its end when it is not what it should be.
type verified struct {
	io.ReadCloser
	want v1.Descriptor
	sum  hash.Hash
	size int64
}

// Read implements io.Reader.
func (v *verified) Read(p []byte) (int, error) {
	n, err := v.ReadCloser.Read(p)
	_, _ = v.sum.Write(p[:n])
	v.size += int64(n)
	if v.size > v.want.Size || err == io.EOF && (v.size != v.want.Size || hex.EncodeToString(v.sum.Sum(nil)) != v.want.Digest.Hex) {
		return n, faulty(v.want.Digest.String(), "its bytes are others than its digest says")
	}
	return n, err
}
