package pyenv_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/deploy/docker"
	"github.com/slipway-ml/slipway/services/pyenv"
	"github.com/slipway-ml/slipway/tests/testbed"
	engine "github.com/slipway-ml/slipway/tests/testbed/docker"
)

// The environment of a container is made in one, for the Python of its image.
func TestAnEnvironmentOfAnImage(t *testing.T) {
	t.Parallel()
	host := engine.Start(t)
	image := engine.Image(t, host)
	runner, err := docker.NewRunner(docker.RunnerOptions{Host: host, Init: filepath.Join(testbed.Bin(t), "slipway")})
	require.NoError(t, err)
	t.Cleanup(func() { _ = runner.Close() })
	x := newIndex(t)
	x.wheel(t, "shapes", "1.0", "value = 1\n")
	s, root := service(t, t.TempDir(), x), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "requirements.txt"), []byte("shapes\n"), 0o600))
	in := func(r *pyenv.Request) { r.Runner, r.Image, r.Python = runner, image, "python3" }
	made, _, err := askIn(t, s, root, in)
	require.NoError(t, err)
	again, _, err := askIn(t, s, root, in)
	require.NoError(t, err)
	require.True(t, again.Cached)
	here, _, err := askIn(t, s, root)
	require.NoError(t, err)
	require.NotEqual(t, made.Key, here.Key, "this machine's Python is another")

	out := &bytes.Buffer{}
	got, err := runner.Run(t.Context(), deploy.RunSpec{
		ID: t.Name(), Server: "test", Image: image, Dir: t.TempDir(), Read: []string{made.Dir}, Env: []string{"PATH=" + made.Bin() + ":" + made.Path},
		Command: []string{"sh", "-c", "python -c 'import shapes; print(shapes.value)'; echo evil >>" + made.Dir + "/lib/evil.py"}, Timeout: time.Minute, Output: out,
	})
	require.NoError(t, err)
	require.NotZero(t, got.ExitCode)
	require.Contains(t, out.String(), "1\n")
	require.Contains(t, out.String(), "ead-only")
}
