package process_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/deploy/deploytest"
	"github.com/slipway-ml/slipway/deploy/process"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/tests/testbed"
)

// shell is a run of a shell script in a folder of its own.
func shell(t *testing.T, script string) (deploy.RunSpec, *bytes.Buffer) {
	t.Helper()
	out := &bytes.Buffer{}
	return deploy.RunSpec{
		ID: t.Name(), Server: "test-" + strconv.Itoa(os.Getpid()), Command: []string{"sh", "-c", script}, Dir: t.TempDir(),
		Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin"}, Timeout: time.Minute, Output: out,
	}, out
}

func TestHowARunEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script string
		change func(*deploy.RunSpec)
		ending deploy.Ending
		code   int
		detail string
	}{
		"a run that succeeds":              {script: "exit 0", ending: deploy.EndedExit, detail: "exit code 0"},
		"a run that fails tells its code":  {script: "exit 7", ending: deploy.EndedExit, code: 7, detail: "exit code 7"},
		"a crash names its signal":         {script: "kill -SEGV $$", ending: deploy.EndedSignal, detail: "segmentation fault"},
		"a kill from outside is no limit":  {script: "kill -KILL $$", ending: deploy.EndedSignal, detail: "from outside"},
		"an endless run meets its timeout": {script: "sleep 600", change: func(s *deploy.RunSpec) { s.Timeout = 200 * time.Millisecond }, ending: deploy.EndedTimeout, detail: "still running after 200ms"},
		"a run deaf to TERM meets it too":  {script: "trap '' TERM HUP INT; while :; do sleep 1; done", change: func(s *deploy.RunSpec) { s.Timeout = 200 * time.Millisecond }, ending: deploy.EndedTimeout, detail: "still running"},
		"a busy run uses up its CPU time":  {script: "while :; do :; done", change: func(s *deploy.RunSpec) { s.CPUSeconds = 1 }, ending: deploy.EndedTimeout, detail: "used its 1 seconds of CPU"},
		"a large file is refused":          {script: "exec dd if=/dev/zero of=big bs=1M count=2", change: func(s *deploy.RunSpec) { s.FileBytes = 1 << 20 }, ending: deploy.EndedSignal, detail: "file larger"},
		"a file without a name counts": {
			script: "exec 3>x; rm x; dd if=/dev/zero bs=1M count=64 >&3; sleep 600",
			change: func(s *deploy.RunSpec) { s.DiskBytes = 16 << 20 }, ending: deploy.EndedDisk, detail: "its limit is 16 MiB",
		},
		"many processes are refused": {script: "for i in 1 2 3 4 5 6 7 8; do sleep 600 & done; wait", change: func(s *deploy.RunSpec) { s.Processes = 4 }, ending: deploy.EndedProcesses, detail: "its limit is 4"},
		"much memory is refused":     {script: "exec tail /dev/zero", change: func(s *deploy.RunSpec) { s.MemoryBytes = 64 << 20 }, ending: deploy.EndedMemory, detail: "its limit is 64 MiB"},
		"memory is counted over all its processes": {
			script: `hold() { head -c 40000000 /dev/zero | tail -c 40000000 | (sleep 600; cat >/dev/null); }; hold & hold & wait`,
			change: func(s *deploy.RunSpec) { s.MemoryBytes = 64 << 20 }, ending: deploy.EndedMemory, detail: "its limit is 64 MiB",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec, _ := shell(t, c.script)
			if c.change != nil {
				c.change(&spec)
			}
			got, err := process.Runner{}.Run(t.Context(), spec)
			require.NoError(t, err)
			require.Equal(t, c.ending, got.Ending, got.Detail)
			require.Equal(t, c.code, got.ExitCode)
			require.Contains(t, got.Detail, c.detail)
		})
	}
}

