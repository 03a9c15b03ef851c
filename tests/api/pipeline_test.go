package api_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

const smallPipeline = `model: shapes-detector
validation:
  steps:
    - check: integrity
environments:
  staging: {target: process, promote: auto}
`

func TestAPipelineIsAppliedAndRead(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	first := w.OK(http.MethodPut, "/api/v1/models/shapes-detector/pipeline", []byte(smallPipeline), "Content-Type", "application/yaml")
	require.EqualValues(t, 1, first["revision"])
	same := w.OK(http.MethodPut, "/api/v1/models/shapes-detector/pipeline", []byte(smallPipeline))
	require.Equal(t, first, same)
	second := w.OK(http.MethodPut, "/api/v1/models/shapes-detector/pipeline", `{"model": "shapes-detector", "on": "manual"}`)
	require.EqualValues(t, 2, second["revision"])

	current := w.OK(http.MethodGet, "/api/v1/models/shapes-detector/pipeline", nil)
	require.Equal(t, second, current)
	old := w.OK(http.MethodGet, "/api/v1/models/shapes-detector/pipeline?revision=1", nil)
	require.Equal(t, smallPipeline, old["document"])
	page := w.OK(http.MethodGet, "/api/v1/models/shapes-detector/pipeline/revisions?max_results=1", nil)
	require.Len(t, page["items"], 1)
	page = w.OK(http.MethodGet, "/api/v1/models/shapes-detector/pipeline/revisions?page_token="+page["next_page_token"].(string), nil)
	require.Len(t, page["items"], 1)

	audit := w.OK(http.MethodGet, "/api/v1/audit?action=pipeline.applied", nil)
	require.Len(t, audit["items"], 2)
}

func TestAFaultyPipelineIsRefusedWithThePlace(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	faulty := "model: m\nvalidation:\n  steps:\n    - check: intgrity\n    - check: detection\n      dataset: d@1\n      thresholds: {map50: high}\n"
	r := w.Do(http.MethodPut, "/api/v1/models/m/pipeline", []byte(faulty))
	require.Equal(t, http.StatusBadRequest, r.Status)
	require.Contains(t, string(r.Body), "line 4, column 14")
	require.Contains(t, string(r.Body), "did you mean \\\"integrity\\\"")
	require.Len(t, r.JSON(t)["details"], 2)
	require.Equal(t, http.StatusNotFound, w.Do(http.MethodGet, "/api/v1/models/m/pipeline", nil).Status)

	report := w.OK(http.MethodPost, "/api/v1/pipelines/lint", []byte(faulty))
	require.Equal(t, false, report["valid"])
	require.Equal(t, "m", report["model"])
	finding := report["findings"].([]any)[0].(map[string]any)
	require.EqualValues(t, 4, finding["line"])
	require.EqualValues(t, 14, finding["column"])
	require.Equal(t, "validation.steps[0].check", finding["path"])
	require.Contains(t, finding["allowed"], "detection")
}

func TestTheSchemaIsServedAsCheckedIn(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	checkedIn, err := os.ReadFile(filepath.Join(world.Root(), "openapi", "slipway.schema.json"))
	require.NoError(t, err)
	require.JSONEq(t, string(checkedIn), string(w.Do(http.MethodGet, "/api/v1/pipelines/schema", nil).Body))
}
