package models

import "time"

// ImageState is where the build of an image stands.
type ImageState string

// The states of an image; the last two are final.
const (
	ImagePending  ImageState = "pending"
	ImageBuilding ImageState = "building"
	ImageReady    ImageState = "ready"
	ImageFailed   ImageState = "failed" // its version cannot be built
)

// Final tells whether the state changes no more by itself.
func (s ImageState) Final() bool { return s == ImageReady || s == ImageFailed }

// Image is an OCI serving image built from one model version. A version has
// one image for each set of inputs: the same inputs give the same digest.
type Image struct {
	ID           int64
	VersionID    int64
	Model        string // name
	Version      int64  // number
	Inputs       string // hex SHA-256 over all that goes in
	State        ImageState
	Reason       string // in a sentence, when it failed
	Digest       string // "sha256:…" of the manifest; "" until it is ready
	ManifestSize int64
	ConfigDigest string           // "sha256:…" of the config: the name Docker Engine gives it
	ModelDigest  string           // hex, of the version's files
	Size         int64            // bytes of its layers as stored
	Layers       []ImageLayer     // bottom up
	Components   []ImageComponent // taken from the machine that built it
	Runtime      string           // such as onnx
	Base         string           // host
	Platform     string           // such as linux/amd64
	CreatedAt    time.Time
	EndedAt      *time.Time
}

// LayerKind says what a layer of an image brings.
type LayerKind string

// The kinds of layer, bottom up.
const (
	LayerBase    LayerKind = "base"
	LayerRuntime LayerKind = "runtime"
	LayerModel   LayerKind = "model"
)

// ImageLayer is one layer of an image as it is stored.
type ImageLayer struct {
	Kind      LayerKind `json:"kind"`
	Digest    string    `json:"digest"`  // "sha256:…" of its bytes
	DiffID    string    `json:"diff_id"` // "sha256:…" of its bytes, uncompressed
	MediaType string    `json:"media_type"`
	Size      int64     `json:"size"`
}

// ImageComponent is a file that an image has from the machine that built it.
type ImageComponent struct {
	Path    string `json:"path"`              // in the image
	Digest  string `json:"digest"`            // "sha256:…" of its bytes
	Package string `json:"package,omitempty"` // whose it is, where that is known
	Version string `json:"version,omitempty"` // of the package
}
