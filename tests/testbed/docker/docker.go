// Package docker starts a Docker Engine for a test.
package docker

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

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

// Kill ends an Engine that Start started, all at once, and gives the function
// that starts it again on what it left.
func Kill(t testing.TB, host string) (restart func()) {
	t.Helper()
	pidFile := filepath.Join(filepath.Dir(strings.TrimPrefix(host, "unix://")), "pid")
	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Skipf("the Engine at %s is not the test's own", host)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	return func() {
		args := strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
		for _, left := range []string{pidFile, filepath.Join(filepath.Dir(pidFile), "run", "containerd", "containerd.pid")} {
			_ = os.Remove(left) // it names one that has ended and may not have been reaped
		}
		again := exec.Command(args[0], args[1:]...)
		again.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		log, err := os.OpenFile(filepath.Join(filepath.Dir(pidFile), "log"), os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close()
		again.Stdout, again.Stderr = log, log
		if err := again.Start(); err != nil {
			t.Fatal(err)
		}
		go func() { _ = again.Wait() }()
		for range 600 {
			if exec.Command("docker", "--host", host, "version").Run() == nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		said, _ := os.ReadFile(log.Name())
		t.Fatalf("the Engine does not come back:\n%s", said[max(0, len(said)-2000):])
	}
}