func TestPeakMemoryIsTheRunsOwn(t *testing.T) {
	t.Parallel()
	spec, _ := shell(t, "exec sleep 0.3")
	got, err := process.Runner{}.Run(t.Context(), spec)
	require.NoError(t, err)
	require.Less(t, got.PeakRSS, int64(8<<20), "a small program's")
	require.Positive(t, got.PeakRSS)
	spec, _ = shell(t, "head -c 150000000 /dev/zero | tail -c 150000000 >/dev/null")
	got, err = process.Runner{}.Run(t.Context(), spec)
	require.NoError(t, err)
	require.Greater(t, got.PeakRSS, int64(64<<20))
}

func TestARunSeesItsOwnEnvironmentAlone(t *testing.T) {
	t.Setenv("SLIPWAY_SECRET", "hidden")
	spec, out := shell(t, "env; pwd; ls /proc/self/fd | wc -l; cat /proc/$PPID/environ | tr '\\0' '\\n'")
	spec.Env = append(spec.Env, "GIVEN=yes")
	got, err := process.Runner{}.Run(t.Context(), spec)
	require.NoError(t, err)
	require.Zero(t, got.ExitCode, out)
	require.Contains(t, out.String(), "GIVEN=yes")
	require.Contains(t, out.String(), spec.Dir)
	require.Contains(t, out.String(), "\n4\n", "its three streams and the folder that ls reads")
	require.NotContains(t, out.String(), "hidden")
}

func TestARunSeesWhatItMayUse(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	own, out, shown := filepath.Join(data, "work", "7"), filepath.Join(data, "work", "out"), filepath.Join(data, "cache")
	for _, dir := range []string{own, out, shown} {
		require.NoError(t, os.MkdirAll(dir, 0o750))
	}
	require.NoError(t, os.WriteFile(filepath.Join(shown, "file"), []byte("shown\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(data, "slipway.db"), []byte("secret"), 0o600))
	link := filepath.Join(t.TempDir(), "way-in")
	require.NoError(t, os.Symlink(data, link))
	spec, log := shell(t, `echo mine >mine; echo out >`+out+`/out; cat mine `+out+`/out `+shown+`/file; grep -c root: /etc/passwd; echo x >/tmp/x
		echo >`+shown+`/new; cat `+data+`/slipway.db `+link+`/slipway.db; echo x >`+data+`/new; kill -9 $PPID
		ls `+data+` `+data+`/work | tr '\n' ' '; exit 0`)
	spec.Dir, spec.Write, spec.Read = own, []string{out}, []string{shown}
	r := process.Runner{Private: []string{data, "/no/such/folder"}}
	got, err := r.Run(t.Context(), spec)
	require.NoError(t, err)
	require.Equal(t, "exit code 0", got.Detail, log)
	require.True(t, strings.HasPrefix(log.String(), "mine\nout\nshown\n1\n"), log)
	require.NotContains(t, log.String(), "secret")
	require.Contains(t, log.String(), data+": cache work  "+data+"/work: 7 out", "nothing else is there")
	require.NoFileExists(t, filepath.Join(data, "new"))
	require.NoFileExists(t, filepath.Join(shown, "new"))
	for _, file := range []string{filepath.Join(own, "mine"), filepath.Join(out, "out")} {
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.Geteuid(), int(info.Sys().(*syscall.Stat_t).Uid), "it is given back")
	}
}

// marked counts the processes, of the whole machine, whose command line holds
// a mark: a run's own ids say nothing outside of it.
func marked(t *testing.T, mark string) int {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	n := 0
	for _, l := range lines {
		if line, _ := os.ReadFile(l); strings.Contains(string(line), mark) {
			n++
		}
	}
	return n
}

// mark is a duration that nobody else sleeps.
func mark() string { return fmt.Sprintf("600.%09d", rand.IntN(1e9)) }

// Of a run nothing stays: a grandchild in a session and an environment of its
// own, orphaned at once, is the hardest.
func hides(mark string) string {
	return "env -i setsid sh -c 'echo $$ >hidden; exec sleep " + mark + "' >/dev/null 2>&1 &\nwhile ! [ -s hidden ]; do sleep 0.01; done; "
}

func TestWhatARunLeftRunningIsEnded(t *testing.T) {
	t.Parallel()
	mark := mark()
	spec, _ := shell(t, hides(mark))
	got, err := process.Runner{}.Run(t.Context(), spec)
	require.NoError(t, err)
	require.Equal(t, deploy.EndedExit, got.Ending)
	require.Contains(t, got.Detail, "left running")
	require.Zero(t, marked(t, mark))
}

func TestARunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	mark := mark()
	spec, _ := shell(t, hides(mark)+"exec sleep 600")
	ctx, cancel := context.WithCancel(t.Context())
	p, err := process.Runner{}.Start(ctx, spec)
	require.NoError(t, err)
	awaitFile(t, filepath.Join(spec.Dir, "hidden"))
	require.Positive(t, marked(t, mark))
	cancel()
	require.Equal(t, deploy.EndedCancel, p.Wait().Ending)
	require.Zero(t, marked(t, mark))
}

func TestStopLetsARunFinish(t *testing.T) {
	t.Parallel()
	spec, out := shell(t, "trap 'echo bye; exit 0' TERM; echo up >up; while :; do sleep 0.01; done")
	p, err := process.Runner{}.Start(t.Context(), spec)
	require.NoError(t, err)
	awaitFile(t, filepath.Join(spec.Dir, "up"))
	got := p.Stop(30 * time.Second)
	require.Equal(t, deploy.EndedCancel, got.Ending)
	require.Less(t, got.Duration, 20*time.Second)
	require.Contains(t, out.String(), "bye\n")
	require.Equal(t, got, p.Stop(0), "stopping again tells the same")
}

func TestWhatCannotBeStarted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*deploy.RunSpec)
		want   string
	}{
		"no command":         {func(s *deploy.RunSpec) { s.Command = nil }, "has no command"},
		"an unknown program": {func(s *deploy.RunSpec) { s.Command = []string{"no-such-program"} }, "no-such-program"},
		"no folder":          {func(s *deploy.RunSpec) { s.Dir = "/no/such/folder" }, "working folder"},
		"a relative folder":  {func(s *deploy.RunSpec) { s.Dir = "here" }, "no absolute path"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec, _ := shell(t, "true")
			c.change(&spec)
			_, err := process.Runner{}.Run(t.Context(), spec)
			require.ErrorContains(t, err, c.want)
			require.Equal(t, models.KindInvalid, models.KindOf(err))
		})
	}
}

