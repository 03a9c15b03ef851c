package api_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
	"github.com/slipway-ml/slipway/tests/world"
)

// What many clients do at once comes out right by constraints, on both
// databases.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*config.Config){
		"sqlite":   func(*config.Config) {},
		"postgres": func(c *config.Config) { c.BackendStoreURI = postgres.Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.Start(t, change)
			const api = "/api/2.0/mlflow/"
			atOnce := func(n int, path string, body func(int) map[string]any) (answers []world.Response) {
				answers = make([]world.Response, n)
				var clients sync.WaitGroup
				for i := range n {
					clients.Go(func() { answers[i] = w.Do(http.MethodPost, api+path, body(i)) })
				}
				clients.Wait()
				return answers
			}

			w.OK(http.MethodPost, api+"registered-models/create", map[string]any{"name": "m"})
			numbers := map[any]bool{}
			for _, r := range atOnce(100, "model-versions/create", func(int) map[string]any { return map[string]any{"name": "m", "source": "s3://elsewhere/x"} }) {
				require.Equal(t, http.StatusOK, r.Status, "%s", r.Body)
				numbers[r.JSON(t)["model_version"].(map[string]any)["version"]] = true
			}
			for n := 1; n <= 100; n++ {
				require.True(t, numbers[fmt.Sprint(n)], "version %d", n)
			}

			made := 0
			for _, r := range atOnce(20, "experiments/create", func(int) map[string]any { return map[string]any{"name": "e"} }) {
				if r.Status == http.StatusOK {
					made++
					continue
				}
				require.Equal(t, "RESOURCE_ALREADY_EXISTS", r.JSON(t)["error_code"])
			}
			require.Equal(t, 1, made)

			run := w.OK(http.MethodPost, api+"runs/create", map[string]any{"experiment_id": "0"})["run"].(map[string]any)["info"].(map[string]any)["run_id"]
			logged := 0
			for _, r := range atOnce(2, "runs/log-parameter", func(i int) map[string]any {
				return map[string]any{"run_id": run, "key": "p", "value": fmt.Sprint(i)}
			}) {
				if r.Status == http.StatusOK {
					logged++
					continue
				}
				require.Equal(t, "INVALID_PARAMETER_VALUE", r.JSON(t)["error_code"])
			}
			require.Equal(t, 1, logged)
			for _, r := range atOnce(20, "runs/set-tag", func(i int) map[string]any {
				return map[string]any{"run_id": run, "key": "t", "value": fmt.Sprint(i)}
			}) {
				require.Equal(t, http.StatusOK, r.Status, "%s", r.Body)
			}
			w.OK(http.MethodPost, api+"runs/log-parameter", object{"run_id": run, "key": "empty", "value": ""})
			_, params, tags := mlflow{w, t}.data(run.(string))
			require.Equal(t, "", params["empty"])
			require.Contains(t, params, "empty")
			require.Regexp(t, `^1?\d$`, tags["t"], "one of the values, once")
			for _, version := range []any{7, "7"} {
				v := w.OK(http.MethodPost, api+"model-versions/transition-stage", object{"name": "m", "version": version, "stage": "staging"})["model_version"].(object)
				require.Equal(t, "7", v["version"])
			}
		})
	}
}
