package pyenv_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-ml/slipway/deploy/process"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/pyenv"
	"github.com/slipway-ml/slipway/tests/testbed"
	"github.com/slipway-ml/slipway/tests/testbed/disk"
)

func TestAnEnvironmentIsMadeOnceAndLocked(t *testing.T) {
	t.Parallel()
	x, dir := newIndex(t), t.TempDir()
	x.wheel(t, "shapes", "1.0", "def main(): print('shapes', 1)\n", "colours>=2")
	x.wheel(t, "colours", "2.0", "value = 2\n")
	s := service(t, dir, x)
	first, log, err := ask(t, s, "shapes\n")
	require.NoError(t, err)
	require.False(t, first.Cached)
	require.Contains(t, string(first.Lock), "shapes==1.0")
	require.Contains(t, string(first.Lock), "colours==2.0")
	require.Equal(t, 2, strings.Count(string(first.Lock), "--hash=sha256:"))
	require.Contains(t, log, "(made), lock sha256:"+first.Digest())
	require.Regexp(t, `^cpython 3\.\d+\.\d+`, first.Python)
	require.Equal(t, "2", python(t, first, "import colours, shapes; print(colours.value)"))
	out, err := exec.Command(filepath.Join(first.Bin(), "shapes")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, "shapes 1\n", string(out), "its programs find it where it is now")

	if len((process.Runner{}).Lacks()) == 0 {
		found, err := filepath.Glob(filepath.Join(first.Dir, "lib", "python3*", "site-packages", "shapes", "__init__.py"))
		require.NoError(t, err)
		info, err := os.Stat(found[0])
		require.NoError(t, err)
		require.Equal(t, uint64(2), info.Sys().(*syscall.Stat_t).Nlink, "it is uv's own file")
	}

	asked := x.requests()
	again, log, err := ask(t, service(t, dir, x), "shapes\n") // of the next life
	require.NoError(t, err)
	require.True(t, again.Cached)
	require.Contains(t, log, "(cached)")
	require.Equal(t, first.Dir, again.Dir)
	require.Equal(t, asked, x.requests(), "the index need not be there")
	same, _, err := ask(t, s, "colours==2.0\nshapes # the same lock\n")
	require.NoError(t, err)
	require.True(t, same.Cached)

	// A new version is taken once the lock is a day old, or where it is asked for.
	x.wheel(t, "shapes", "1.1", "def main(): print('shapes', 2)\n")
	other, _, err := ask(t, s, "shapes>1.0\n")
	require.NoError(t, err)
	require.Contains(t, string(other.Lock), "shapes==1.1")
	require.NotEqual(t, first.Key, other.Key)
	tomorrow := service(t, dir, x)
	tomorrow.Now = func() time.Time { return time.Now().Add(25 * time.Hour) }
	later, _, err := ask(t, tomorrow, "shapes\n")
	require.NoError(t, err)
	require.Equal(t, other.Key, later.Key)
}

func TestRequirementsIncludeWithinTheirFolder(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	x.wheel(t, "a", "1.0", "")
	x.wheel(t, "b", "1.0", "")
	x.wheel(t, "b", "2.0", "")
	s, root := service(t, t.TempDir(), x), t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o750))
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o600))
	}
	write("requirements.txt", "-r more/base.txt\na\n")
	write("more/base.txt", "b  # any\n-c ../pins.txt\n-r ../requirements.txt\n")
	write("pins.txt", "b<2\n")
	e, _, err := askIn(t, s, root)
	require.NoError(t, err)
	require.Contains(t, string(e.Lock), "b==1.0")
	write("pins.txt", "b>=2\n")
	e, _, err = askIn(t, s, root)
	require.NoError(t, err)
	require.Contains(t, string(e.Lock), "b==2.0", "what is included counts")

	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(root, "link.txt")))
	for text, words := range map[string]string{
		"a\n-r ../outside.txt\n": "requirements.txt:2", "-r link.txt\n": "within the working folder", "-r gone.txt": "no file \"gone.txt\"",
		"-e .\n": "no hash can pin", "./wheel.whl": "no hash can pin", "c @ file:///x.whl": "no hash can pin", "--find-links ./wheels": "no hash can pin",
	} {
		write("requirements.txt", text)
		_, _, err := askIn(t, s, root)
		require.ErrorContains(t, err, words, text)
	}
	_, _, err = askIn(t, s, root, func(r *pyenv.Request) { r.Requirements = "sub/none.txt" })
	refused(t, err, models.KindNotFound, "sub/none.txt")
	_, _, err = askIn(t, s, root, func(r *pyenv.Request) { r.Requirements = "../x" })
	refused(t, err, models.KindInvalid, "working folder")
}

