package api_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/tests/testbed/docker"
	"github.com/slipway-ml/slipway/tests/world"
)

// deliverByDocker releases to production at once, on a Docker Engine.
const deliverByDocker = `model: shapes
validation:
  steps: [{check: integrity}]
serving: {threads: 1, resources: {cpu: 1, memory: 512Mi}}
environments:
  production:
    target: docker
    rollout:
      steps: [{weight: 100}]
    rollback_window: 1h
`

func TestDeliveryByDocker(t *testing.T) {
	t.Parallel()
	needServe(t)
	host := docker.Start(t)
	w := world.Start(t, func(c *config.Config) { c.DockerHost = host })
	w.Do(http.MethodPost, registered+"create", object{"name": "shapes"})
	w.OK(http.MethodPut, "/api/v1/models/shapes/pipeline", []byte(deliverByDocker))
	var versions []string
	for _, detector := range []string{"v1", "v4-better"} {
		version := registerShapes(t, w, "shapes", detector, nil)
		require.Equal(t, "passed", validated(w, "shapes", version)["state"])
		versions = append(versions, version)
		p := promoted(w, version)
		require.Equal(t, "succeeded", p["state"], "%v", p["reason"])
	}
	picture, err := os.ReadFile(filepath.Join(world.Root(), "tests", "data", "shapes", "val", "images", "0000.jpg"))
	require.NoError(t, err)
	detect := func(at string) world.Response {
		return w.Do(http.MethodPost, "/serve/shapes/production/"+at+"detect", bytes.NewReader(picture))
	}
	answer := detect("")
	require.Equal(t, http.StatusOK, answer.Status, "%s", answer.Body)
	require.Equal(t, "2", answer.Header.Get("X-Slipway-Release"))
	require.NotEmpty(t, answer.JSON(t)["boxes"])
	require.Equal(t, http.StatusOK, detect("releases/1/").Status, "the warm release answers at its own address")

	began := time.Now()
	require.Equal(t, "succeeded", w.OK(http.MethodPost, inProduction+"/rollback", object{})["state"], "in the call itself")
	t.Logf("rolled back in %s", time.Since(began))
	require.Equal(t, "1", detect("").Header.Get("X-Slipway-Release"))
	require.Equal(t, versions[0], w.OK(http.MethodGet, inProduction, nil)["version"])
	w.Eventually(time.Minute, "the container of what was left is removed", func() bool {
		release := w.OK(http.MethodGet, inProduction+"/releases", nil)["items"].([]any)[0].(object)
		return release["state"] == "rolled_back" && release["retired_at"] != nil
	})
}
