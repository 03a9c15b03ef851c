// Package demo plays "make demo", which exits 0 only if everything happened as
// it tells.
package demo_test

import (
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/testbed"
)

func TestTheDemoHappensAsTold(t *testing.T) {
	t.Parallel()
	testbed.Bin(t)
	command := exec.CommandContext(t.Context(), testbed.Python(t), filepath.Join(testbed.Root(t), "examples", "demo", "demo.py"))
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) } // it cleans up
	command.WaitDelay = time.Minute
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "nothing is left running")
}
