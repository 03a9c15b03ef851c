package api_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

// deliver is the demo's pipeline without its data set: each validated version
// goes to staging by itself, production has a canary.
const deliver = `model: shapes
validation:
  steps: [{check: integrity}]
serving: {threads: 1}
environments:
  staging: {target: process, promote: auto}
  production:
    target: process
    gates: [validated, staging]
    rollout:
      steps: [{weight: 25, hold: 1s}, {weight: 50, hold: 1s}, {weight: 100}]
      analysis: [{metric: error_rate, no_worse_than: {production: 0.05}}]
`

const inProduction = "/api/v1/models/shapes/environments/production"

// staged registers a detector and waits until it is live in staging.
func staged(t *testing.T, w *world.World, detector string) string {
	t.Helper()
	version := registerShapes(t, w, "shapes", detector, nil)
	w.Eventually(2*time.Minute, "version "+version+" goes live in staging", func() bool {
		return w.OK(http.MethodGet, "/api/v1/models/shapes/environments/staging", nil)["version"] == version
	})
	return version
}

// promoted asks for a version in production and waits for the end.
func promoted(w *world.World, version string) object {
	p := w.OK(http.MethodPost, inProduction+"/promotions", object{"version": version})
	return ended(w, p)
}

func ended(w *world.World, p object) object {
	return w.OK(http.MethodGet, fmt.Sprintf("/api/v1/promotions/%v?wait=3m", p["id"]), nil)
}

// pictures are those of the data set and the live ones, in turn: on the latter
// some detectors fail.
func pictures(t *testing.T) [][]byte {
	t.Helper()
	var all [][]byte
	for _, pattern := range []string{"val/images/*.jpg", "live/*.jpg"} {
		paths, err := filepath.Glob(filepath.Join(world.Root(), "tests", "data", "shapes", pattern))
		require.NoError(t, err)
		for _, p := range paths {
			picture, err := os.ReadFile(p)
			require.NoError(t, err)
			all = append(all, picture)
		}
	}
	require.NotEmpty(t, all)
	return all
}

// visitors send pictures to production all the time.
type visitors struct {
	sent, failed, lost atomic.Int64
	stop               func()

	mu  sync.Mutex
	why string
}

// visit starts some, each of whom thinks for a while between two pictures, so
// that a slow machine has fewer requests and none in vain.
func visit(t *testing.T, w *world.World) *visitors {
	t.Helper()
	const visitorsAtOnce, think = 5, 60 * time.Millisecond
	v, set := &visitors{}, pictures(t)
	ctx, cancel := context.WithCancel(context.Background())
	var under sync.WaitGroup
	var next atomic.Int64
	for range visitorsAtOnce {
		under.Go(func() {
			tick := time.NewTicker(think)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
					v.one(w.URL, set[next.Add(1)%int64(len(set))])
				}
			}
		})
	}
	v.stop = func() { cancel(); under.Wait() }
	t.Cleanup(v.stop)
	return v
}

// one counts a request as lost where no release answered it, and as failed
// where one did with a fault of its model.
func (v *visitors) one(url string, picture []byte) {
	v.sent.Add(1)
	resp, err := http.Post(url+"/serve/shapes/production/detect", "image/jpeg", bytes.NewReader(picture))
	if err != nil {
		v.lose(err.Error())
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		v.lose(err.Error())
	case resp.StatusCode == http.StatusInternalServerError:
		v.failed.Add(1)
	case resp.StatusCode != http.StatusOK:
		v.lose(fmt.Sprintf("%d %s", resp.StatusCode, body))
	}
}

func (v *visitors) lose(why string) {
	v.lost.Add(1)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.why = why
}

