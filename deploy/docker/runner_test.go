package docker_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/deploy/deploytest"
	"github.com/slipway-ml/slipway/deploy/docker"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/tests/testbed"
	engine "github.com/slipway-ml/slipway/tests/testbed/docker"
)

func runner(t *testing.T, host string) *docker.Runner {
	t.Helper()
	r, err := docker.NewRunner(docker.RunnerOptions{Host: host, Init: filepath.Join(testbed.Bin(t), "slipway")})
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// containers counts those of an Engine.
func containers(t *testing.T, host string) int {
	t.Helper()
	raw, err := client.NewClientWithOpts(client.WithHost(host), client.WithAPIVersionNegotiation())
	require.NoError(t, err)
	defer raw.Close()
	found, err := raw.ContainerList(context.WithoutCancel(t.Context()), container.ListOptions{All: true})
	require.NoError(t, err)
	return len(found)
}

func TestAttacks(t *testing.T) {
	t.Parallel()
	host := engine.Start(t)
	deploytest.Attack(t, &deploytest.Arena{
		Slow: true, Runner: runner(t, host), Data: t.TempDir(), Server: "attack-" + strconv.Itoa(os.Getpid()),
		Python: testbed.BasePython(t), Image: engine.Image(t, host),
		Left: func(t *testing.T) int { t.Helper(); return containers(t, host) },
	})
}

// lasting is a run that lasts until it is ended.
func lasting(t *testing.T, image string) deploy.RunSpec {
	t.Helper()
	return deploy.RunSpec{
		ID: "lasting", Server: "lasting-" + strconv.Itoa(os.Getpid()), Command: []string{"sh", "-c", "echo up >up; exec sleep 600"}, Dir: t.TempDir(), Image: image,
		Env: []string{"PATH=/usr/bin:/bin"}, CPUs: 0.5, MemoryBytes: 64 << 20, Processes: 8,
	}
}

func awaitFile(t *testing.T, path string) {
	t.Helper()
	require.Eventually(t, func() bool {
		info, err := os.Stat(path)
		return err == nil && info.Size() > 0
	}, time.Minute, 10*time.Millisecond, path)
}

func TestARunsContainerHasItsLimitsAndIsNoInstance(t *testing.T) {
	t.Parallel()
	host := engine.Start(t)
	spec := lasting(t, engine.Image(t, host))
	p, err := runner(t, host).Start(t.Context(), spec)
	require.NoError(t, err)
	raw, err := client.NewClientWithOpts(client.WithHost(host), client.WithAPIVersionNegotiation())
	require.NoError(t, err)
	defer raw.Close()
	found, err := raw.ContainerList(t.Context(), container.ListOptions{All: true})
	require.NoError(t, err)
	require.Len(t, found, 1)
	c, err := raw.ContainerInspect(t.Context(), found[0].ID)
	require.NoError(t, err)
	require.Equal(t, int64(5e8), c.HostConfig.NanoCPUs)
	require.Equal(t, int64(64<<20), c.HostConfig.Memory)
	require.Equal(t, container.NetworkMode("none"), c.HostConfig.NetworkMode)
	require.NotEqual(t, "0:0", c.Config.User)
	require.Equal(t, spec.Server, c.Config.Labels["slipway.server"])
	require.Equal(t, "lasting", c.Config.Labels["slipway.run"])
	list, err := open(t, host).List(t.Context(), spec.Server)
	require.NoError(t, err)
	require.Empty(t, list)
	require.Equal(t, deploy.EndedCancel, p.Stop(0).Ending)
	require.Zero(t, containers(t, host))
}

func TestWhatNoContainerIsStartedOf(t *testing.T) {
	t.Parallel()
	host := engine.Start(t)
	image, r := engine.Image(t, host), runner(t, host)
	for name, c := range map[string]struct {
		change func(*deploy.RunSpec)
		kind   models.Kind
		want   string
	}{
		"no image":                     {func(s *deploy.RunSpec) { s.Image = "" }, models.KindInvalid, "names no image"},
		"a name that is none":          {func(s *deploy.RunSpec) { s.Image = "No Name" }, models.KindInvalid, "No Name"},
		"an image that is not here":    {func(s *deploy.RunSpec) { s.Image = "127.0.0.1:1/team/tests:3" }, models.KindUnavailable, "at " + host + " has no image 127.0.0.1:1/team/tests:3 and cannot pull it"},
		"a command that is not in it":  {func(s *deploy.RunSpec) { s.Command = []string{"no-such-program"} }, models.KindInvalid, "no-such-program cannot be started"},
		"a folder that is not there":   {func(s *deploy.RunSpec) { s.Dir = "/no/such/folder" }, models.KindInvalid, "is no folder"},
		"something to read that is no": {func(s *deploy.RunSpec) { s.Read = []string{"/no/such/file"} }, models.KindInternal, "/no/such/file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := lasting(t, image)
			c.change(&spec)
			_, err := r.Run(t.Context(), spec)
			require.ErrorContains(t, err, c.want)
			require.Equal(t, c.kind, models.KindOf(err), err)
		})
	}
	t.Cleanup(func() { require.Zero(t, containers(t, host)) })
}

// The server of this test is a process of its own, so that it can be killed.
func TestARunsContainerEndsWhenItsServerIsKilled(t *testing.T) {
	t.Parallel()
	host, dir := engine.Start(t), t.TempDir()
	engine.Image(t, host)
	server := exec.Command(os.Args[0], "-test.run=^TestServerToKill$")
	server.Env = append(os.Environ(), "SLIPWAY_TEST_RUN_IN="+dir, "SLIPWAY_TEST_DOCKER="+host)
	require.NoError(t, server.Start())
	awaitFile(t, filepath.Join(dir, "up"))
	require.NoError(t, server.Process.Kill())
	_ = server.Wait()
	raw, err := client.NewClientWithOpts(client.WithHost(host), client.WithAPIVersionNegotiation())
	require.NoError(t, err)
	defer raw.Close()
	require.Eventually(t, func() bool {
		running, err := raw.ContainerList(t.Context(), container.ListOptions{})
		return err == nil && len(running) == 0
	}, 5*time.Second, 20*time.Millisecond, "it ends by itself")
	require.Equal(t, 1, containers(t, host))
	require.NoError(t, runner(t, host).Clean(t.Context(), "another"))
	require.Equal(t, 1, containers(t, host))
	require.NoError(t, runner(t, host).Clean(t.Context(), "killed"))
	require.Zero(t, containers(t, host))
}

func TestServerToKill(t *testing.T) {
	dir := os.Getenv("SLIPWAY_TEST_RUN_IN")
	if dir == "" {
		t.Skip("a part of TestARunsContainerEndsWhenItsServerIsKilled")
	}
	host := os.Getenv("SLIPWAY_TEST_DOCKER")
	spec := lasting(t, engine.Image(t, host))
	spec.Dir, spec.Server = dir, "killed"
	_, err := runner(t, host).Run(t.Context(), spec)
	require.NoError(t, err)
}

func TestAnEngineThatDiesMidway(t *testing.T) {
	t.Parallel()
	host := engine.Start(t)
	r, spec := runner(t, host), lasting(t, engine.Image(t, host))
	mark := fmt.Sprintf("600.%09d", rand.IntN(1e9))
	spec.Command[2] = "echo up >up; exec sleep " + mark
	ended := make(chan error, 1)
	go func() {
		_, err := r.Run(t.Context(), spec)
		ended <- err
	}()
	awaitFile(t, filepath.Join(spec.Dir, "up"))
	restart := engine.Kill(t, host)
	select {
	case err := <-ended:
		require.Equal(t, models.KindUnavailable, models.KindOf(err), err)
	case <-time.After(10 * time.Second):
		t.Fatal("the run has not ended")
	}
	require.Eventually(t, func() bool { return !runs(t, mark) }, 5*time.Second, 20*time.Millisecond, "it has ended without the Engine")
	restart()
	spec.Command[2] = "exit 4"
	got, err := r.Run(t.Context(), spec)
	require.NoError(t, err)
	require.Equal(t, 4, got.ExitCode, got.Detail)
	require.Zero(t, containers(t, host), "what was left is removed")
}

// runs tells whether a process of this machine has a mark in its command line.
func runs(t *testing.T, mark string) bool {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	return slices.ContainsFunc(lines, func(l string) bool {
		line, _ := os.ReadFile(l)
		return strings.Contains(string(line), mark) && !strings.HasPrefix(string(line), "containerd")
	})
}
