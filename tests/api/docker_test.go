package api_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/testbed/docker"
	"github.com/slipway-ml/slipway/tests/world"
)

const onDocker = `model: shapes
validation:
  steps:
    - check: onnx
serving: {resources: {cpu: 1, memory: 512Mi}}
environments:
  staging: {target: docker, promote: auto, rollback_window: 1s}
`

// A version goes from its registration into a container by itself, answers
// behind the gateway, outlives its server, and leaves the Engine when it is
// replaced.
func TestDeliveryOnDocker(t *testing.T) {
	t.Parallel()
	needServe(t)
	host := docker.Start(t)
	engine, err := client.NewClientWithOpts(client.WithHost(host), client.WithAPIVersionNegotiation())
	require.NoError(t, err)
	defer engine.Close()
	running := func() (ids []string) {
		list, err := engine.ContainerList(context.WithoutCancel(t.Context()), container.ListOptions{All: true})
		require.NoError(t, err)
		for _, c := range list {
			ids = append(ids, c.ID)
		}
		return ids
	}
	dir := t.TempDir()
	p := world.StartProcess(t, dir, "--docker-host", host)
	p.OK(http.MethodPut, "/api/v1/models/shapes/pipeline", []byte(onDocker), "Content-Type", "application/yaml")
	live := func(version string) {
		p.Eventually(2*time.Minute, "version "+version+" is live", func() bool {
			e := p.Do(http.MethodGet, "/api/v1/models/shapes/environments/staging", nil)
			return e.Status == http.StatusOK && e.JSON(t)["version"] == version
		})
	}
	detect := func() string {
		picture, err := os.ReadFile(filepath.Join(world.Root(), "tests", "data", "shapes", "val", "images", "0000.jpg"))
		require.NoError(t, err)
		r := p.Do(http.MethodPost, "/serve/shapes/staging/detect", picture, "Content-Type", "image/jpeg")
		require.Equal(t, http.StatusOK, r.Status, string(r.Body))
		require.NotEmpty(t, r.JSON(t)["boxes"])
		return r.Header.Get("X-Slipway-Release")
	}
	registerShapes(t, p.World, "shapes", "v1", nil)
	live("1")
	require.Equal(t, "1", detect())
	first := running()
	require.Len(t, first, 1)

	p.Kill()
	require.Equal(t, first, running())
	p = world.StartProcess(t, dir, "--docker-host", host)
	p.Eventually(time.Minute, "the release answers again", func() bool {
		return p.Do(http.MethodGet, "/serve/shapes/staging/health", nil).Status == http.StatusOK
	})
	require.Equal(t, "1", detect())
	require.Equal(t, first, running(), "it was found, not started anew")

	registerShapes(t, p.World, "shapes", "v4-better", nil)
	live("2")
	require.Equal(t, "2", detect())
	p.Eventually(time.Minute, "the first release has left", func() bool {
		now := running()
		return len(now) == 1 && now[0] != first[0]
	})
	p.Term()
}
