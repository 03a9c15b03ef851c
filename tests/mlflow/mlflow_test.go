// Package mlflow_test runs the stock MLflow client, unmodified, against a real
// server process: the *.py files beside this one, by pytest.
package mlflow_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/testbed"
	"github.com/slipway-ml/slipway/tests/world"
)

func TestMain(m *testing.M) { world.Main(m) }

func TestStockClient(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("test_*.py")
	require.NoError(t, err)
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			pytest(t, file, nil)
		})
	}
}

// pytest runs a file of tests, with more of an environment, against a server of
// its own with those flags.
func pytest(t *testing.T, file string, env []string, flags ...string) {
	t.Helper()
	python := testbed.Python(t)
	server := world.StartProcess(t, t.TempDir(), flags...)
	cmd := exec.CommandContext(t.Context(), python, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", file)
	cmd.Env = append(append(os.Environ(),
		"MLFLOW_TRACKING_URI="+server.URL, "MLFLOW_HTTP_REQUEST_MAX_RETRIES=0", "MLFLOW_DISABLE_TELEMETRY=true", "PYTHONHASHSEED=0",
		"HOME="+t.TempDir()), env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
