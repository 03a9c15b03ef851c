package api_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

// collect runs gc to its end.
func collect(w *world.World, body object) object {
	if body["older_than"] == nil {
		body["older_than"] = "0s"
	}
	g := w.OK(http.MethodPost, "/api/v1/gc", body)
	return w.OK(http.MethodGet, fmt.Sprintf("/api/v1/gc/%v?wait=2m", g["id"]), nil)
}

// counts gives a collection's totals by kind.
func counts(g object) map[string]float64 {
	all := map[string]float64{}
	for _, t := range g["totals"].([]any) {
		all[t.(object)["kind"].(string)] = t.(object)["count"].(float64)
	}
	return all
}

const runsAPI, experimentsAPI = "/api/2.0/mlflow/runs/", "/api/2.0/mlflow/experiments/"

func experiment(w *world.World, name string) string {
	return w.OK(http.MethodPost, experimentsAPI+"create", object{"name": name})["experiment_id"].(string)
}

func runIn(w *world.World, experiment string) string {
	r := w.OK(http.MethodPost, runsAPI+"create", object{"experiment_id": experiment})["run"].(object)
	return r["info"].(object)["run_id"].(string)
}

func TestGCRemovesWhatWasDeleted(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	e := experiment(w, "old")
	kept, gone := runIn(w, e), runIn(w, e)
	for _, id := range []string{kept, gone} {
		upload(t, w, e+"/"+id+"/artifacts/a/b.txt", "12345")
		w.OK(http.MethodPost, runsAPI+"log-batch", object{
			"run_id": id, "params": []object{{"key": "p", "value": "1"}}, "tags": []object{{"key": "t", "value": "1"}},
			"metrics": []object{{"key": "m", "value": 1, "timestamp": 1, "step": 0}, {"key": "m", "value": 2, "timestamp": 2, "step": 1}},
		})
	}
	logged := loggedModel(w, gone)
	upload(t, w, "0/models/"+logged+"/artifacts/MLmodel", "m")
	for range 2 { // again is the same
		w.OK(http.MethodDelete, "/api/2.0/mlflow/logged-models/"+logged, nil)
	}
	w.OK(http.MethodPost, runsAPI+"delete", object{"run_id": gone})

	early := collect(w, object{"older_than": "1h"})
	require.Empty(t, early["totals"], "what was deleted just now can still be restored")

	before := w.Stored(t)
	plan := collect(w, object{"dry_run": true})
	require.Equal(t, "done", plan["state"])
	require.Equal(t, map[string]float64{"run": 1, "logged_model": 1}, counts(plan))
	require.Contains(t, plan["items"], object{"kind": "run", "id": gone, "name": plan["items"].([]any)[0].(object)["name"], "files": 1.0, "bytes": 5.0})
	require.Equal(t, before, w.Stored(t), "a plan removes nothing")
	require.Equal(t, http.StatusOK, w.Do(http.MethodGet, runsAPI+"get?run_id="+gone, nil).Status)

	done := collect(w, object{})
	require.Equal(t, "done", done["state"])
	require.Equal(t, plan["totals"], done["totals"], "it did what it had told")
	require.Equal(t, plan["items"], done["items"])
	missing(t, w.Do(http.MethodGet, runsAPI+"get?run_id="+gone, nil))
	missing(t, w.Do(http.MethodDelete, "/api/2.0/mlflow/logged-models/"+logged, nil))
	require.Equal(t, []string{e + "/" + kept + "/artifacts/a/b.txt"}, w.Stored(t))
	require.Equal(t, "12345", content(t, w, proxy+"/"+e+"/"+kept+"/artifacts/a/b.txt"))
	history := w.OK(http.MethodGet, "/api/2.0/mlflow/metrics/get-history?run_id="+kept+"&metric_key=m", nil)
	require.Len(t, history["metrics"], 2)

	require.Empty(t, collect(w, object{})["totals"], "again there is nothing to do")
	records := w.OK(http.MethodGet, "/api/v1/audit?action=gc.done", nil)["items"].([]any)
	require.Len(t, records, 3, "each that was no plan is on record")
}

