package api_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/tests/testbed"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
	"github.com/slipway-ml/slipway/tests/world"
)

func TestAServerForFilesAlone(t *testing.T) {
	t.Parallel()
	w := world.Start(t, func(c *config.Config) { c.ArtifactsOnly = true })
	for _, twin := range []string{proxy, strings.Replace(proxy, "/api/", "/ajax-api/", 1)} {
		require.Equal(t, http.StatusOK, w.Do(http.MethodPut, twin+"/d/x", []byte("content")).Status)
		require.Equal(t, "content", content(t, w, twin+"/d/x"))
		require.Equal(t, []string{"x 7"}, files(w, "d"))
		w.OK(http.MethodDelete, twin+"/d/x", nil)
		missing(t, w.Do(http.MethodGet, twin+"/d/x", nil))
	}
	for _, path := range []string{"/health", "/version", "/metrics", "/api/3.0/mlflow/server-info", "/ajax-api/3.0/mlflow/server-info"} {
		require.Equal(t, http.StatusOK, w.Do(http.MethodGet, path, nil).Status, path)
	}
	for _, call := range [][2]string{
		{"GET", "/"},
		{"GET", "/nothing"},
		{"GET", a2 + "artifacts/list?run_id=x"},
		{"POST", a2 + "artifacts/presigned-upload-url"},
		{"POST", a2 + "experiments/search"},
		{"POST", a2 + "runs/create"},
		{"GET", registered + "search"},
		{"GET", "/ajax-api/3.0/mlflow/traces/get"},
		{"POST", "/graphql"},
		{"GET", "/get-artifact?run_id=x&path=x"},
		{"GET", "/model-versions/get-artifact?name=m&version=1&path=x"},
		{"POST", "/v1/traces"},
		{"GET", "/api/v1/audit"},
		{"POST", "/api/v1/gc"},
		{"POST", "/serve/m/staging/invocations"},
	} {
		says := refused(t, w.Do(call[0], call[1], nil), http.StatusNotFound, "ENDPOINT_NOT_FOUND")
		require.Contains(t, says, "--artifacts-only", call)
	}
}

// A tracking server and one for files share their database and store: what is
// recorded at the one is frozen and kept at the other.
func TestAServerForFilesBesideOneThatTracks(t *testing.T) {
	t.Parallel()
	uri, artifacts := postgres.Database(t), filepath.Join(t.TempDir(), "artifacts")
	share := func(c *config.Config) {
		c.BackendStoreURI, c.ArtifactsDestination, c.SecretKey = uri, artifacts, "0123456789abcdef0123456789abcdef"
	}
	keeps := world.Start(t, share, func(c *config.Config) { c.ArtifactsOnly = true })
	tracks := world.Start(t, share, func(c *config.Config) {
		c.DefaultArtifactRoot = strings.Replace(keeps.URL, "http://", "mlflow-artifacts://", 1) + "/"
	})
	createModel(tracks, "m")
	id := run(tracks)
	root := tracks.OK(http.MethodGet, a2+"runs/get?run_id="+id, nil)["run"].(object)["info"].(object)["artifact_uri"].(string)
	require.True(t, strings.HasPrefix(root, "mlflow-artifacts://127.0.0.1:"), root)
	file := "0/" + id + "/artifacts/model/MLmodel"
	upload(t, keeps, file, "first")
	v := tracks.OK(http.MethodPost, versioned+"create", object{"name": "m", "source": root + "/model", "run_id": id})["model_version"].(object)
	require.Equal(t, "READY", v["status"])
	upload(t, keeps, file, "second")
	require.Equal(t, "first", content(t, tracks, frozen("1", "MLmodel")))
	require.Equal(t, "second", content(t, keeps, proxy+"/"+file))

	cmd := exec.CommandContext(t.Context(), testbed.Python(t), "-W", "error", "-c", `
import mlflow
with mlflow.start_run() as run:
    mlflow.log_text("by the stock client", "a/b.txt")
assert [f.path for f in mlflow.MlflowClient().list_artifacts(run.info.run_id, "a")] == ["a/b.txt"]
assert mlflow.artifacts.load_text(run.info.artifact_uri + "/a/b.txt") == "by the stock client"`)
	cmd.Env = append(os.Environ(), "MLFLOW_TRACKING_URI="+tracks.URL, "MLFLOW_HTTP_REQUEST_MAX_RETRIES=0", "MLFLOW_DISABLE_TELEMETRY=true", "HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