// The server of this test is a process of its own, so that it can be killed.
func TestARunEndsWhenItsServerIsKilled(t *testing.T) {
	t.Parallel()
	dir, mark := t.TempDir(), mark()
	server := exec.Command(os.Args[0], "-test.run=^TestServerToKill$")
	server.Env = append(os.Environ(), "SLIPWAY_TEST_RUN_IN="+dir, "SLIPWAY_TEST_MARK="+mark, "TMPDIR="+t.TempDir())
	require.NoError(t, server.Start())
	awaitFile(t, filepath.Join(dir, "hidden"))
	require.NoError(t, server.Process.Kill())
	_ = server.Wait()
	require.NoError(t, process.Runner{}.Clean(t.Context(), "killed-"+filepath.Base(filepath.Dir(dir))))
	require.Zero(t, marked(t, mark))
}

func TestServerToKill(t *testing.T) {
	dir := os.Getenv("SLIPWAY_TEST_RUN_IN")
	if dir == "" {
		t.Skip("a part of TestARunEndsWhenItsServerIsKilled")
	}
	spec, _ := shell(t, hides(os.Getenv("SLIPWAY_TEST_MARK"))+"exec sleep 600")
	spec.Dir, spec.Server = dir, "killed-"+filepath.Base(filepath.Dir(dir))
	_, err := process.Runner{}.Run(t.Context(), spec)
	require.NoError(t, err)
}