func TestGCFreesAnExperimentsName(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	e := experiment(w, "again")
	upload(t, w, e+"/"+runIn(w, e)+"/artifacts/x", "1")
	upload(t, w, e+"/beside/x", "22")
	w.OK(http.MethodPost, experimentsAPI+"delete", object{"experiment_id": e})
	require.Equal(t, http.StatusBadRequest, w.Do(http.MethodPost, experimentsAPI+"create", object{"name": "again"}).Status)
	plan := collect(w, object{"dry_run": true})
	require.Equal(t, map[string]float64{"run": 1, "experiment": 1}, counts(plan))
	done := collect(w, object{})
	require.Equal(t, plan["totals"], done["totals"])
	missing(t, w.Do(http.MethodGet, experimentsAPI+"get?experiment_id="+e, nil))
	require.NotEqual(t, e, experiment(w, "again"), "an id never comes back: paths are made of it")
	require.Empty(t, w.Stored(t))

	upload(t, w, e+"/"+strings.Repeat("a", 32)+"/artifacts/late", "1")
	upload(t, w, "7777/"+strings.Repeat("a", 32)+"/artifacts/mine", "1")
	require.Equal(t, map[string]float64{"orphan": 1}, counts(collect(w, object{})), "what came after the purge goes, what was never an experiment's stays")
	require.Len(t, w.Stored(t), 1)
}

func TestGCHoldsWhatAVersionCites(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	createModel(w, "m")
	id := run(w)
	root := "0/" + id + "/artifacts/"
	upload(t, w, root+"model/MLmodel", "first")
	upload(t, w, root+"model/data.bin", "weights")
	source := object{"name": "m", "source": "runs:/" + id + "/model", "run_id": id}
	w.OK(http.MethodPost, versioned+"create", source)
	upload(t, w, root+"model/MLmodel", "second")
	w.OK(http.MethodPost, versioned+"create", source)
	upload(t, w, root+"plot.png", "picture")
	w.OK(http.MethodPost, runsAPI+"delete", object{"run_id": id})

	done := collect(w, object{})
	require.Equal(t, map[string]float64{"run": 1}, counts(done))
	require.InDelta(t, 2, done["held_files"], 0)
	missing(t, w.Do(http.MethodGet, proxy+"/"+root+"plot.png", nil))
	require.Equal(t, "first", content(t, w, frozen("1", "MLmodel")))
	require.Equal(t, "weights", content(t, w, frozen("1", "data.bin")))
	require.Equal(t, "second", content(t, w, frozen("2", "MLmodel")))
	require.Equal(t, "second", content(t, w, proxy+"/"+root+"model/MLmodel"), "a stock client goes on finding it where it was registered")
	badRequest(t, w.Do(http.MethodPost, versioned+"create", object{"name": "m", "source": "mlflow-artifacts:/" + root + "model", "run_id": id}))

	w.OK(http.MethodDelete, versioned+"delete", object{"name": "m", "version": "1"})
	require.Equal(t, map[string]float64{"version": 1, "frozen_file": 1}, counts(collect(w, object{})), "the bytes that were kept for version 1")
	require.Equal(t, "weights", content(t, w, frozen("2", "data.bin")))
	w.OK(http.MethodDelete, registered+"delete", object{"name": "m"})
	plan := collect(w, object{"dry_run": true})
	require.Equal(t, map[string]float64{"version": 1, "model": 1, "orphan": 1}, counts(plan))
	require.Equal(t, plan["totals"], collect(w, object{})["totals"])
	require.Empty(t, w.Stored(t))
	createModel(w, "m")
}

func TestGCGoesOnWhereFilesAreGone(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	id, whole := run(w), run(w)
	for i := range 3 {
		upload(t, w, fmt.Sprintf("0/%s/artifacts/%d", id, i), "x")
	}
	upload(t, w, "0/"+whole+"/artifacts/f", "x")
	w.Lose(t, "0/"+id+"/artifacts/1")
	w.Lose(t, "0/"+whole)
	for _, id := range []string{id, whole} {
		w.OK(http.MethodPost, runsAPI+"delete", object{"run_id": id})
	}
	done := collect(w, object{})
	require.Equal(t, "done", done["state"])
	require.InDelta(t, 2, done["missing_files"], 0)
	require.Equal(t, map[string]float64{"run": 2}, counts(done))
	require.Empty(t, collect(w, object{})["totals"])
}

