package world

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/cmd/slipway/cli"
	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/deploy/docker"
	"github.com/slipway-ml/slipway/deploy/process"
	"github.com/slipway-ml/slipway/tests/testbed"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
)

// asCommand is the name by which this test program knows that it is to be the
// slipway command: so a test starts what was compiled, and nothing older.
const asCommand = "slipway-under-test"

// Main is the TestMain of a package that starts servers.
func Main(m *testing.M) {
	process.Supervise()
	docker.Init()
	if IsCommand() {
		if os.Getenv(tied) != "" {
			_ = os.Unsetenv(tied)
			go func() { // to the test program's end, however that ends
				_, _ = io.Copy(io.Discard, os.Stdin)
				os.Exit(1)
			}()
		}
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		code := cli.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
		stop()
		os.Exit(code)
	}
	temp, err := testbed.OwnTemp()
	if err != nil {
		panic(err)
	}
	code := m.Run()
	_ = temp.Close()
	os.Exit(code)
}

// tied names what tells a server that it ends with its test program: its
// standard input ends then.
const tied = "SLIPWAY_TEST_TIED"

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
	cmd   *exec.Cmd
	ready chan struct{}
	done  chan struct{}
	once  sync.Once

	mu  sync.Mutex
	log []string
	new chan struct{} // closed when a line has come
}

// StartProcess runs slipway server on a data folder, on a free port.
func StartProcess(t testing.TB, dir string, flags ...string) *Process {
	t.Helper()
	return StartProcessWith(t, dir, nil, flags...)
}

// StartProcessWith is StartProcess with more of an environment.
func StartProcessWith(t testing.TB, dir string, env []string, flags ...string) *Process {
	t.Helper()
	p := launch(t, dir, env, flags)
	require.NoError(t, p.Ready())
	return p
}

// LaunchProcess is StartProcess for a server that may not come up, or that a
// test kills before it has.
func LaunchProcess(t testing.TB, dir string, flags ...string) *Process {
	t.Helper()
	return launch(t, dir, nil, flags)
}

func launch(t testing.TB, dir string, env, flags []string) *Process {
	t.Helper()
	args := append([]string{"server", "--port", "0", "--data-dir", dir, "--runtime-dir", filepath.Join(Root(), "bin")}, flags...)
	stores := config.Config{DataDir: dir}
	keepInS3(t, &stores) // and its keys into the environment
	cmd := Command(context.Background(), args...)
	cmd.Env = append(cmd.Environ(), env...)
	for name, value := range map[string]string{
		"SLIPWAY_BACKEND_STORE_URI":     postgres.Of(t, dir),
		"SLIPWAY_ARTIFACTS_DESTINATION": stores.ArtifactsDestination, "SLIPWAY_S3_ENDPOINT": stores.S3Endpoint,
	} {
		if value != "" {
			cmd.Env = append(cmd.Environ(), name+"="+value)
		}
	}
	cmd.Env = append(cmd.Environ(), tied+"=1")
	_, err := cmd.StdinPipe()
	require.NoError(t, err)
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	p := &Process{World: &World{Dir: dir, files: filesOf(stores), t: t}, cmd: cmd, ready: make(chan struct{}), done: make(chan struct{}), new: make(chan struct{})}
	go p.follow(stderr)
	p.stop = p.Term
	t.Cleanup(p.stop)
	return p
}

// Ready waits until the server answers; its error is what a server wrote that
// ended before.
func (p *Process) Ready() error {
	select {
	case <-p.ready:
		return nil
	case <-p.done:
		return errors.New(p.lastLine())
	case <-time.After(time.Minute):
		return errors.New("the server was not ready within a minute: " + p.lastLine())
	}
}

// Logs waits until a line with one of these texts is in the server's log, and
// tells whether one came within two minutes and before the server ended.
func (p *Process) Logs(texts ...string) bool {
	late := time.After(2 * time.Minute)
	holds := func(line string) bool {
		return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(line, text) })
	}
	for {
		p.mu.Lock()
		found, next, ended := slices.ContainsFunc(p.log, holds), p.new, p.Ended()
		p.mu.Unlock()
		if found || ended {
			return found
		}
		select {
		case <-next:
		case <-p.done:
		case <-late:
			return false
		}
	}
}

func (p *Process) lastLine() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.log) == 0 {
		return "the server wrote nothing"
	}
	return p.log[len(p.log)-1]
}

// follow reads the server's log, to the end of the process.
func (p *Process) follow(stderr io.Reader) {
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if os.Getenv("SLIPWAY_TEST_LOG") != "" {
			_, _ = os.Stderr.Write(append(lines.Bytes(), '\n'))
		}
		var line struct{ Msg, URL string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "slipway is ready" {
			p.URL = line.URL
			close(p.ready)
		}
		p.mu.Lock()
		p.log = append(p.log, lines.Text())
		close(p.new)
		p.new = make(chan struct{})
		p.mu.Unlock()
	}
	_ = p.cmd.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
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

// Ended tells whether the server has ended by itself or by a signal.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}
