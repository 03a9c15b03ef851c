package cli_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/testbed"
	"github.com/slipway-ml/slipway/tests/world"
)

// typing runs a command on a terminal and types a line when it asks; what the
// terminal showed is its output.
const typing = `
import os, pty, sys
line, program, args = sys.argv[1], sys.argv[2], sys.argv[3:]
pid, terminal = pty.fork()
if pid == 0:
    os.execv(program, args)
shown, typed = b"", False
while True:
    try:
        more = os.read(terminal, 4096)
    except OSError:
        break
    if not more:
        break
    shown += more
    if b": " in shown and not typed:
        typed = os.write(terminal, line.encode() + b"\n")
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`

// TestASecretTypedOnATerminal is not seen there.
func TestASecretTypedOnATerminal(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	command := world.Command(t.Context(), "secret", "set", "KEY", "--url", w.URL)
	program, err := os.Executable()
	require.NoError(t, err)
	args := append([]string{"-c", typing, "typed s3cr3t", program}, command.Args...)
	ask := exec.CommandContext(t.Context(), testbed.Python(t), args...)
	ask.Env = command.Environ()
	shown, err := ask.CombinedOutput()
	require.NoError(t, err, string(shown))
	require.Contains(t, string(shown), "value of KEY: ")
	require.Contains(t, string(shown), "KEY is set (global, revision 1)")
	require.NotContains(t, string(shown), "s3cr3t")

	var kept map[string]any
	require.NoError(t, json.Unmarshal(w.Do(http.MethodGet, "/api/v1/secrets/KEY", nil).Body, &kept))
	require.Equal(t, true, kept["readable"])
}