func TestPythonsThatAreThereAndNot(t *testing.T) {
	t.Parallel()
	s := service(t, t.TempDir(), newIndex(t))
	none := func(r *pyenv.Request) { r.Requirements = "" }
	e, _, err := askIn(t, s, t.TempDir(), none)
	require.NoError(t, err)
	require.Equal(t, "0", python(t, e, "print(len([]))"))
	version := strings.Fields(e.Python)[1]
	minor := strings.Join(strings.Split(version, ".")[:2], ".")
	e, _, err = askIn(t, s, t.TempDir(), none, func(r *pyenv.Request) { r.Python = minor })
	require.NoError(t, err)
	require.Equal(t, minor, python(t, e, "import sys; print('%d.%d' % sys.version_info[:2])"))
	_, _, err = askIn(t, s, t.TempDir(), none, func(r *pyenv.Request) { r.Python = "3.99" })
	refused(t, err, models.KindInvalid, "no Python 3.99", "there are:", minor+".")
	_, _, err = askIn(t, s, t.TempDir(), none, func(r *pyenv.Request) { r.Python = "no-such-python" })
	refused(t, err, models.KindInvalid, "no Python no-such-python")
	s.UV = ""
	_, _, err = askIn(t, s, t.TempDir(), none)
	refused(t, err, models.KindUnsupported, "need uv")
}

func TestManyAtOnceShareOne(t *testing.T) {
	t.Parallel()
	x, dir := newIndex(t), t.TempDir()
	x.wheel(t, "shapes", "1.0", "value = 1\n")
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "requirements.txt"), []byte("shapes\n"), 0o600))
	made := make([]*pyenv.Environment, 4)
	program := testbed.Python(t)
	var group errgroup.Group
	for i := range made {
		group.Go(func() (err error) { // each a server of its own
			made[i], err = service(t, dir, x).Make(context.Background(), pyenv.Request{
				ID: fmt.Sprint(i), Dir: filepath.Join(root, fmt.Sprint(i)), Root: root, Requirements: "requirements.txt", Python: program, Runner: process.Runner{}, Log: io.Discard,
			})
			return err
		})
	}
	require.NoError(t, group.Wait())
	fresh := 0
	for _, e := range made {
		require.Equal(t, made[0].Dir, e.Dir)
		if !e.Cached {
			fresh++
		}
		e.Release()
	}
	require.Equal(t, 1, fresh)
	require.Equal(t, "1", python(t, made[0], "import shapes; print(shapes.value)"))
}

func TestWhatAStepChangesIsMadeAnew(t *testing.T) {
	t.Parallel()
	x, dir := newIndex(t), t.TempDir()
	x.wheel(t, "shapes", "1.0", "value = 1\n")
	s := service(t, dir, x)
	e, _, err := ask(t, s, "shapes\n")
	require.NoError(t, err)
	found, err := filepath.Glob(filepath.Join(e.Dir, "lib", "python3*", "site-packages"))
	require.NoError(t, err)
	packages := found[0]
	module := filepath.Join(packages, "shapes", "__init__.py")
	for name, change := range map[string]func(){
		"rights": func() { require.NoError(t, os.Chmod(module, 0)) },
		"text": func() {
			require.NoError(t, os.Chmod(module, 0o600))
			require.NoError(t, os.Remove(module))
			require.NoError(t, os.WriteFile(module, []byte("value = 6\n"), 0o444))
		},
		"more": func() {
			require.NoError(t, os.WriteFile(filepath.Join(packages, "sitecustomize.py"), []byte("evil = 1\n"), 0o444))
		},
		"less":   func() { require.NoError(t, os.Remove(module)) },
		"python": func() { require.NoError(t, os.Remove(filepath.Join(e.Bin(), "python"))) },
	} {
		require.NoError(t, exec.Command("chmod", "-R", "u+w", packages, e.Bin()).Run()) // who made it may
		change()
		e.Release()
		again, _, err := ask(t, s, "shapes\n")
		require.NoError(t, err, name)
		require.False(t, again.Cached, name)
		require.Equal(t, "1", python(t, again, "import shapes; print(shapes.value)"), name)
		again.Release()
		e = again
	}
}

