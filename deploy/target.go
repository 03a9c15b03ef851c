package deploy

import (
	"context"
	"io"
	"time"
)

// ImageSource opens an image of the artifact store for a target that has to
// load it. The caller closes what it opens.
type ImageSource interface {
	// Manifest gives the OCI image manifest's bytes.
	Manifest(ctx context.Context, digest string) ([]byte, error)
	// Blob opens a config or layer by digest ("sha256:…").
	Blob(ctx context.Context, digest string) (io.ReadCloser, error)
}

// InstanceSpec describes one instance of a release.
type InstanceSpec struct {
	ID          string // unique and chosen by the caller: starting it twice starts one
	Server      string // id of the Slipway server that owns it
	Model       string
	Environment string
	Release     int64
	ImageDigest string // "sha256:…" of the image manifest
	Images      ImageSource
	Env         map[string]string
	CPU         float64 // cores; 0: no limit
	MemoryBytes int64   // 0: no limit
	Threads     int     // inference threads; 0: from CPU
}

// State is what an instance is doing.
type State string

// The states of an instance. Ready means that its health check answers.
const (
	StateStarting State = "starting"
	StateReady    State = "ready"
	StateExited   State = "exited"
	StateGone     State = "gone" // never started here, or stopped
)

// Instance is one running copy of a release.
type Instance struct {
	ID          string
	Server      string
	Model       string
	Environment string
	Release     int64
	State       State
	Address     string // host:port of its HTTP server; "" until it has one
	Reason      string // why it is exited, in a line
	StartedAt   time.Time
}

// Capacity is the room a target has left. Zero fields mean unknown.
type Capacity struct {
	CPU         float64
	MemoryBytes int64
}

// Target keeps instances. Every method may be called concurrently and again:
// after a crash the caller repeats what it was doing.
type Target interface {
	// Start makes sure that the instance runs and returns without waiting for
	// it to be ready. A faulty image or setting is an error of kind invalid; a
	// target that is away is of kind unavailable.
	Start(ctx context.Context, spec InstanceSpec) (Instance, error)
	// Inspect tells an instance's present state; StateGone for an unknown id.
	Inspect(ctx context.Context, id string) (Instance, error)
	// List gives every instance that carries this server's label, those
	// started by an earlier life of it too.
	List(ctx context.Context, server string) ([]Instance, error)
	// Stop drains for at most grace, then ends the instance and removes what
	// it left. An unknown id is no error.
	Stop(ctx context.Context, id string, grace time.Duration) error
	// Logs copies the last bytes an instance wrote (at most limit) to w.
	Logs(ctx context.Context, id string, w io.Writer, limit int64) error
	// Capacity tells the room left.
	Capacity(ctx context.Context) (Capacity, error)
}
