package process_test

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/deploy/process"
	"github.com/slipway-ml/slipway/tests/testbed"
)

// here is the variable by which a test knows that it is the part of one that
// runs with lesser rights, and where.
const here = "SLIPWAY_TEST_LESSER_IN"

// lesser runs a test of this program with lesser rights: as nobody, by what
// comes before it on the command line.
func lesser(t *testing.T, part string, before ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		testbed.Missing(t, "root, who has rights to give up", "run the tests as root")
	}
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	require.NoError(t, os.Chown(dir, 65534, 65534))
	program := filepath.Join(filepath.Dir(dir), "process.test")
	in, err := os.Open("/proc/self/exe")
	require.NoError(t, err)
	defer in.Close()
	out, err := os.OpenFile(program, os.O_CREATE|os.O_WRONLY, 0o755)
	require.NoError(t, err)
	_, err = io.Copy(out, in)
	require.NoError(t, err)
	require.NoError(t, out.Close())
	args := append(before, program, "-test.run=^"+part+"$", "-test.v", "-test.count=1")
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin", here + "=" + dir, "TMPDIR=" + dir, "HOME=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, string(text))
	require.Contains(t, string(text), "--- PASS: "+part)
}

// looksAround does a run that looks for what is not its own, and gives what it
// says.
func looksAround(t *testing.T) string {
	t.Helper()
	private := filepath.Join(os.Getenv(here), "data")
	require.NoError(t, os.MkdirAll(filepath.Join(private, "work"), 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(private, "secret.key"), []byte("secret-key"), 0o600))
	listen := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = l.Close() })
		return l.Addr().String()
	}
	reached, other := listen(), listen()
	mark := mark()
	self, err := os.Executable()
	require.NoError(t, err)
	spec, out := shell(t, hides(mark)+"cat "+private+"/secret.key; ls /proc | grep -c '^[0-9]'; echo own >own; cat own; kill -9 $PPID; ls -ld "+private+"/secret.key; "+
		"SLIPWAY_TEST_DIAL='"+reached+" "+other+"' "+self+"; exit 0")
	spec.Dir = filepath.Join(private, "work")
	spec.Reach, spec.Read = []string{reached}, []string{self}
	got, err := process.Runner{Private: []string{private}}.Run(t.Context(), spec)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(got.Detail, "exit code 0"), "%s %s", got.Detail, out)
	require.Zero(t, marked(t, mark))
	require.Contains(t, out.String(), "own\n")
	require.Contains(t, out.String(), "dial "+reached+": <nil>\n")
	require.NotContains(t, out.String(), "dial "+other+": <nil>\n")
	require.NotContains(t, out.String(), "secret-key")
	require.NoError(t, os.RemoveAll(private))
	return out.String()
}

func TestWithoutRoot(t *testing.T) {
	t.Parallel()
	lesser(t, "TestPartWithoutRoot")
}

func TestPartWithoutRoot(t *testing.T) {
	if os.Getenv(here) == "" {
		t.Skip("a part of TestWithoutRoot")
	}
	require.Equal(t, []string{"a run is of the server's own user: only root can give it one of its own"}, process.Runner{}.Lacks())
	require.Contains(t, looksAround(t), "secret.key: No such file or directory")
}

// Without namespaces either, as in most containers, Landlock holds files and
// ports.
func TestWithoutNamespaces(t *testing.T) {
	t.Parallel()
	needLandlock(t, 6)
	lesser(t, "TestPartWithoutNamespaces", "unshare", "--user", "--map-root-user", "sh", "-c",
		`echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all "$0" "$@"`)
}

func TestPartWithoutNamespaces(t *testing.T) {
	if os.Getenv(here) == "" {
		t.Skip("a part of TestWithoutNamespaces")
	}
	lacks := process.Runner{}.Lacks()
	require.Len(t, lacks, 3)
	require.Contains(t, lacks[0], "a run has no namespaces of its own")
	require.Contains(t, lacks[1], "at the ports that it may dial here")
	require.Contains(t, lacks[2], "the server's own user")
	require.Contains(t, looksAround(t), "secret.key: Permission denied")
}
