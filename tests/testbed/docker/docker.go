// Package docker starts a Docker Engine for a test.
package docker

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-ml/slipway/tests/testbed"
)

// Start runs an Engine of the test's own until the test ends and gives its
// address. SLIPWAY_TEST_DOCKER names one to use instead.
func Start(t testing.TB) string {
	t.Helper()
	if host := os.Getenv("SLIPWAY_TEST_DOCKER"); host != "" {
		return host
	}
	const remedy = "as root run make testbed, or set SLIPWAY_TEST_DOCKER=unix:///var/run/docker.sock"
	if os.Getuid() != 0 {
		testbed.Missing(t, "a Docker Engine", remedy)
	}
	for _, program := range []string{"dockerd", "docker", "ip"} {
		if _, err := exec.LookPath(program); err != nil {
			testbed.Missing(t, "a Docker Engine", remedy)
		}
	}
	dir, err := testbed.Folder("slipway-docker-") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	scripts := filepath.Join(testbed.Root(t), "tests", "testbed", "docker")
	start := exec.Command(filepath.Join(scripts, "start"), dir)
	start.Stderr = os.Stderr
	host, err := start.Output()
	t.Cleanup(func() {
		if out, err := exec.Command(filepath.Join(scripts, "stop"), dir).CombinedOutput(); err != nil {
			t.Errorf("stop the Docker Engine: %v\n%s", err, out)
		}
		_ = os.RemoveAll(dir)
	})
	if err != nil {
		t.Fatalf("start the Docker Engine: %v", err)
	}
	return strings.TrimSpace(string(host))
}
