package world

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { Main(m) }

const killed = "SLIPWAY_TEST_KILLED"

// The program of a test is killed while its server runs: neither the server is
// left, nor a folder.
func TestAKilledProgramLeavesNothing(t *testing.T) {
	t.Parallel()
	if os.Getenv(killed) != "" { // this is the one
		p := StartProcess(t, t.TempDir())
		_, _ = fmt.Fprintln(os.Stderr, p.Dir, p.Pid())
		select {}
	}
	program := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run", "^"+t.Name()+"$")
	system := t.TempDir()
	program.Env = append(os.Environ(), killed+"=1", "TMPDIR="+system)
	stderr, err := program.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, program.Start())
	var dir string
	var pid int
	lines := bufio.NewScanner(stderr)
	require.True(t, lines.Scan())
	_, err = fmt.Sscan(lines.Text(), &dir, &pid)
	require.NoError(t, err, lines.Text())
	runs := func() bool { // the command of one that has ended is empty
		command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		return err == nil && len(command) > 0
	}
	require.True(t, runs())
	require.True(t, filepath.IsAbs(dir))
	require.NoError(t, program.Process.Kill())
	_ = program.Wait()
	require.Eventually(t, func() bool {
		left, err := os.ReadDir(system)
		return err == nil && len(left) == 0 && !runs()
	}, 30*time.Second, 50*time.Millisecond)
}
