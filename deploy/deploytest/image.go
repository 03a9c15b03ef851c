package deploytest

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
)

// Images are what a target is exercised with.
type Images struct {
	Source
	Good   string // serves
	Broken string // its model does not load
	Says   string // and this is what it says
	Slow   string // path of a request that takes a while; "" where there is none
}

// Source is a deploy.ImageSource.
type Source interface {
	Manifest(ctx context.Context, digest string) ([]byte, error)
	Blob(ctx context.Context, digest string) (io.ReadCloser, error)
}

// server builds the program in folder server, once.
var server = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "slipway-server-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program := filepath.Join(dir, "slipway-serve")
	build := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-o", program, "github.com/slipway-ml/slipway/deploy/deploytest/server")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	content, err := os.ReadFile(program)
	return string(content), err
})

// Memory is a Source in memory.
type Memory struct {
	mu    sync.Mutex
	blobs map[string][]byte
}

// SmallImages are two images of the program in folder server.
func SmallImages(t *testing.T) Images {
	t.Helper()
	program, err := server()
	require.NoError(t, err)
	m := &Memory{blobs: map[string][]byte{}}
	serve := map[string]string{"slipway/bin/slipway-serve": program}
	return Images{
		Source: m, Says: "no tensors here", Slow: "/slow",
		Good:   m.Add(t, serve, map[string]string{"model/MLmodel": "flavors: {}\n"}),
		Broken: m.Add(t, serve, map[string]string{"model/broken": "no tensors here\n"}),
	}
}

// Add makes an image of layers (path → content) and gives its digest.
func (m *Memory) Add(t *testing.T, layers ...map[string]string) string {
	t.Helper()
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, files := range layers {
		archive := pack(t, files)
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive)), nil },
			tarball.WithMediaType(types.OCILayer))
		require.NoError(t, err)
		img, err = mutate.AppendLayers(img, l)
		require.NoError(t, err)
	}
	config, err := img.ConfigFile()
	require.NoError(t, err)
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", "amd64"
	config.Config = v1.Config{
		Entrypoint:   []string{"/slipway/bin/slipway-serve", "--model", "/model", "--host", "0.0.0.0", "--port", "8080"},
		ExposedPorts: map[string]struct{}{"8080/tcp": {}}, User: "65532:65532",
	}
	img, err = mutate.ConfigFile(img, config)
	require.NoError(t, err)
	return m.keep(t, img)
}

func (m *Memory) keep(t *testing.T, img v1.Image) string {
	t.Helper()
	layers, err := img.Layers()
	require.NoError(t, err)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range layers {
		digest, err := l.Digest()
		require.NoError(t, err)
		rc, err := l.Compressed()
		require.NoError(t, err)
		m.blobs[digest.String()], err = io.ReadAll(rc)
		require.NoError(t, err)
	}
	digest, err := img.Digest()
	require.NoError(t, err)
	config, err := img.ConfigName()
	require.NoError(t, err)
	m.blobs[config.String()], err = img.RawConfigFile()
	require.NoError(t, err)
	m.blobs[digest.String()], err = img.RawManifest()
	require.NoError(t, err)
	return digest.String()
}

// pack makes a tar archive.
func pack(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(files[name])), Typeflag: tar.TypeReg}))
		_, err := io.WriteString(w, files[name])
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

// Manifest implements deploy.ImageSource.
func (m *Memory) Manifest(_ context.Context, digest string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.blobs[digest]
	if !ok {
		return nil, models.Errorf(models.KindNotFound, "there is no blob %s", digest)
	}
	return b, nil
}

// Blob implements deploy.ImageSource.
func (m *Memory) Blob(ctx context.Context, digest string) (io.ReadCloser, error) {
	b, err := m.Manifest(ctx, digest)
	return io.NopCloser(bytes.NewReader(b)), err
}

// Spoil changes a byte of every layer of an image.
func (m *Memory) Spoil(t *testing.T, digest string) {
	t.Helper()
	manifest, err := v1.ParseManifest(bytes.NewReader(m.blobs[digest]))
	require.NoError(t, err)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range manifest.Layers {
		spoilt := bytes.Clone(m.blobs[l.Digest.String()])
		spoilt[len(spoilt)/2] ^= 1
		m.blobs[l.Digest.String()] = spoilt
	}
}
