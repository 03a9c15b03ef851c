package storage

import "github.com/slipway-ml/slipway/models"

// ImageStore keeps what is known of images and their layers; their bytes are
// in the artifact store.
type ImageStore interface {
	// Ensure gives the image of a version and a set of inputs, made in state
	// pending where there is none.
	Ensure(img models.Image) (models.Image, error)
	// Update writes an image's state, reason and, once it is ready, the rest.
	Update(img models.Image) error
	// Get finds an image by id.
	Get(id int64) (models.Image, error)
	// ByDigest finds a ready image by its manifest's digest ("sha256:…").
	ByDigest(digest string) (models.Image, error)
	// OfVersion lists a version's images, newest first, from below an id (0:
	// the newest).
	OfVersion(versionID, below int64, limit int) ([]models.Image, error)
	// Ready lists every ready image in the order of ids.
	Ready() ([]models.Image, error)
	// Layer finds the layer that was made of what key names; not_found where
	// none was.
	Layer(key string) (models.ImageLayer, error)
	// KeepLayer remembers a layer under what it was made of.
	KeepLayer(key string, layer models.ImageLayer) error
}
