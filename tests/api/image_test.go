package api_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/testbed"
	"github.com/slipway-ml/slipway/tests/world"
)

// shapes registers a bare detector, logged in a run, as the next version of
// the model shapes.
func shapes(t *testing.T, w *world.World) {
	t.Helper()
	detector, err := os.ReadFile(filepath.Join(world.Root(), "tests", "data", "shapes", "v1.onnx"))
	require.NoError(t, err)
	run := w.OK(http.MethodPost, "/api/2.0/mlflow/runs/create", map[string]any{"experiment_id": "0"})["run"].(map[string]any)["info"].(map[string]any)
	root := run["artifact_uri"].(string)
	path := strings.TrimPrefix(root, "mlflow-artifacts:/") + "/model/model.onnx"
	uploaded := w.Do(http.MethodPut, "/api/2.0/mlflow-artifacts/artifacts/"+strings.TrimPrefix(path, "/"), detector)
	require.Equal(t, http.StatusOK, uploaded.Status, string(uploaded.Body))
	w.Do(http.MethodPost, "/api/2.0/mlflow/registered-models/create", map[string]any{"name": "shapes"})
	w.OK(http.MethodPost, "/api/2.0/mlflow/model-versions/create", map[string]any{"name": "shapes", "source": root + "/model", "run_id": run["run_id"]})
}

func TestAnImageIsBuiltAndRead(t *testing.T) {
	t.Parallel()
	testbed.Bin(t)
	w := world.Start(t)
	shapes(t, w)
	w.OK(http.MethodPut, "/api/v1/models/shapes/pipeline", `{"model": "shapes", "on": "manual"}`)

	asked := w.Do(http.MethodPost, "/api/v1/models/shapes/versions/1/images", nil)
	require.Equal(t, http.StatusAccepted, asked.Status, string(asked.Body))
	id := fmt.Sprint(asked.JSON(t)["id"])
	img := w.OK(http.MethodGet, "/api/v1/images/"+id+"?wait=2m", nil)
	require.Equal(t, "ready", img["state"], img["reason"])
	require.Equal(t, "onnx", img["runtime"])
	require.Equal(t, "host", img["base"])
	require.Len(t, img["layers"], 3)
	digest := img["digest"].(string)
	require.True(t, strings.HasPrefix(digest, "sha256:"))
	require.Equal(t, img, w.OK(http.MethodGet, "/api/v1/images/"+digest, nil))
	list := w.OK(http.MethodGet, "/api/v1/models/shapes/versions/1/images", nil)
	require.Equal(t, []any{img}, list["items"])
	again := w.Do(http.MethodPost, "/api/v1/models/shapes/versions/1/images", nil)
	require.Equal(t, img, again.JSON(t), "what is there is not built again")
	audit := w.OK(http.MethodGet, "/api/v1/audit?action=image.built", nil)
	require.Len(t, audit["items"], 1)
	require.Equal(t, http.StatusBadRequest, w.Do(http.MethodGet, "/api/2.0/mlflow-artifacts/artifacts/.slipway/images/index.json", nil).Status,
		"artifacts' routes do not lead to images")
}

// A build is killed at points spread over it, each time in the next life of the
// server, until one life finishes it.
func TestABuildSurvivesItsServer(t *testing.T) {
	t.Parallel()
	testbed.Bin(t)
	dir := t.TempDir()
	p := world.StartProcess(t, dir)
	shapes(t, p.World)
	p.OK(http.MethodPut, "/api/v1/models/shapes/pipeline", `{"model": "shapes", "on": "manual"}`)
	id := fmt.Sprint(p.OK(http.MethodPost, "/api/v1/models/shapes/versions/1/images", nil)["id"])
	for _, objects := range []int{0, 1, 2} {
		p.Eventually(time.Minute, "the build goes on", func() bool {
			there := 0
			for _, key := range p.Stored(t) {
				if strings.HasPrefix(key, ".slipway/images/blobs/") {
					there++
				}
			}
			return there >= objects
		})
		p.Kill()
		p = world.StartProcess(t, dir)
	}
	img := p.OK(http.MethodGet, "/api/v1/images/"+id+"?wait=2m", nil)
	require.Equal(t, "ready", img["state"], img["reason"])
	list := p.OK(http.MethodGet, "/api/v1/models/shapes/versions/1/images", nil)
	require.Equal(t, []any{img}, list["items"])
	p.Term()

	undisturbed := world.Start(t)
	shapes(t, undisturbed)
	undisturbed.OK(http.MethodPut, "/api/v1/models/shapes/pipeline", `{"model": "shapes", "on": "manual"}`)
	id = fmt.Sprint(undisturbed.OK(http.MethodPost, "/api/v1/models/shapes/versions/1/images", nil)["id"])
	require.Equal(t, img["digest"], undisturbed.OK(http.MethodGet, "/api/v1/images/"+id+"?wait=2m", nil)["digest"], "another server builds the same")
}

func TestWhatIsNoImage(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	shapes(t, w)
	w.OK(http.MethodPut, "/api/v1/models/shapes/pipeline", `{"model": "shapes", "on": "manual", "validation": {"steps": [{"check": "integrity"}]}}`)
	const zeros = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
	for name, c := range map[string]struct {
		method, path string
		status       int
		says         string
	}{
		"a version that was not validated": {http.MethodPost, "/api/v1/models/shapes/versions/1/images", http.StatusConflict, "has not been validated"},
		"a version that is not there":      {http.MethodPost, "/api/v1/models/shapes/versions/9/images", http.StatusNotFound, "version=9"},
		"a model that is not there":        {http.MethodGet, "/api/v1/models/circles/versions/1/images", http.StatusNotFound, "circles"},
		"a version that is no number":      {http.MethodPost, "/api/v1/models/shapes/versions/latest/images", http.StatusBadRequest, "version"},
		"an unknown digest":                {http.MethodGet, "/api/v1/images/" + zeros, http.StatusNotFound, zeros},
		"an unknown id":                    {http.MethodGet, "/api/v1/images/77", http.StatusNotFound, "77"},
		"a digest that is none":            {http.MethodGet, "/api/v1/images/sha256:xyz", http.StatusBadRequest, "digest"},
	} {
		t.Run(name, func(t *testing.T) {
			r := w.Do(c.method, c.path, nil)
			require.Equal(t, c.status, r.Status, string(r.Body))
			require.Contains(t, string(r.Body), c.says)
		})
	}
}
