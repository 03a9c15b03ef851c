package world

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/cmd/slipway/cli"
	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/deploy/process"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
)

// asCommand is the name by which this test program knows that it is to be the
// slipway command: so a test starts what was compiled, and nothing older.
const asCommand = "slipway-under-test"

// Main is the TestMain of a package that starts servers.
func Main(m *testing.M) {
	process.Supervise()
	if IsCommand() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		code := cli.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
		stop()
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// IsCommand tells whether this program was started by Command; Main is its main
// then.
func IsCommand() bool { return os.Args[0] == asCommand }

// Command is the slipway command with args, not yet started.
func Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", args...)
	cmd.Args[0] = asCommand
	return cmd
}

// Process is a server in a process of its own, which a test may kill.
type Process struct {
	*World
	cmd  *exec.Cmd
	done chan struct{}
	once sync.Once

	mu  sync.Mutex
	log []string
}

// StartProcess runs slipway server on a data folder, on a free port.
func StartProcess(t testing.TB, dir string, flags ...string) *Process {
	t.Helper()
	return StartProcessWith(t, dir, nil, flags...)
}

// StartProcessWith is StartProcess with more of an environment.
func StartProcessWith(t testing.TB, dir string, env []string, flags ...string) *Process {
	t.Helper()
	args := append([]string{"server", "--port", "0", "--data-dir", dir, "--runtime-dir", filepath.Join(Root(), "bin")}, flags...)
	cmd := Command(context.Background(), args...)
	cmd.Env = append(cmd.Environ(), env...)
	stores := config.Config{DataDir: dir}
	keepInS3(t, &stores)
	for name, value := range map[string]string{
		"SLIPWAY_BACKEND_STORE_URI":     postgres.Of(t, dir),
		"SLIPWAY_ARTIFACTS_DESTINATION": stores.ArtifactsDestination, "SLIPWAY_S3_ENDPOINT": stores.S3Endpoint,
	} {
		if value != "" {
			cmd.Env = append(cmd.Environ(), name+"="+value)
		}
	}
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	p := &Process{World: &World{Dir: dir, files: filesOf(stores), t: t}, cmd: cmd, done: make(chan struct{})}
	ready := make(chan string, 1)
	go p.follow(stderr, ready)
	p.stop = p.Term
	t.Cleanup(p.stop)
	select {
	case p.URL = <-ready:
		require.NotEmpty(t, p.URL, "the server ended before it was ready")
	case <-time.After(30 * time.Second):
		require.Fail(t, "the server was not ready within 30 s")
	}
	return p
}

// follow reads the server's log for its address, to the end of the process.
func (p *Process) follow(stderr io.Reader, ready chan<- string) {
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if os.Getenv("SLIPWAY_TEST_LOG") != "" {
			_, _ = os.Stderr.Write(append(lines.Bytes(), '\n'))
		}
		p.mu.Lock()
		p.log = append(p.log, lines.Text())
		p.mu.Unlock()
		var line struct{ Msg, URL string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "slipway is ready" {
			ready <- line.URL
		}
	}
	_ = p.cmd.Wait()
	close(ready)
	close(p.done)
}

// Kill ends the server with SIGKILL, as a power cut does.
func (p *Process) Kill() { p.end(syscall.SIGKILL) }

// Term asks the server to stop and waits until it has.
func (p *Process) Term() { p.end(syscall.SIGTERM) }

func (p *Process) end(signal syscall.Signal) {
	p.once.Do(func() { _ = p.cmd.Process.Signal(signal) })
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		_ = p.cmd.Process.Kill()
		p.t.Errorf("the server did not end within 30 s of %s", signal)
	}
}

// Logged gives the lines that the server has logged.
func (p *Process) Logged() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.log)
}

// Pid is the server's process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }
