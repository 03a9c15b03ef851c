package process_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/deploy/deploytest"
	"github.com/slipway-ml/slipway/deploy/process"
	"github.com/slipway-ml/slipway/models"
)

func open(t *testing.T, dir string) *process.Target {
	t.Helper()
	target, err := process.New(process.Options{Dir: dir, Now: time.Now})
	require.NoError(t, err)
	return target
}

func TestTarget(t *testing.T) {
	t.Parallel()
	images := deploytest.SmallImages(t)
	dir := t.TempDir()
	deploytest.Exercise(t, func(t *testing.T) deploy.Target { t.Helper(); return open(t, dir) }, images)
}

// started is a ready instance of a small image.
func started(t *testing.T, dir string, change func(*deploy.InstanceSpec)) (*process.Target, deploy.Instance) {
	t.Helper()
	target, images := open(t, dir), deploytest.SmallImages(t)
	spec := deploy.InstanceSpec{ID: "one", Server: "test", ImageDigest: images.Good, Images: images}
	if change != nil {
		change(&spec)
	}
	_, err := target.Start(t.Context(), spec)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, target.Stop(context.WithoutCancel(t.Context()), "one", 0)) })
	return target, deploytest.Await(t, target, "one", deploy.StateReady)
}

func post(t *testing.T, url string) {
	t.Helper()
	res, err := http.Post(url, "", nil)
	if err == nil {
		res.Body.Close()
	}
}

func TestHowAnInstanceEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ path, reason string }{
		"by itself":        {"/crash", "exit code 7"},
		"out of its limit": {"/eat", "its limit is 128 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target, i := started(t, t.TempDir(), func(s *deploy.InstanceSpec) { s.MemoryBytes = 128 << 20 })
			post(t, "http://"+i.Address+c.path)
			require.Contains(t, deploytest.Await(t, target, "one", deploy.StateExited).Reason, c.reason)
		})
	}
}

func TestAnInstanceSeesItsOwnEnvironmentAlone(t *testing.T) {
	t.Setenv("SLIPWAY_SECRET", "hidden")
	dir := t.TempDir()
	_, i := started(t, dir, func(s *deploy.InstanceSpec) {
		s.Env, s.CPU = map[string]string{"CONFIDENCE": "0.25"}, 1.5
	})
	res, err := http.Get("http://" + i.Address + "/env")
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	tmp := filepath.Join(dir, "one", "own")
	require.Equal(t, "CONFIDENCE=0.25\nGOMAXPROCS=1\nHOME="+tmp+"\nTMPDIR="+tmp+"\nthreads=1\n", string(body))
}

// needLandlock skips a test where the kernel cannot hold a sandbox of an ABI.
func needLandlock(t *testing.T, abi uintptr) {
	t.Helper()
	have, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 || have < abi {
		t.Skipf("this kernel has no Landlock of ABI %d (Linux 6.7, with landlock among its LSMs)", abi)
	}
}

func TestAnInstanceUsesItsImageAlone(t *testing.T) {
	t.Parallel()
	needLandlock(t, 4)
	dir := t.TempDir()
	_, i := started(t, dir, nil)
	try := func(path string) int {
		res, err := http.Get("http://" + i.Address + path)
		require.NoError(t, err)
		defer res.Body.Close()
		return res.StatusCode
	}
	images, err := filepath.Glob(filepath.Join(dir, "images", "*", "rootfs", "model", "MLmodel"))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, try("/read?path="+images[0]))
	require.Equal(t, http.StatusForbidden, try("/read?path="+filepath.Join(dir, "one", "instance.json")))
	require.Equal(t, http.StatusForbidden, try("/read?path=/etc/passwd"))
	require.Equal(t, http.StatusForbidden, try("/read?path=/proc/"+strconv.Itoa(os.Getpid())+"/environ"), "nor the server's secrets")
	require.Equal(t, http.StatusForbidden, try("/dial?address="+i.Address), "it dials nobody")
}

func TestAStoppedInstanceLeavesNoProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target, _ := started(t, dir, nil)
	require.NoError(t, target.Stop(t.Context(), "one", time.Second))
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, l := range lines {
		line, _ := os.ReadFile(l)
		require.NotContains(t, string(line), dir)
	}
	require.NoDirExists(t, filepath.Join(dir, "one"))
}

func TestAKilledKeeperTakesItsInstanceAlong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target, i := started(t, dir, nil)
	var keeper struct{ PID int }
	text, err := os.ReadFile(filepath.Join(dir, "one", "keeper.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &keeper))
	require.NoError(t, syscall.Kill(keeper.PID, syscall.SIGKILL))
	require.Contains(t, deploytest.Await(t, target, "one", deploy.StateExited).Reason, "unseen")
	require.Eventually(t, func() bool {
		res, err := http.Get("http://" + i.Address + "/health")
		if err == nil {
			res.Body.Close()
		}
		return err != nil
	}, 10*time.Second, 10*time.Millisecond)
}

func TestAnImageIsKeptWhileAnInstanceIsMadeOfIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target, _ := started(t, dir, nil)
	unpacked := func() int {
		found, err := filepath.Glob(filepath.Join(dir, "images", "*", "rootfs"))
		require.NoError(t, err)
		return len(found)
	}
	require.Equal(t, 1, unpacked())
	killed := filepath.Join(dir, "images", ".unpacking-1")
	require.NoError(t, os.Mkdir(killed, 0o750))
	require.NoError(t, target.Stop(t.Context(), "another", 0))
	require.Equal(t, 1, unpacked())
	require.NoDirExists(t, killed, "what an unpack left that was killed")
	require.NoError(t, target.Stop(t.Context(), "one", time.Second))
	require.Zero(t, unpacked())
}

func TestWhatIsNoInstance(t *testing.T) {
	t.Parallel()
	images := deploytest.SmallImages(t)
	memory := images.Source.(*deploytest.Memory)
	spoilt := memory.Add(t, map[string]string{"slipway/bin/slipway-serve": "spoilt"})
	memory.Spoil(t, spoilt)
	for name, c := range map[string]struct {
		spec deploy.InstanceSpec
		want string
	}{
		"an id that leaves the folder":  {deploy.InstanceSpec{ID: "../x", ImageDigest: images.Good}, "instance id"},
		"an id that is our own":         {deploy.InstanceSpec{ID: "images", ImageDigest: images.Good}, "instance id"},
		"an image without its program":  {deploy.InstanceSpec{ID: "a", ImageDigest: memory.Add(t, map[string]string{"model/x": ""})}, "holds no /slipway/bin/slipway-serve"},
		"a program that is none":        {deploy.InstanceSpec{ID: "a", ImageDigest: memory.Add(t, map[string]string{"slipway/bin/slipway-serve": "#!/bin/sh"})}, "cannot be run here"},
		"an image with a changed layer": {deploy.InstanceSpec{ID: "a", ImageDigest: spoilt}, "others than its digest says"},
		"a layer that climbs out stays": {deploy.InstanceSpec{ID: "a", ImageDigest: memory.Add(t, map[string]string{"../../../escaped": ""})}, "holds no"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			c.spec.Images = images
			_, err := open(t, dir).Start(t.Context(), c.spec)
			require.ErrorContains(t, err, c.want)
			require.Equal(t, models.KindInvalid, models.KindOf(err))
			require.NoFileExists(t, filepath.Join(dir, "..", "escaped"))
		})
	}
}

// Whoever wins, what is left is an instance that is known, or none.
func TestStartingAndStoppingAtOnceLosesNone(t *testing.T) {
	t.Parallel()
	target, images := open(t, t.TempDir()), deploytest.SmallImages(t)
	spec := deploy.InstanceSpec{ID: "one", Server: "test", ImageDigest: images.Good, Images: images}
	for range 5 {
		started := make(chan error)
		go func() {
			_, err := target.Start(t.Context(), spec)
			started <- err
		}()
		require.NoError(t, target.Stop(t.Context(), "one", 0))
		require.NoError(t, <-started)
		i, err := target.Inspect(t.Context(), "one")
		require.NoError(t, err)
		require.Contains(t, []deploy.State{deploy.StateStarting, deploy.StateReady, deploy.StateGone}, i.State, i.Reason)
	}
	require.NoError(t, target.Stop(t.Context(), "one", 0))
}
