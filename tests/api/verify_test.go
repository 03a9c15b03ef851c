package api_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/tests/testbed/s3"
	"github.com/slipway-ml/slipway/tests/world"
)

// verify runs a verification to its end.
func verify(w *world.World, scope object) object {
	v := w.OK(http.MethodPost, "/api/v1/verifications", scope)
	return w.OK(http.MethodGet, fmt.Sprintf("/api/v1/verifications/%v?wait=2m", v["id"]), nil)
}

// found gives what a verification found, as "VERSION PATH KIND".
func found(v object) []string {
	var all []string
	for _, f := range v["findings"].([]any) {
		e := f.(object)
		all = append(all, fmt.Sprintf("%v %v %v", e["version"], e["path"], e["kind"]))
	}
	return all
}

func TestAVerificationTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(t *testing.T) *world.World{
		"a folder": func(t *testing.T) *world.World { return world.Start(t) },
		"S3": func(t *testing.T) *world.World {
			return world.Start(t, func(c *config.Config) {
				c.ArtifactsDestination, c.S3Endpoint = s3.Shared(t).Address(t), s3.Shared(t).URL
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			verifies(t, start(t))
		})
	}
}

func verifies(t *testing.T, w *world.World) {
	t.Helper()
	createModel(w, "m")
	createModel(w, "n")
	logged := loggedModel(w, run(w))
	root := "0/models/" + logged + "/artifacts/"
	for path, says := range map[string]string{"MLmodel": "flavors", "data/a": "aaaa", "data/b": "bbbb", "data/c": ""} {
		upload(t, w, root+path, says)
	}
	body := object{"name": "m", "source": "models:/" + logged, "model_id": logged}
	w.OK(http.MethodPost, versioned+"create", body)
	upload(t, w, root+"data/b", "another") // version 1 keeps its own
	w.OK(http.MethodPost, versioned+"create", body)
	register(w, "n") // outside the store

	v := verify(w, object{"model": "m"})
	require.Equal(t, "passed", v["state"], v)
	require.InDelta(t, 2, v["versions"], 0)
	require.InDelta(t, 8, v["files"], 0)
	require.Equal(t, v["progress"].(object)["done"], v["progress"].(object)["total"])

	w.Write(t, root+"data/a", "AAAA")
	w.Lose(t, root+"MLmodel")
	upload(t, w, root+"late.txt", "late")
	v = verify(w, object{"model": "m", "version": 2})
	require.Equal(t, "failed", v["state"])
	require.Equal(t, "1 files are missing, 1 are changed", v["reason"])
	require.Equal(t, []string{"2 MLmodel missing", "2 data/a changed", "2 late.txt extra"}, found(v))
	require.Contains(t, v["findings"].([]any)[1].(object)["detail"], "is not what was registered")

	w.Lose(t, root+"late.txt")
	all := verify(w, object{})
	require.Equal(t, "failed", all["state"])
	require.InDelta(t, 1, all["skipped_versions"], 0)
	require.ElementsMatch(t, []string{"1 MLmodel missing", "1 data/a changed", "2 MLmodel missing", "2 data/a changed"}, found(all))
	require.Equal(t, "passed", verify(w, object{"model": "n"})["state"])

	list := w.OK(http.MethodGet, "/api/v1/verifications?max_results=2", nil)
	require.Len(t, list["items"], 2)
	require.Empty(t, list["items"].([]any)[0].(object)["findings"])
	missing(t, w.Do(http.MethodPost, "/api/v1/verifications", object{"model": "none"}))
	missing(t, w.Do(http.MethodPost, "/api/v1/verifications", object{"model": "m", "version": 9}))
	badRequest(t, w.Do(http.MethodPost, "/api/v1/verifications", object{"version": 1}))
	missing(t, w.Do(http.MethodGet, "/api/v1/verifications/99", nil))
}

func TestAVerificationGoesOnWhereItsServerWasKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := world.StartProcess(t, dir)
	createModel(w.World, "m")
	id := run(w.World)
	for i := range 40 {
		upload(t, w.World, fmt.Sprintf("0/%s/artifacts/model/%02d", id, i), fmt.Sprint(i))
	}
	for range 20 {
		w.OK(http.MethodPost, versioned+"create", object{"name": "m", "source": "runs:/" + id + "/model", "run_id": id})
	}
	v := w.OK(http.MethodPost, "/api/v1/verifications", object{})
	require.Equal(t, v["id"], w.OK(http.MethodPost, "/api/v1/verifications", object{})["id"], "one under way is joined")
	for range 3 {
		w.Kill()
		w = world.StartProcess(t, dir)
	}
	v = w.OK(http.MethodGet, fmt.Sprintf("/api/v1/verifications/%v?wait=2m", v["id"]), nil)
	require.Equal(t, "passed", v["state"], v)
	require.InDelta(t, 20, v["versions"], 0)
	require.InDelta(t, 800, v["files"], 0)
}
