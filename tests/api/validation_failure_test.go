package api_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/tests/testbed/disk"
	"github.com/slipway-ml/slipway/tests/testbed/s3"
	"github.com/slipway-ml/slipway/tests/world"
)

// started counts the processes that have to do with a folder: by what they were
// started with, or where they run.
func started(t *testing.T, dir string) int {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*")
	require.NoError(t, err)
	n := 0
	for _, p := range all {
		if p == "/proc/"+strconv.Itoa(os.Getpid()) {
			continue
		}
		command, _ := os.ReadFile(p + "/cmdline")
		environment, _ := os.ReadFile(p + "/environ")
		at, _ := os.Readlink(p + "/cwd")
		if strings.Contains(string(command)+string(environment)+at, dir) {
			n++
		}
	}
	return n
}

func TestNothingOfACancelledValidationGoesOn(t *testing.T) {
	t.Parallel()
	needServe(t)
	w := world.Start(t)
	// Deaf to SIGTERM, in a session of its own, and orphaned: the hardest.
	applyPipeline(w, "m", "    - run: \"trap '' TERM; setsid sleep 600 & (sleep 601 &); touch here; sleep 602; sleep 603\"\n")
	version := registerShapes(t, w, "m", "v1", nil)
	wait(t, w, 1)
	require.GreaterOrEqual(t, started(t, w.Dir), 4, "its command, what that left behind, and the model beside it")
	v := w.OK(http.MethodGet, "/api/v1/models/m/versions/"+version+"/validations", nil)["items"].([]any)[0].(object)
	require.Equal(t, http.StatusAccepted, w.Do(http.MethodPost, fmt.Sprintf("/api/v1/validations/%v/cancel", v["id"]), object{"reason": "enough"}).Status)
	w.Eventually(5*time.Second, "nothing is left of it", func() bool { return started(t, w.Dir) == 0 })
	require.Equal(t, "cancelled", validated(w, "m", version)["state"])
	left, err := os.ReadDir(filepath.Join(w.Dir, "work", "validations"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestValidationsAreDoneByPriority(t *testing.T) {
	t.Parallel()
	w := world.Start(t, func(c *config.Config) { c.HeavyJobs = 1 })
	applyPipeline(w, "m", "    - run: '"+waits+"'\n")
	version := registerShapes(t, w, "m", "v1", nil) // its validation holds the only worker
	at := "/api/v1/models/m/versions/" + version + "/validations"
	w.Eventually(30*time.Second, "the first one runs", func() bool {
		items := w.OK(http.MethodGet, at, nil)["items"].([]any)
		return len(items) == 1 && items[0].(object)["state"] == "running"
	})
	applyPipeline(w, "m", "    - check: integrity\n")
	type place struct {
		rank int
		id   float64
	}
	var want []place
	for _, p := range []string{"low", "normal", "high", "low", "", "high", "normal", "low", "high"} {
		ask := object{}
		if p != "" {
			ask["priority"] = p
		}
		v := w.OK(http.MethodPost, at, ask)
		if p == "" {
			p = "normal"
		}
		require.Equal(t, p, v["priority"])
		want = append(want, place{slices.Index([]string{"high", "normal", "low"}, p), v["id"].(float64)})
	}
	letGo(t, wait(t, w, 1))
	slices.SortFunc(want, func(a, b place) int { return (a.rank-b.rank)*1000 + int(a.id-b.id) })
	var got []place
	for _, p := range want {
		v := w.OK(http.MethodGet, fmt.Sprintf("/api/v1/validations/%v?wait=1m", p.id), nil)
		require.Equal(t, "passed", v["state"], "%v", v)
	}
	items := w.OK(http.MethodGet, at+"?max_results=9", nil)["items"].([]any)
	started := func(item any) time.Time { // as text 20Z would come after 20.5Z
		at, err := time.Parse(time.RFC3339, item.(object)["started_at"].(string))
		require.NoError(t, err)
		return at
	}
	slices.SortFunc(items, func(a, b any) int { return started(a).Compare(started(b)) })
	for i, item := range items {
		got = append(got, place{want[i].rank, item.(object)["id"].(float64)})
	}
	require.Equal(t, want, got)
}

func TestAFullDiskIsToldAndTriedAgain(t *testing.T) {
	t.Parallel()
	needServe(t)
	dir := disk.Small(t, 24)
	elsewhere := t.TempDir()
	w := world.Start(t, func(c *config.Config) {
		c.DataDir, c.ArtifactsDestination = dir, filepath.Join(elsewhere, "artifacts")
		if c.BackendStoreURI == "" && os.Getenv("SLIPWAY_TEST_POSTGRES") == "" {
			c.BackendStoreURI = "sqlite:///" + filepath.Join(elsewhere, "slipway.db")
		}
	})
	applyPipeline(w, "m", "    - check: integrity\n")
	version := registerShapes(t, w, "m", "v1", map[string]string{"more.txt": strings.Repeat("more\n", 1<<20)})
	require.Equal(t, "passed", validated(w, "m", version)["state"])
	applyPipeline(w, "m", "    - check: onnx\n")

	drop := disk.Ballast(t, dir, 20)
	log := func(v object) string {
		return string(w.Do(http.MethodGet, fmt.Sprintf("/api/v1/validations/%v/log", v["id"]), nil).Body)
	}
	v := validate(w, version, object{})
	require.Equal(t, "errored", v["state"], "%v", v)
	require.Contains(t, v["reason"], "full")
	require.Contains(t, v["reason"], "tried 4 times")

	v = w.OK(http.MethodPost, "/api/v1/models/m/versions/"+version+"/validations", object{})
	w.Eventually(30*time.Second, "the first attempt has failed", func() bool { return strings.Contains(log(v), "trying again in") })
	drop()
	v = w.OK(http.MethodGet, fmt.Sprintf("/api/v1/validations/%v?wait=1m", v["id"]), nil)
	require.Equal(t, "passed", v["state"], "%v", v)
}

func TestAStoreThatIsAwayIsToldAndTriedAgain(t *testing.T) {
	t.Parallel()
	server := s3.Shared(t)
	line := connect(t, server.URL)
	w := world.Start(t, func(c *config.Config) { c.ArtifactsDestination, c.S3Endpoint = server.Address(t), line.URL })
	applyPipeline(w, "m", "    - check: integrity\n")
	version := registerShapes(t, w, "m", "v1", nil)
	require.Equal(t, "passed", validated(w, "m", version)["state"])

	line.cut()
	v := validate(w, version, object{})
	require.Equal(t, "errored", v["state"], "%v", v)
	require.Contains(t, v["reason"], "does not answer")
	require.Contains(t, v["reason"], "tried 4 times")
	at := fmt.Sprintf("/api/v1/validations/%v", v["id"])
	require.Contains(t, string(w.Do(http.MethodGet, at+"/log?step=1", nil).Body), "trying again in", "the log is on the machine that wrote it")
	require.Contains(t, string(w.Do(http.MethodGet, at+"/report.html", nil).Body), "does not answer")

	v = w.OK(http.MethodPost, "/api/v1/models/m/versions/"+version+"/validations", object{})
	at = fmt.Sprintf("/api/v1/validations/%v", v["id"])
	w.Eventually(60*time.Second, "the first attempt has failed", func() bool {
		return strings.Contains(string(w.Do(http.MethodGet, at+"/log", nil).Body), "trying again in")
	})
	line.mend()
	v = w.OK(http.MethodGet, at+"?wait=2m", nil)
	require.Equal(t, "passed", v["state"], "%v", v)
}
