package deploytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/deploy"
)

// Arena is a runner to be attacked, and a server's folders around it.
type Arena struct {
	Runner deploy.Runner
	Data   string // the server's data folder, which the runner keeps private
	Python string // an interpreter, where runs find it
	Image  string // for a runner of containers, with that Python
	Server string // the id of the server
	Left   func(t *testing.T) int
	Slow   bool // to start a run: those that only look are one

	reached, other *httptest.Server
	secret         string // in the environment of a process of this machine
	bystander      *exec.Cmd
}

// dir is a folder of the server's data.
func (a *Arena) dir(parts ...string) string {
	return filepath.Join(append([]string{a.Data}, parts...)...)
}

// furnish writes what a server has in its data folder, and starts what runs
// beside it.
func (a *Arena) furnish(t *testing.T) {
	t.Helper()
	require.NoError(t, os.Chmod(a.Data, 0o750))
	for path, text := range map[string]string{
		"slipway.db": "secret-database", "secret.key": "secret-key", "work/another/run/token": "secret-of-another",
		"artifacts/1/model": "secret-artifact", "shared/environment": "shared\n",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(a.dir(path)), 0o750))
		require.NoError(t, os.WriteFile(a.dir(path), []byte(text), 0o640))
	}
	answer := func(text string) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }))
		t.Cleanup(s.Close)
		return s
	}
	a.reached, a.other = answer("secret-page reached"), answer("secret-page of another port")
	a.secret = fmt.Sprintf("secret-%d", rand.Int64())
	a.bystander = exec.CommandContext(t.Context(), "sleep", "600")
	a.bystander.Env = []string{"SLIPWAY_SECRET_KEY=" + a.secret}
	require.NoError(t, a.bystander.Start())
	t.Cleanup(func() { _, _ = a.bystander.Process.Kill(), a.bystander.Wait() })
}

// attempt is one attack.
type attempt struct {
	shell, python string // one of them
	change        func(*deploy.RunSpec)
	ending        deploy.Ending // "": exit
	says          []string      // in its output
	detail        string
	also          func(t *testing.T, spec deploy.RunSpec)
}

// spec is a run in folders of its own. In scripts @OUT, @DATA and so on are
// names of this arena.
func (a *Arena) spec(t *testing.T, try attempt) (deploy.RunSpec, *lockedBuffer) {
	t.Helper()
	id := strconv.FormatInt(rand.Int64(), 36)
	work, out := a.dir("work", id, "run"), a.dir("work", id, "output")
	for _, dir := range []string{work, out} {
		require.NoError(t, os.MkdirAll(dir, 0o750))
	}
	log := &lockedBuffer{}
	command := []string{"sh", "-c", a.named(try.shell, out)}
	if try.python != "" {
		command = []string{a.Python, "-c", a.named(try.python, out)}
	}
	spec := deploy.RunSpec{
		ID: id, Server: a.Server, Command: command, Dir: work, Write: []string{out}, Read: []string{a.dir("shared")}, Image: a.Image,
		Reach: []string{strings.TrimPrefix(a.reached.URL, "http://")}, Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + work},
		Timeout: time.Minute, MemoryBytes: 512 << 20, Processes: 256, Output: log,
	}
	if try.change != nil {
		try.change(&spec)
	}
	return spec, log
}

// named puts this arena's names into a script.
func (a *Arena) named(script, out string) string {
	return strings.NewReplacer("@DATA", a.Data, "@OUT", out, "@SERVER", strconv.Itoa(os.Getpid()), "@BYSTANDER", strconv.Itoa(a.bystander.Process.Pid),
		"@REACHED", a.reached.URL, "@OTHER", a.other.URL).Replace(script)
}

