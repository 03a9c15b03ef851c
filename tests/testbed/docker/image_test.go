package docker_test

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/testbed"
	"github.com/slipway-ml/slipway/tests/testbed/docker"
)

func TestTheImageRunsPythonAndItsEnvironment(t *testing.T) {
	t.Parallel()
	host, cache := docker.Start(t), testbed.Cache(t)
	out, err := exec.Command("docker", "--host", host, "run", "--rm", "--network", "none", "--volume", cache+":"+cache+":ro",
		docker.Image(t, host), "sh", "-c", "python3 -c 'import ssl, json; print(1 + 1)' && "+testbed.Python(t)+" -m pytest --version").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "2\npytest")
	require.Equal(t, docker.Image(t, host), docker.Image(t, host))
}