func TestGCOfManyFiles(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	id := run(w)
	var wg sync.WaitGroup
	for part := range 10 {
		wg.Go(func() {
			for i := range 250 {
				if r := w.Do(http.MethodPut, fmt.Sprintf("%s/0/%s/artifacts/d%d/%d", proxy, id, part, i), []byte("x")); r.Status != http.StatusOK {
					t.Errorf("%d: %s", r.Status, r.Body)
				}
			}
		})
	}
	wg.Wait()
	w.OK(http.MethodPost, runsAPI+"delete", object{"run_id": id})
	done := collect(w, object{})
	require.Contains(t, done["totals"], object{"kind": "run", "count": 1.0, "files": 2500.0, "bytes": 2500.0})
	require.Empty(t, w.Stored(t))
}

func TestGCIsKilledAndGoesOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := world.StartProcess(t, dir)
	createModel(w.World, "m")
	const runs = 30
	var cited string
	for i := range runs {
		id := run(w.World)
		for j := range 5 {
			upload(t, w.World, fmt.Sprintf("0/%s/artifacts/model/%d", id, j), fmt.Sprint(i))
		}
		if i == 0 {
			cited = id
			w.OK(http.MethodPost, versioned+"create", object{"name": "m", "source": "runs:/" + id + "/model", "run_id": id})
		}
		w.OK(http.MethodPost, runsAPI+"delete", object{"run_id": id})
	}
	for range 4 {
		w.OK(http.MethodPost, "/api/v1/gc", object{"older_than": "0s"})
		<-time.After(time.Duration(rand.IntN(40)) * time.Millisecond)
		w.Kill()
		w = world.StartProcess(t, dir)
	}
	w.Eventually(time.Minute, "what was killed goes on by itself", func() bool {
		return w.OK(http.MethodGet, "/api/v1/gc?max_results=1", nil)["items"].([]any)[0].(object)["state"] == "done"
	})
	require.Equal(t, "done", collect(w.World, object{})["state"])
	list := w.OK(http.MethodPost, runsAPI+"search", object{"experiment_ids": []string{"0"}, "run_view_type": "ALL"})
	require.Empty(t, list["runs"])
	var left []string
	for _, f := range w.Stored(t) {
		if !strings.HasPrefix(f, "0/"+cited+"/") {
			left = append(left, f)
		}
	}
	require.Empty(t, left)
	require.Equal(t, "0", content(t, w.World, frozen("1", "3")))
}

func TestGCHoldsImages(t *testing.T) {
	t.Parallel()
	needServe(t)
	w := world.Start(t)
	w.OK(http.MethodPut, "/api/v1/models/shapes/pipeline", deliver, "Content-Type", "application/yaml")
	first := staged(t, w, "v1")
	second := staged(t, w, "v4-better")

	blobs := len(w.Stored(t))
	require.Empty(t, collect(w, object{})["totals"], "all that is stored is needed: it is live, or a rollback can bring it back")
	require.Len(t, w.Stored(t), blobs)
	for _, version := range []string{first, second} {
		require.Equal(t, http.StatusConflict, w.Do(http.MethodDelete, versioned+"delete", object{"name": "shapes", "version": version}).Status)
	}
	back := w.OK(http.MethodPost, "/api/v1/models/shapes/environments/staging/rollback", object{"reason": "to see that it is there"})
	require.Equal(t, "succeeded", ended(w, back)["state"])
	w.Eventually(time.Minute, "what was taken back can be deleted once its instances have stopped", func() bool {
		return w.Do(http.MethodDelete, versioned+"delete", object{"name": "shapes", "version": second}).Status == http.StatusOK
	})
	w.Eventually(time.Minute, "its image goes, its release in the history stays", func() bool {
		removed := counts(collect(w, object{}))
		return removed["image"] == 1 && removed["image_blob"] > 0
	})
	require.Empty(t, collect(w, object{})["totals"])
	require.Equal(t, first, w.OK(http.MethodGet, "/api/v1/models/shapes/environments/staging", nil)["version"])
	require.Len(t, w.OK(http.MethodGet, "/api/v1/models/shapes/environments/staging/releases", nil)["items"], 2)
}
