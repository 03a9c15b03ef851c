package api_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

const allChecks = `    - check: integrity
    - check: signature
    - check: onnx
      thresholds: {batch_difference: "<= 0.001"}
    - check: metrics
      thresholds: {val_map50: ">= 0.8"}
    - check: latency
      requests: 300
      starts: 1
      thresholds: {p99_ms: "<= 60000", peak_memory_mb: "<= 4000"}
    - check: robustness
      dataset: shapes-val@1
      changes: [blur, flip_horizontal]
      sample: 6
      thresholds: {unanswered: "<= 0"}
`

func TestChecksOfAVersion(t *testing.T) {
	t.Parallel()
	needServe(t)
	w := world.Start(t)
	require.Equal(t, http.StatusOK, pushDataset(t, w, "shapes-val", shapesFiles(t)).Status)
	validate := func(version string, logged float64) object {
		got := w.OK(http.MethodGet, versioned+"get?name=m&version="+version, nil)["model_version"].(object)
		w.OK(http.MethodPost, "/api/2.0/mlflow/runs/log-metric", object{"run_id": got["run_id"], "key": "val_map50", "value": logged, "timestamp": 1, "step": 1})
		applyPipeline(w, "m", allChecks)
		r := w.Do(http.MethodPost, "/api/v1/models/m/versions/"+version+"/validations", nil)
		require.Equal(t, http.StatusAccepted, r.Status, "%s", r.Body)
		return w.OK(http.MethodGet, fmt.Sprintf("/api/v1/validations/%v?wait=2m", r.JSON(t)["id"]), nil)
	}
	version := registerShapes(t, w, "m", "v4-dynamic", nil)
	v := validate(version, 0.89)
	require.Equal(t, "passed", v["state"], "%v", v)
	steps := v["steps"].([]any)
	require.Contains(t, figures(steps[2]), "batch_difference")
	require.InDelta(t, 0.89, figures(steps[3])["val_map50"], 1e-12)
	require.Positive(t, figures(steps[4])["p99_ms"])
	require.Positive(t, figures(steps[4])["peak_memory_mb"])
	require.Contains(t, figures(steps[5]), "map50_drop[blur]")
	require.Contains(t, fmt.Sprint(steps[1]), "the version has no signature", "a warning")
	require.Contains(t, fmt.Sprint(steps[4]), "cores", "the hardware is told")

	applyPipeline(w, "n", "    - check: robustness\n      dataset: shapes-val@1\n      changes: [blur]\n      sample: 2\n")
	v = validated(w, "n", registerShapes(t, w, "n", "v3-fragile", nil))
	require.Equal(t, "failed", v["state"], "%v", v)
	require.Contains(t, v["reason"], "it does not answer an all-black picture")
}
