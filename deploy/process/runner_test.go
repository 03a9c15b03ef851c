package process_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/deploy/process"
	"github.com/slipway-ml/slipway/models"
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
		"many processes are refused":       {script: "for i in 1 2 3 4 5 6 7 8; do sleep 600 & done; wait", change: func(s *deploy.RunSpec) { s.Processes = 4 }, ending: deploy.EndedProcesses, detail: "its limit is 4"},
		"much memory is refused":           {script: "exec tail /dev/zero", change: func(s *deploy.RunSpec) { s.MemoryBytes = 64 << 20 }, ending: deploy.EndedMemory, detail: "its limit is 64 MiB"},
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

func TestARunDoesNotSeeWhatIsPrivate(t *testing.T) {
	t.Parallel()
	needLandlock(t, 6)
	data := t.TempDir()
	own := filepath.Join(data, "work", "7")
	require.NoError(t, os.MkdirAll(own, 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(data, "slipway.db"), []byte("secret"), 0o600))
	link := filepath.Join(t.TempDir(), "way-in")
	require.NoError(t, os.Symlink(data, link))
	outside := filepath.Join(t.TempDir(), "outside")
	spec, out := shell(t, `echo mine >mine; cat mine; echo ours >`+outside+`; echo tmp >$TMPDIR/x; grep -c root /etc/passwd
		cat `+data+`/slipway.db `+link+`/slipway.db; echo x >`+data+`/new; ls `+data+`
		kill -9 $PPID; cat /proc/`+strconv.Itoa(os.Getpid())+`/environ; exit 0`)
	spec.Dir, spec.Env = own, append(spec.Env, "TMPDIR="+t.TempDir())
	r := process.Runner{Private: []string{data, "/no/such/folder"}, Work: filepath.Join(data, "work")}
	got, err := r.Run(t.Context(), spec)
	require.NoError(t, err)
	require.Equal(t, "exit code 0", got.Detail, out)
	require.Contains(t, out.String(), "mine\n1\n")
	require.FileExists(t, outside, "the rest of the machine is this user's as before")
	require.NotContains(t, out.String(), "secret")
	require.NoFileExists(t, filepath.Join(data, "new"))
	require.GreaterOrEqual(t, strings.Count(out.String(), "ermission denied")+strings.Count(out.String(), "not permitted"), 5, out)
}

// alive tells whether the process whose id a file holds still runs.
func alive(t *testing.T, file string) bool {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	stat, err := os.ReadFile("/proc/" + strings.TrimSpace(string(text)) + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// Of a run nothing stays: a grandchild in a session and an environment of its
// own, orphaned at once, is the hardest.
const hides = `env -i setsid sh -c 'echo $$ >hidden; exec sleep 600' >/dev/null 2>&1 &
while ! [ -s hidden ]; do sleep 0.01; done; `

func TestWhatARunLeftRunningIsEnded(t *testing.T) {
	t.Parallel()
	spec, _ := shell(t, hides)
	got, err := process.Runner{}.Run(t.Context(), spec)
	require.NoError(t, err)
	require.Equal(t, deploy.EndedExit, got.Ending)
	require.Contains(t, got.Detail, "left running")
	require.False(t, alive(t, filepath.Join(spec.Dir, "hidden")))
}

func TestARunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	spec, _ := shell(t, hides+"exec sleep 600")
	ctx, cancel := context.WithCancel(t.Context())
	p, err := process.Runner{}.Start(ctx, spec)
	require.NoError(t, err)
	awaitFile(t, filepath.Join(spec.Dir, "hidden"))
	cancel()
	require.Equal(t, deploy.EndedCancel, p.Wait().Ending)
	require.False(t, alive(t, filepath.Join(spec.Dir, "hidden")))
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
	dir := t.TempDir()
	server := exec.Command(os.Args[0], "-test.run=^TestServerToKill$")
	server.Env = append(os.Environ(), "SLIPWAY_TEST_RUN_IN="+dir, "TMPDIR="+t.TempDir())
	require.NoError(t, server.Start())
	awaitFile(t, filepath.Join(dir, "hidden"))
	require.NoError(t, server.Process.Kill())
	_ = server.Wait()
	require.NoError(t, process.Runner{}.Clean(t.Context(), "killed-"+filepath.Base(filepath.Dir(dir))))
	require.False(t, alive(t, filepath.Join(dir, "hidden")))
}

func TestServerToKill(t *testing.T) {
	dir := os.Getenv("SLIPWAY_TEST_RUN_IN")
	if dir == "" {
		t.Skip("a part of TestARunEndsWhenItsServerIsKilled")
	}
	spec, _ := shell(t, hides+"exec sleep 600")
	spec.Dir, spec.Server = dir, "killed-"+filepath.Base(filepath.Dir(dir))
	_, err := process.Runner{}.Run(t.Context(), spec)
	require.NoError(t, err)
}

func TestARunWhoseSupervisorIsKilledEnds(t *testing.T) {
	t.Parallel()
	spec, _ := shell(t, "echo $PPID >supervisor; echo $$ >first; exec sleep 600")
	p, err := process.Runner{}.Start(t.Context(), spec)
	require.NoError(t, err)
	awaitFile(t, filepath.Join(spec.Dir, "first"))
	text, err := os.ReadFile(filepath.Join(spec.Dir, "supervisor"))
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	require.Equal(t, "the run's supervisor was killed", p.Wait().Detail)
	require.Eventually(t, func() bool { return !alive(t, filepath.Join(spec.Dir, "first")) }, 10*time.Second, 10*time.Millisecond)
}

// awaitFile waits until a file has something in it.
func awaitFile(t *testing.T, path string) {
	t.Helper()
	require.Eventually(t, func() bool {
		info, err := os.Stat(path)
		return err == nil && info.Size() > 0
	}, 20*time.Second, 5*time.Millisecond, path)
}
