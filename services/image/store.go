package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/blob"
)

// In the artifact store images stand as one OCI image layout, which other
// tools read as it is.
const layoutDir = blob.Reserved + "/images"

func blobKey(digest string) string {
	return layoutDir + "/blobs/" + strings.Replace(digest, ":", "/", 1)
}

// wellFormed is a digest that can be a key.
var wellFormed = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// Manifest implements deploy.ImageSource.
func (s *Service) Manifest(ctx context.Context, digest string) ([]byte, error) {
	rc, err := s.Blob(ctx, digest)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	return io.ReadAll(io.LimitReader(rc, 4<<20))
}

// Blob implements deploy.ImageSource. Who reads it verifies it.
func (s *Service) Blob(ctx context.Context, digest string) (io.ReadCloser, error) {
	if !wellFormed.MatchString(digest) {
		return nil, models.Errorf(models.KindInvalid, "%q is no digest: use sha256: and 64 hexadecimal digits", digest)
	}
	rc, _, err := s.Blobs.Get(ctx, blobKey(digest), 0, -1)
	if models.IsKind(err, models.KindNotFound) {
		return nil, models.Errorf(models.KindNotFound, "the artifact store has no image or layer %s", digest).Because(err)
	}
	return rc, err
}

// has tells whether a blob is there, whole.
func (s *Service) has(ctx context.Context, digest string, size int64) (bool, error) {
	o, err := s.Blobs.Stat(ctx, blobKey(digest))
	if models.IsKind(err, models.KindNotFound) {
		return false, nil
	}
	return err == nil && o.Size == size, err
}

// putBytes stores a small blob and gives its digest.
func (s *Service) putBytes(ctx context.Context, data []byte) (string, error) {
	sum := sha256.Sum256(data)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	_, err := s.Blobs.Put(ctx, blobKey(digest), bytes.NewReader(data), int64(len(data)))
	return digest, err
}

// Relist writes the layout's index anew, where there is one.
func (s *Service) Relist(ctx context.Context) error {
	_, err := s.Blobs.Stat(ctx, layoutDir+"/index.json")
	if models.IsKind(err, models.KindNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.writeIndex(ctx)
}

// writeIndex lists every ready image in the layout's index, a version's
// newest under the name MODEL:VERSION. Nothing of ours reads it.
func (s *Service) writeIndex(ctx context.Context) error {
	s.index.Lock()
	defer s.index.Unlock()
	var ready []models.Image
	err := s.DB.View(ctx, func(tx storage.Tx) (err error) {
		ready, err = tx.Images().Ready()
		return err
	})
	if err != nil {
		return err
	}
	newest := map[int64]int64{} // version → image
	for _, img := range ready {
		newest[img.VersionID] = img.ID
	}
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}}
	for _, img := range ready {
		digest, err := v1.NewHash(img.Digest)
		if err != nil {
			return fmt.Errorf("image %d: %w", img.ID, err)
		}
		d := v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: digest, Size: img.ManifestSize}
		if newest[img.VersionID] == img.ID {
			d.Annotations = map[string]string{"org.opencontainers.image.ref.name": refName(img.Model, img.Version)}
		}
		index.Manifests = append(index.Manifests, d)
	}
	data, err := json.Marshal(index)
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{"oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`), "index.json": data} {
		if _, err := s.Blobs.Put(ctx, layoutDir+"/"+name, bytes.NewReader(content), int64(len(content))); err != nil {
			return err
		}
	}
	return nil
}

// unsafeInRef is what a reference's name cannot have.
var unsafeInRef = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

func refName(model string, version int64) string {
	return fmt.Sprintf("%s:%d", strings.Trim(unsafeInRef.ReplaceAllString(model, "-"), "-._"), version)
}
