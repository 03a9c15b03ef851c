package api_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

// Ten validations at once wait for one another: the server's memory and the
// number of models that run stay what two of them need.
func TestTenValidationsAtOnceNeedNoMoreThanTwo(t *testing.T) {
	t.Parallel()
	needServe(t)
	p := world.StartProcess(t, t.TempDir(), "--heavy-jobs", "2")
	require.Equal(t, http.StatusOK, pushDataset(t, p.World, "val", shapesFiles(t)).Status)
	applyPipeline(p.World, "m", "    - check: onnx\n    - check: detection\n      dataset: val@1\n")
	one := registerShapes(t, p.World, "m", "v1", nil)
	require.Equal(t, "passed", validated(p.World, "m", one)["state"])
	alone := peak(t, p.Pid())

	at := "/api/v1/models/m/versions/" + one + "/validations"
	var ids []any
	for range 10 {
		ids = append(ids, p.OK(http.MethodPost, at, object{"fresh": true})["id"])
	}
	most := 0
	for _, id := range ids {
		for {
			most = max(most, serving(p.Pid()))
			v := p.OK(http.MethodGet, fmt.Sprintf("/api/v1/validations/%v?wait=100ms", id), nil)
			if v["state"] != "pending" && v["state"] != "running" {
				require.Equal(t, "passed", v["state"], "%v", v)
				break
			}
		}
	}
	require.Positive(t, most)
	require.LessOrEqual(t, most, 2, "models that ran at once")
	require.Less(t, peak(t, p.Pid())-alone, int64(96<<20), "more memory than one validation alone")
}

// serving counts the slipway-serve processes below a server's.
func serving(server int) (n int) {
	parents, names := map[string]string{}, map[string]string{}
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range all {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		from, to := strings.IndexByte(string(text), '('), strings.LastIndexByte(string(text), ')')
		rest := strings.Fields(string(text[to+1:]))
		pid := strings.TrimSpace(string(text[:from]))
		names[pid], parents[pid] = string(text[from+1:to]), rest[1]
	}
	for pid, name := range names {
		for at := pid; name == "slipway-serve" && at != "" && at != "0"; at = parents[at] {
			if at == fmt.Sprint(server) {
				n++
			}
		}
	}
	return n
}
