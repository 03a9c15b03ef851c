// Package clients_test runs stock MLflow clients of three versions, unmodified,
// against real server processes: the *.py files beside this one, by pytest, in
// the environment of each lock in requirements/. It is slow and large, so only
// "make test-clients" runs it.
package clients_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/testbed"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
	"github.com/slipway-ml/slipway/tests/world"
)

func TestMain(m *testing.M) { world.Main(m) }

func TestClients(t *testing.T) {
	t.Parallel()
	if os.Getenv("SLIPWAY_TEST_CLIENTS") == "" {
		t.Skip("make test-clients runs this")
	}
	locks, err := filepath.Glob("requirements/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, locks)
	for _, lock := range locks {
		version := strings.TrimSuffix(filepath.Base(lock), ".txt")
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			pytest(t, version)
		})
	}
	t.Run(newest+" on Postgres", func(t *testing.T) {
		t.Parallel()
		pytest(t, newest, "--backend-store-uri", postgres.Database(t))
	})
}

// newest is the client that is tried on Postgres, too.
const newest = "3.17"

// pytest runs the tests by a client, on a server of its own with those flags.
func pytest(t *testing.T, version string, flags ...string) {
	t.Helper()
	python := filepath.Join(testbed.Cache(t), "client-"+version, "bin", "python")
	if _, err := os.Stat(python); err != nil {
		testbed.Missing(t, "the client "+version, "make test-clients")
	}
	server := world.StartProcess(t, t.TempDir(), flags...)
	cmd := exec.CommandContext(t.Context(), python, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", "--tb", "short")
	cmd.Env = append(os.Environ(),
		"MLFLOW_TRACKING_URI="+server.URL, "MLFLOW_HTTP_REQUEST_MAX_RETRIES=0", "MLFLOW_DISABLE_TELEMETRY=true",
		"SETUPTOOLS_USE_DISTUTILS=stdlib", // client 2.9 imports the two in the wrong order
		"HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("%s", out[max(0, len(out)-200):])
}