func TestARunWhoseSupervisorIsKilledEnds(t *testing.T) {
	t.Parallel()
	mark := mark()
	spec, _ := shell(t, hides(mark)+"exec sleep 600")
	spec.Server = "killed-" + mark
	p, err := process.Runner{}.Start(t.Context(), spec)
	require.NoError(t, err)
	awaitFile(t, filepath.Join(spec.Dir, "hidden"))
	require.Equal(t, 1, marked(t, "slipway-supervise\x00"+spec.Server))
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, l := range lines {
		if line, _ := os.ReadFile(l); strings.HasPrefix(string(line), "slipway-supervise\x00"+spec.Server) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(l)))
			require.NoError(t, err)
			require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		}
	}
	require.Equal(t, "the run's supervisor was killed", p.Wait().Detail)
	require.Eventually(t, func() bool { return marked(t, mark) == 0 }, 5*time.Second, 10*time.Millisecond)
}

// awaitFile waits until a file has something in it.
func awaitFile(t *testing.T, path string) {
	t.Helper()
	require.Eventually(t, func() bool {
		info, err := os.Stat(path)
		return err == nil && info.Size() > 0
	}, 20*time.Second, 5*time.Millisecond, path)
}

// A program of the operator's may keep a folder that several runs of it use at
// once: it is not given to one of them.
func TestARunOfTheServersOwnUser(t *testing.T) {
	t.Parallel()
	kept := t.TempDir()
	spec, out := shell(t, "id -u; umask; echo x >"+kept+"/x; cat /proc/self/status | grep CapEff")
	spec.Write, spec.AsServer = []string{kept}, true
	got, err := process.Runner{}.Run(t.Context(), spec)
	require.NoError(t, err)
	require.Equal(t, "exit code 0", got.Detail, out)
	require.Contains(t, out.String(), strconv.Itoa(os.Geteuid())+"\n0022\n")
	require.Contains(t, out.String(), "CapEff:\t0000000000000000", "without root's rights")
	info, err := os.Stat(filepath.Join(kept, "x"))
	require.NoError(t, err)
	require.EqualValues(t, os.Geteuid(), info.Sys().(*syscall.Stat_t).Uid)
}

func TestAttacks(t *testing.T) {
	t.Parallel()
	data, server, python := t.TempDir(), "attack-"+strconv.Itoa(os.Getpid()), testbed.BasePython(t)
	deploytest.Attack(t, &deploytest.Arena{
		Runner: process.Runner{Private: []string{data}, Read: []string{filepath.Dir(filepath.Dir(python))}},
		Data:   data, Server: server, Python: python,
		Left: func(t *testing.T) int {
			t.Helper()
			return marked(t, "slipway-supervise\x00"+server) + marked(t, "600.5")
		},
	})
}

func TestARunHasTheCoresThatItMay(t *testing.T) {
	t.Parallel()
	for cpus, want := range map[float64]string{0.5: "1\n", 1: "1\n", 0: strconv.Itoa(runtime.NumCPU()) + "\n"} {
		spec, out := shell(t, "nproc")
		spec.CPUs = cpus
		got, err := process.Runner{}.Run(t.Context(), spec)
		require.NoError(t, err)
		require.Equal(t, "exit code 0", got.Detail)
		require.Equal(t, want, out.String())
	}
}

// An open run uses this machine's network, and names as it resolves them.
func TestAnOpenRunIsOnThisMachinesNetwork(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	spec, out := shell(t, "")
	spec.Open = true
	self, err := os.Executable()
	require.NoError(t, err)
	spec.Command, spec.Env = []string{self}, []string{"SLIPWAY_TEST_DIAL=" + l.Addr().String()}
	got, err := process.Runner{}.Run(t.Context(), spec)
	require.NoError(t, err)
	require.Equal(t, "exit code 0", got.Detail)
	require.Contains(t, out.String(), ": <nil>")
}
