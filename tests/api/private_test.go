package api_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/slipway-ml/slipway/tests/world"
)

// A step is foreign code: the server's database, its artifacts and its
// environment are not its business.
func TestAStepDoesNotSeeWhatIsTheServers(t *testing.T) {
	t.Parallel()
	needServe(t)
	if abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION); errno != 0 || abi < 6 {
		t.Skip("this kernel has no Landlock of ABI 6 (Linux 6.12, with landlock among its LSMs)")
	}
	p := world.StartProcess(t, t.TempDir())
	for name, command := range map[string]string{
		"database":    "cat " + filepath.Join(p.Dir, "slipway.db"),
		"artifacts":   "ls " + filepath.Join(p.Dir, "artifacts"),
		"instances":   "ls " + filepath.Join(p.Dir, "instances"),
		"environment": fmt.Sprintf("cat /proc/%d/environ", p.Pid()),
		"life":        fmt.Sprintf("kill %d", p.Pid()),
	} {
		applyPipeline(p.World, name, "    - run: '! "+command+"'\n")
		v := validated(p.World, name, registerShapes(t, p.World, name, "v1", nil))
		require.Equal(t, "passed", v["state"], "%s: %v", name, v)
	}
	p.OK(http.MethodGet, "/api/v1/audit", nil)
}