func TestAPackageThatIsBuiltReachesNobodyElse(t *testing.T) {
	t.Parallel()
	x, dir := newIndex(t), t.TempDir()
	x.wheel(t, "shapes", "1.0", "value = 1\n")
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = closed.Close() })
	wheels := filepath.Join(dir, "wheels")
	// What it may change of the cache that others install from, and whom it may
	// reach: only what the proxy leads to.
	x.source(t, "evil", "1.0", fmt.Sprintf(`
import os, urllib.request
seen = [v for v in os.environ.values() if %[1]q in v]
assert not seen, seen
try:
    print(urllib.request.urlopen("http://%[2]s/", timeout=5).read())
except Exception as e:
    assert "refused" in str(e) or "403" in str(e), e
else:
    raise SystemExit("reached")
`, wheels, "localhost:"+strings.Split(closed.Addr().String(), ":")[1]))
	s := service(t, dir, x)
	_, _, err = ask(t, s, "shapes\n")
	require.NoError(t, err)
	e, log, err := ask(t, s, "shapes\nevil\n")
	require.NoError(t, err)
	require.Contains(t, log, "building what has no wheel")
	require.Equal(t, "True 1", python(t, e, "import evil, shapes; print(evil.built, shapes.value)"))

	x.source(t, "broken", "1.0", "raise SystemExit('it does not build')")
	_, log, err = ask(t, s, "broken\n")
	refused(t, err, models.KindInvalid, "it does not build")
	require.Contains(t, log, "it does not build")
}

func TestIndexesAndRequirementsThatFail(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	x.wheel(t, "a", "1.0", "", "b>=2")
	x.wheel(t, "b", "1.0", "")
	s := service(t, t.TempDir(), x)
	for text, words := range map[string]string{
		"nothing-of-that-name\n": "nothing-of-that-name was not found", "b>=3\n": "b>=3", "a\n": "b>=2", "b==\n": "parse", "a b c\n": "parse",
	} {
		_, _, err := ask(t, s, text)
		refused(t, err, models.KindInvalid, words)
	}

	x.Close()
	away := service(t, t.TempDir(), x, "UV_HTTP_RETRIES=0")
	_, _, err := ask(t, away, "b\n")
	refused(t, err, models.KindUnavailable, "the package index is away")
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	hangs := service(t, t.TempDir(), x, "UV_HTTP_RETRIES=0", "UV_HTTP_TIMEOUT=1", "UV_DEFAULT_INDEX=http://"+silent.Addr().String()+"/simple")
	_, _, err = ask(t, hangs, "b\n")
	refused(t, err, models.KindUnavailable, "the package index is away")

	// An index that the requirements name is none of the operator's.
	other := newIndex(t)
	other.wheel(t, "c", "1.0", "")
	_, _, err = ask(t, service(t, t.TempDir(), newIndex(t), "UV_HTTP_RETRIES=0"), "--extra-index-url "+strings.Replace(other.URL, "127.0.0.1", "localhost", 1)+"/simple\nc\n")
	refused(t, err, models.KindForbidden, "--sources-allow-private-ips")
	require.Zero(t, other.requests())
	allowed := service(t, t.TempDir(), newIndex(t))
	allowed.Exit.Guard.AllowPrivate = true
	e, _, err := ask(t, allowed, "--extra-index-url "+other.URL+"/simple\nc\n")
	require.NoError(t, err)
	require.Contains(t, string(e.Lock), "c==1.0")
}

