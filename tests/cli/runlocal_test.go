package cli_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

// A run that is interrupted leaves nothing: no process of its steps, no folder.
func TestALocalRunThatIsInterruptedIsGone(t *testing.T) {
	t.Parallel()
	work, temp := t.TempDir(), t.TempDir()
	long := strconv.Itoa(100_000 + os.Getpid()) // seconds, such as nobody else sleeps
	require.NoError(t, os.Mkdir(filepath.Join(work, "model"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(work, "model", "MLmodel"), []byte("flavors: {}\n"), 0o600)) // nothing to be served
	require.NoError(t, os.WriteFile(filepath.Join(work, "slipway.yaml"), []byte(
		"model: m\nvalidation:\n  steps:\n    - name: slow\n      run: sleep "+long+"\nenvironments:\n  production: {target: process}\n"), 0o600))
	var out output
	run := world.Command(t.Context(), "run-local", "--model", "model")
	run.Dir, run.Env = work, append(os.Environ(), "TMPDIR="+temp)
	run.Stdout, run.Stderr = &out, &out
	require.NoError(t, run.Start())
	require.Eventually(t, func() bool { return running("sleep\x00" + long + "\x00") }, 30*time.Second, 20*time.Millisecond, out.String())
	require.NoError(t, run.Process.Signal(syscall.SIGINT))
	_ = run.Wait()
	require.Equal(t, 130, run.ProcessState.ExitCode(), out.String())
	require.Contains(t, out.String(), "slipway: interrupted")
	require.False(t, running("sleep\x00"+long+"\x00"))
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	require.Empty(t, left)
}

// running tells whether a process of this command line lives.
func running(line string) bool {
	found, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range found {
		text, err := os.ReadFile(file)
		if err == nil && strings.HasSuffix(string(text), line) {
			return true
		}
	}
	return false
}
