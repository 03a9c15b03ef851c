package api_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
	"github.com/slipway-ml/slipway/tests/world"
)

// Postgres ends at once under load and starts again: every request ends, by
// 200 or 503, and what was acknowledged is there.
func TestPostgresIsRestartedUnderLoad(t *testing.T) {
	t.Parallel()
	cluster := postgres.Start(t)
	w := world.Start(t, func(c *config.Config) { c.BackendStoreURI = postgres.Fresh(t, cluster.URI) })
	id := w.OK(http.MethodPost, "/api/2.0/mlflow/experiments/create", map[string]any{"name": "ledger"})["experiment_id"]
	var ledger sync.Map
	var acknowledged, after atomic.Int64
	var restarted atomic.Bool
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				began := time.Now()
				r := w.Do(http.MethodPost, "/api/2.0/mlflow/runs/create", map[string]any{"experiment_id": id, "start_time": 1})
				if took := time.Since(began); took > 30*time.Second {
					t.Errorf("a request took %s", took)
				}
				switch r.Status {
				case http.StatusOK:
					ledger.Store(r.JSON(t)["run"].(map[string]any)["info"].(map[string]any)["run_id"], true)
					acknowledged.Add(1)
					if restarted.Load() {
						after.Add(1)
					}
				case http.StatusServiceUnavailable:
					if r.Header.Get("Retry-After") == "" {
						t.Error("a 503 without Retry-After")
					}
				default:
					t.Errorf("%d: %s", r.Status, r.Body)
					return
				}
			}
		})
	}
	require.Eventually(t, func() bool { return acknowledged.Load() > 50 }, 20*time.Second, 10*time.Millisecond)
	cluster.Control(t, "restart", "-m", "immediate", "-w")
	restarted.Store(true)
	require.Eventually(t, func() bool { return after.Load() > 50 }, 20*time.Second, 10*time.Millisecond, "the pool heals")
	close(stop)
	clients.Wait()
	ledger.Range(func(run, _ any) bool {
		w.OK(http.MethodGet, "/api/2.0/mlflow/runs/get?run_id="+run.(string), nil)
		return true
	})
}