func TestPasswordsOfIndexesAreNotTold(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	const password = "s3cret-of-the-index"
	url := strings.Replace(x.URL, "http://", "http://robot:"+password+"@", 1)
	s := service(t, t.TempDir(), x, "UV_DEFAULT_INDEX="+url+"/simple", "PIP_INDEX_URL=http://elsewhere.example.org/simple")
	_, log, err := ask(t, s, "nothing\n")
	require.Error(t, err)
	require.Positive(t, x.requests())
	require.NotContains(t, log+err.Error(), password)
	settings := pyenv.FromEnv([]string{"PIP_INDEX_URL=https://pip.example.org/simple", "PIP_FIND_LINKS=/no/such/folder", "HOME=/root", "SLIPWAY_SECRET_KEY=x"})
	require.Equal(t, []string{"UV_DEFAULT_INDEX=https://pip.example.org/simple"}, settings.Env)
	require.Equal(t, []string{"pip.example.org"}, settings.Trusted)
}

func TestTheFolderIsBounded(t *testing.T) {
	t.Parallel()
	x, dir := newIndex(t), t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		x.wheel(t, name, "1.0", "filler = '"+strings.Repeat(name, 3<<20)+"'\n")
	}
	s := service(t, dir, x)
	s.MaxBytes = 15 << 20 // two of them, with their bytecode
	a, _, err := ask(t, s, "a\n")
	require.NoError(t, err)
	b, _, err := ask(t, s, "b\n")
	require.NoError(t, err)
	b.Release()
	c, _, err := ask(t, s, "c\n")
	require.NoError(t, err)
	require.DirExists(t, a.Dir, "it is held")
	require.NoDirExists(t, b.Dir)
	require.DirExists(t, c.Dir)
	require.NoDirExists(t, filepath.Join(dir, "wheels"))
	require.Equal(t, "a", python(t, a, "import a; print(a.filler[0])"), "it does not need what uv kept")
	again, _, err := ask(t, s, "b\n")
	require.NoError(t, err)
	require.False(t, again.Cached)
}

// A server that was killed leaves an environment half-made: the next one, which
// asks for it or not, cleans up.
func TestWhatWasHalfMadeIsCleaned(t *testing.T) {
	t.Parallel()
	x, dir := newIndex(t), t.TempDir()
	x.wheel(t, "shapes", "1.0", "value = 1\n")
	s := service(t, dir, x)
	e, _, err := ask(t, s, "shapes\n")
	require.NoError(t, err)
	e.Release()
	half := filepath.Join(dir, "wheels", e.Key+".new")
	require.NoError(t, os.Rename(e.Dir, half))
	others := []string{filepath.Join(dir, "wheels", strings.Repeat("0", 64)+".new"), filepath.Join(dir, "builds", "4711")}
	for _, other := range others {
		require.NoError(t, os.MkdirAll(filepath.Join(other, "lib"), 0o750))
	}
	again, _, err := ask(t, s, "shapes\n")
	require.NoError(t, err)
	require.False(t, again.Cached)
	require.NoDirExists(t, half)
	require.NoError(t, s.Clean())
	for _, other := range others {
		require.NoDirExists(t, other)
	}
	require.DirExists(t, again.Dir)
}

func TestAFullDisk(t *testing.T) {
	x := newIndex(t)
	x.wheel(t, "large", "1.0", "filler = '"+strings.Repeat("x", 8<<20)+"'\n")
	dir := disk.Small(t, 40)
	s := service(t, dir, x)
	drop := disk.Ballast(t, dir, 35)
	_, _, err := ask(t, s, "large\n")
	refused(t, err, models.KindFull, "no room")
	half, err := filepath.Glob(filepath.Join(dir, "wheels", "*.new"))
	require.NoError(t, err)
	require.Empty(t, half)
	drop()
	e, _, err := ask(t, s, "large\n")
	require.NoError(t, err)
	require.Equal(t, "x", python(t, e, "import large; print(large.filler[0])"))
}

func TestMakingIsCancelled(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	s := service(t, t.TempDir(), newIndex(t), "UV_DEFAULT_INDEX=http://"+silent.Addr().String()+"/simple")
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "requirements.txt"), []byte("a\n"), 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err = s.Make(ctx, pyenv.Request{
		ID: "1", Dir: t.TempDir(), Root: root, Requirements: "requirements.txt", Python: testbed.Python(t), Runner: process.Runner{}, Log: io.Discard,
	})
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
