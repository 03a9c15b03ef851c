package api_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
	"github.com/slipway-ml/slipway/tests/testbed/s3"
	"github.com/slipway-ml/slipway/tests/world"
)

// twoServers are on one database and one artifact store.
func twoServers(t *testing.T, artifacts string) [2]*world.World {
	t.Helper()
	uri := postgres.Database(t)
	var both [2]*world.World
	for i := range both {
		both[i] = world.Start(t, func(c *config.Config) {
			c.BackendStoreURI, c.ArtifactsDestination = uri, artifacts
			c.SecretKey = "0123456789abcdef0123456789abcdef"
			if artifacts[0] != '/' {
				c.S3Endpoint = s3.Shared(t).URL
			}
		})
	}
	return both
}

// Two servers register, replace, copy and delete while gc runs on both of them:
// every version that was registered keeps the bytes that it was registered with.
func TestGCNeverTakesWhatIsBeingRegistered(t *testing.T) {
	t.Parallel()
	for name, artifacts := range map[string]func(t *testing.T) string{
		"a folder": func(t *testing.T) string { return filepath.Join(t.TempDir(), "artifacts") },
		"S3":       func(t *testing.T) string { return s3.Shared(t).Address(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hammer(t, twoServers(t, artifacts(t)))
		})
	}
}

func hammer(t *testing.T, servers [2]*world.World) {
	t.Helper()
	createModel(servers[0], "m")
	var (
		mu     sync.Mutex
		want   = map[string]string{} // version → what its file says
		writes sync.WaitGroup
		over   atomic.Bool
	)
	register := func(w *world.World, source object, says string) string {
		r := w.Do(http.MethodPost, versioned+"create", source)
		if r.Status != http.StatusOK { // its run was deleted: refused, and nothing is promised
			if r.Status >= 500 {
				t.Errorf("%d: %s", r.Status, r.Body)
			}
			return ""
		}
		version := r.JSON(t)["model_version"].(object)["version"].(string)
		mu.Lock()
		defer mu.Unlock()
		want[version] = says
		return version
	}
	put := func(w *world.World, key, says string) {
		if r := w.Do(http.MethodPut, proxy+"/"+key, []byte(says)); r.Status != http.StatusOK {
			t.Errorf("%d: %s", r.Status, r.Body)
		}
	}
	for writer := range 4 {
		writes.Go(func() {
			here, there := servers[writer%2], servers[(writer+1)%2]
			id := run(here)
			for round := range 6 {
				if round == 3 {
					id = run(here)
				}
				source := object{"name": "m", "source": "runs:/" + id + "/model", "run_id": id}
				file := "0/" + id + "/artifacts/model/f"
				says := fmt.Sprint("the same of all ", round%2)
				put(here, file, says)
				first := register(there, source, says)
				put(there, file, says+"!") // first's bytes get a name of their own
				second := register(here, source, says+"!")
				register(there, object{"name": "m", "source": "models:/m/" + second}, says+"!")
				put(here, file, says)
				if round%2 == 0 {
					mu.Lock()
					delete(want, first)
					mu.Unlock()
					here.OK(http.MethodDelete, versioned+"delete", object{"name": "m", "version": first})
				}
				if round == 2 || round == 5 { // gone, and registered at the same time
					here.OK(http.MethodPost, runsAPI+"delete", object{"run_id": id})
					register(there, source, says)
				}
			}
		})
	}
	var collecting sync.WaitGroup
	var collected atomic.Int32
	for _, w := range servers {
		collecting.Go(func() {
			for !over.Load() {
				r := w.Do(http.MethodPost, "/api/v1/gc", object{"older_than": "0s"})
				if r.Status == http.StatusConflict {
					continue
				}
				g := w.OK(http.MethodGet, fmt.Sprintf("/api/v1/gc/%v?wait=1m", r.JSON(t)["id"]), nil)
				if g["state"] != "done" {
					t.Errorf("gc: %v", g)
				}
				collected.Add(1)
			}
		})
	}
	writes.Wait()
	over.Store(true)
	collecting.Wait()
	require.Positive(t, collected.Load())
	require.Equal(t, "done", collect(servers[0], object{})["state"])
	require.Greater(t, len(want), 40)
	for version, says := range want {
		var r world.Response
		servers[0].Eventually(time.Minute, "version "+version+" is frozen", func() bool {
			r = servers[0].Do(http.MethodGet, frozen(version, "f"), nil)
			return r.Status == http.StatusOK || r.Status != http.StatusConflict
		})
		require.Equal(t, says, string(r.Body), "version %s", version)
	}
}
