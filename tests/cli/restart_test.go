package cli_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

const slowly = `model: shapes-detector
on: registered
validation:
  steps:
    - check: integrity
environments:
  production:
    target: process
    gates: [validated]
    rollout:
      strategy: canary
      steps: [{weight: 50, hold: 3s}, {weight: 100}]
      no_data: promote
      max_wait: 3s
`

// Who waits for a promotion sees it end, although the server is killed meanwhile.
func TestAPromotionIsFollowedThroughAKilledServer(t *testing.T) {
	t.Parallel()
	needsServe(t)
	dir, work, port := t.TempDir(), t.TempDir(), freePort(t)
	w := world.StartProcess(t, dir, "--port", port)
	require.NoError(t, os.WriteFile(filepath.Join(work, "slipway.yaml"), []byte(slowly), 0o600))
	for _, detector := range []string{"v1", "v4-better"} {
		require.NoError(t, writeModel(filepath.Join(work, detector), detector))
	}
	run := func(args ...string) {
		t.Helper()
		out, err := command(t.Context(), work, w.URL, args...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	run("pipeline", "apply")
	run("register", "shapes-detector", "--source", "v1")
	run("validate", "shapes-detector", "1", "--watch")
	run("promote", "shapes-detector", "1", "--env", "production", "--wait")
	run("register", "shapes-detector", "--source", "v4-better")
	run("validate", "shapes-detector", "2", "--watch")

	var out output
	promote := command(t.Context(), work, w.URL, "promote", "shapes-detector", "2", "--env", "production", "--wait")
	promote.Stdout, promote.Stderr = &out, &out
	require.NoError(t, promote.Start())
	require.Eventually(t, func() bool { return strings.Contains(out.String(), "step 1 of 2") }, 30*time.Second, 20*time.Millisecond, out.String())
	w.Kill()
	world.StartProcess(t, dir, "--port", port)
	require.NoError(t, promote.Wait(), out.String())
	require.Contains(t, out.String(), "shapes-detector 2 is live in production as release 2")
}

func command(ctx context.Context, dir, url string, args ...string) *exec.Cmd {
	cmd := world.Command(ctx, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "SLIPWAY_URL="+url)
	return cmd
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

// output is what a command has written so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