func TestDeliveryEndToEnd(t *testing.T) {
	t.Parallel()
	needServe(t)
	w := world.Start(t)
	w.Do(http.MethodPost, registered+"create", object{"name": "shapes"})
	w.OK(http.MethodPut, "/api/v1/models/shapes/pipeline", []byte(deliver))

	one := staged(t, w, "v1")
	p := promoted(w, one)
	require.Equal(t, "succeeded", p["state"], "%v", p)
	require.Contains(t, p["reason"], "smoke test")
	load := visit(t, w)

	fragile := staged(t, w, "v3-fragile")
	p = promoted(w, fragile)
	require.Equal(t, "rolled_back", p["state"], "%v", p["reason"])
	look := p["analysis"].([]any)[0].(object)
	require.Equal(t, "worse", look["verdict"])
	require.Greater(t, look["lower"], 0.05)
	t.Logf("taken back at step %v after %v and %v requests: %v", p["step"], look["samples"], look["stable_samples"], p["reason"])
	require.Positive(t, load.failed.Load(), "only a failing model's answers are failures")
	failed := load.failed.Load()
	r := w.Do(http.MethodPost, inProduction+"/promotions", object{"version": fragile})
	require.Equal(t, http.StatusConflict, r.Status)
	require.Contains(t, r.JSON(t)["message"], "quarantined")

	better := staged(t, w, "v4-better")
	p = promoted(w, better)
	require.Equal(t, "succeeded", p["state"], "%v", p["reason"])
	env := w.OK(http.MethodGet, inProduction, nil)
	require.Equal(t, better, env["version"])
	require.EqualValues(t, 1, env["warm_release"])
	alias := w.OK(http.MethodGet, "/api/2.0/mlflow/registered-models/alias?name=shapes&alias=production", nil)["model_version"].(object)
	require.Equal(t, better, alias["version"])
	require.Equal(t, "Production", alias["current_stage"])

	began := time.Now()
	p = w.OK(http.MethodPost, inProduction+"/rollback", object{"reason": "by hand"})
	t.Logf("rolled back in %s", time.Since(began))
	require.Equal(t, "succeeded", p["state"])
	require.Equal(t, one, w.OK(http.MethodGet, inProduction, nil)["version"])

	load.stop()
	require.Zero(t, load.lost.Load(), "of %d: %s", load.sent.Load(), load.why)
	require.Equal(t, failed, load.failed.Load(), "v1 and v4 fail on no picture")
	t.Logf("%d requests, %d failed by v3, none lost", load.sent.Load(), failed)
	taken := w.OK(http.MethodGet, "/api/v1/audit?model=shapes&environment=production&action=promotion.rolled_back", nil)["items"].([]any)
	require.Len(t, taken, 1)
	saw := taken[0].(object)["details"].(object)["analysis"].([]any)[0].(object)
	require.Equal(t, "worse", saw["verdict"], "the record holds what the analysis saw")
}

func TestDeliverySurvivesKills(t *testing.T) {
	t.Parallel()
	needServe(t)
	dir := t.TempDir()
	server := world.StartProcess(t, dir)
	server.Do(http.MethodPost, registered+"create", object{"name": "shapes"})
	server.OK(http.MethodPut, "/api/v1/models/shapes/pipeline", []byte(deliver))
	one := registerShapes(t, server.World, "shapes", "v1", nil)
	restart := func() {
		server.Kill()
		server = world.StartProcess(t, dir)
	}
	restart() // in the middle of its validation, build or rollout to staging
	server.Eventually(2*time.Minute, "staging goes on", func() bool {
		return server.OK(http.MethodGet, "/api/v1/models/shapes/environments/staging", nil)["version"] == one
	})
	p := server.OK(http.MethodPost, inProduction+"/promotions", object{"version": one})
	restart() // while building or deploying
	require.Equal(t, "succeeded", ended(server.World, p)["state"])
	instances := up(server.World)

	better := registerShapes(t, server.World, "shapes", "v4-better", nil)
	server.Eventually(2*time.Minute, "staging goes on", func() bool {
		return server.OK(http.MethodGet, "/api/v1/models/shapes/environments/staging", nil)["version"] == better
	})
	p = server.OK(http.MethodPost, inProduction+"/promotions", object{"version": better})
	server.Eventually(time.Minute, "it shifts", func() bool {
		state := server.OK(http.MethodGet, fmt.Sprintf("/api/v1/promotions/%v", p["id"]), nil)["state"]
		return state == "shifting" || state == "paused"
	})
	began := time.Now()
	restart() // in the middle of the canary
	require.Equal(t, instances, up(server.World), "the instances outlived the server")
	resp := server.Do(http.MethodGet, "/serve/shapes/production/health", nil)
	require.Equal(t, http.StatusOK, resp.Status, "%s", resp.Body)
	t.Logf("serving again %s after the kill", time.Since(began))
	visit(t, server.World)
	require.Equal(t, "succeeded", ended(server.World, p)["state"])
	require.Equal(t, better, server.OK(http.MethodGet, inProduction, nil)["version"])
}

// up is the stable release of production and how many of its instances answer.
func up(w *world.World) [2]any {
	stable := w.OK(http.MethodGet, inProduction, nil)["traffic"].([]any)[0].(object)
	return [2]any{stable["release"], stable["ready"]}
}