// lockedBuffer is a buffer that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String gives what was written.
func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Attack has runs do what hostile ones do. Each ends as it should, leaves
// nothing running, tells nothing secret, and the next run works.
func Attack(t *testing.T, a *Arena) {
	t.Helper()
	a.furnish(t)
	tries := attacks
	if a.Slow {
		tries = a.together(t)
	}
	for name, try := range tries {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec, log := a.spec(t, try)
			got, err := a.Runner.Run(t.Context(), spec)
			require.NoError(t, err)
			want := try.ending
			if want == "" {
				want = deploy.EndedExit
			}
			require.Equal(t, want, got.Ending, "%s\n%s", got.Detail, log)
			require.Contains(t, got.Detail, try.detail)
			for _, s := range try.says {
				require.Contains(t, log.String(), s)
			}
			require.NotContains(t, strings.ReplaceAll(log.String(), "secret-page reached", ""), "secret-", "nothing of the server's")
			if try.also != nil {
				try.also(t, spec)
			}
			if try.ending != "" { // the next one works
				a.works(t)
			}
		})
	}
	t.Run("a cancelled run leaves nothing", func(t *testing.T) {
		t.Parallel()
		spec, log := a.spec(t, attempt{shell: daemon + "trap '' TERM HUP INT; echo up; while :; do sleep 600.5; done"})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		p, err := a.Runner.Start(ctx, spec)
		require.NoError(t, err)
		require.Eventually(t, func() bool { return strings.Contains(log.String(), "up") }, patience, 10*time.Millisecond)
		cancel()
		begin := time.Now()
		require.Equal(t, deploy.EndedCancel, p.Wait().Ending)
		require.Less(t, time.Since(begin), 5*time.Second)
	})
	t.Run("a log without end stalls nothing", func(t *testing.T) {
		t.Parallel()
		size := 1 << 30
		if a.Slow {
			size >>= 2
		}
		spec, _ := a.spec(t, attempt{shell: fmt.Sprintf("head -c %d /dev/zero", size)})
		var n counter
		spec.Output = &n
		got, err := a.Runner.Run(t.Context(), spec)
		require.NoError(t, err)
		require.Equal(t, deploy.EndedExit, got.Ending, got.Detail)
		require.Equal(t, counter(size), n)
	})
	t.Cleanup(func() { // when all of the above have ended
		require.Eventually(t, func() bool { return a.Left(t) == 0 }, 5*time.Second, 50*time.Millisecond, "processes and containers are left")
		for path, text := range map[string]string{"slipway.db": "secret-database", "shared/environment": "shared\n"} {
			now, err := os.ReadFile(a.dir(path))
			require.NoError(t, err)
			require.Equal(t, text, string(now))
		}
		require.NoError(t, os.RemoveAll(a.dir("work")), "whatever runs left can be removed")
	})
}

// together makes one attack of those that only look.
func (a *Arena) together(t *testing.T) map[string]attempt {
	t.Helper()
	scripts := a.dir("shared", "attacks")
	require.NoError(t, os.Mkdir(scripts, 0o750))
	all := attempt{shell: "for f in @DATA/shared/attacks/*; do if [ ${f%.py} = $f ]; then sh $f; else " + a.Python + " $f; fi; done; exit 0"}
	tries := map[string]attempt{}
	for name, try := range attacks {
		if try.ending != "" || try.change != nil || try.also != nil {
			tries[name] = try
			continue
		}
		file, text := name, try.shell
		if try.python != "" {
			file, text = name+".py", try.python
		}
		all.says = append(all.says, try.says...)
		require.NoError(t, os.WriteFile(filepath.Join(scripts, strings.NewReplacer(" ", "-", "/", "-").Replace(file)), []byte(a.named(text, "/nowhere")), 0o640))
	}
	tries["what looks around finds nothing"] = all
	return tries
}

// counter counts what is written to it.
type counter int64

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// works does an honest run, which uses all that a run may.
func (a *Arena) works(t *testing.T) {
	t.Helper()
	spec, log := a.spec(t, attempt{python: `
import os, urllib.request
open("mine", "w").write("mine")
open("@OUT/report", "w").write("out")
print(open("@DATA/shared/environment").read(), urllib.request.urlopen("@REACHED").read().decode())`})
	got, err := a.Runner.Run(t.Context(), spec)
	require.NoError(t, err)
	require.Equal(t, "exit code 0", got.Detail, log)
	require.Contains(t, log.String(), "shared\n secret-page reached")
	for _, file := range []string{filepath.Join(spec.Dir, "mine"), filepath.Join(spec.Write[0], "report")} {
		info, err := os.Stat(file)
		require.NoError(t, errors.Join(err))
		require.NotZero(t, info.Size())
	}
}
