package observability

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/testbed"
	"github.com/slipway-ml/slipway/tests/world"
)

func TestMain(m *testing.M) { world.Main(m) }

const pipeline = `
model: watched
validation:
  steps: [{check: integrity}, {check: onnx}]
environments:
  production:
    target: process
    promote: auto
    gates: [validated]
    rollout: {steps: [{weight: 50, hold: 10m}, {weight: 100}]}
`

func TestEveryQueryOfTheDashboardAndTheRulesHasDataDuringARollout(t *testing.T) {
	t.Parallel()
	testbed.Bin(t)
	w := world.Start(t)
	p := startPrometheus(t, w.URL)
	w.OK("PUT", "/api/v1/models/watched/pipeline", pipeline, "Content-Type", "application/yaml")
	register(t, w, "v1.onnx")
	eventually(t, "version 1 takes all the traffic", func() bool { return weights(t, w)["1"] == 100 })
	register(t, w, "v4-better.onnx")
	eventually(t, "version 2 takes half the traffic", func() bool { return weights(t, w)["2"] == 50 })
	send(t, w)

	for name, query := range readDashboard(t, "rollout.json").queries(t, "watched", "production") {
		p.eventually(t, query)
		t.Log("data for", name)
	}
	for _, record := range []string{
		"release:slipway_gateway_requests:rate1m",
		"release:slipway_gateway_failures:ratio_rate1m",
		"release:slipway_gateway_request_duration_seconds:p99_5m",
	} {
		p.eventually(t, record+`{model="watched", environment="production"}`)
	}
	logged := p.eventually(t, `slipway_model_metric{model="watched", metric="map50"}`)
	require.Equal(t, "0.857", logged[0].Value[1], "what the training run logged")
	for _, version := range []string{"1", "2"} {
		p.eventually(t, `slipway_serve_model_info{job="slipway-serve", model="watched", environment="production", version="`+version+`"}`)
	}
	p.eventually(t, `slipway_db_transaction_duration_seconds_count{access="write", outcome="ok"}`)
	p.eventually(t, `slipway_store_bytes_total{operation="put"}`)
	require.Len(t, p.query(t, `slipway_gateway_traffic_weight_ratio{model="watched"} == 0.5`), 2)
}

// register logs and registers a detector with the stock client.
func register(t *testing.T, w *world.World, file string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), testbed.Python(t), "testdata/register.py", "watched",
		filepath.Join(testbed.Root(t), "tests", "data", "shapes", file))
	command.Env = append(os.Environ(), "MLFLOW_TRACKING_URI="+w.URL)
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// weights are production's, by version.
func weights(t *testing.T, w *world.World) map[string]float64 {
	t.Helper()
	found := map[string]float64{}
	traffic, _ := w.OK("GET", "/api/v1/models/watched/environments/production", nil)["traffic"].([]any)
	for _, each := range traffic {
		release := each.(map[string]any)
		found[release["version"].(string)] = release["weight"].(float64)
	}
	return found
}

func eventually(t *testing.T, what string, happened func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !happened() {
		require.False(t, time.Now().After(deadline), "this did not happen: %s", what)
		time.Sleep(200 * time.Millisecond)
	}
}

// send posts pictures until the test ends.
func send(t *testing.T, w *world.World) {
	t.Helper()
	picture, err := os.ReadFile(filepath.Join(testbed.Root(t), "tests", "data", "shapes", "val", "images", "0000.jpg"))
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for t.Context().Err() == nil {
			w.Do("POST", "/serve/watched/production/detect", picture, "Content-Type", "image/jpeg")
			time.Sleep(50 * time.Millisecond)
		}
	}()
	t.Cleanup(func() { <-ended })
}
