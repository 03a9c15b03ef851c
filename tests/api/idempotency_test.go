package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

func TestARepeatedPOSTStartsOneValidation(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := world.StartIn(t, dir)
	w.OK(http.MethodPut, "/api/v1/models/m/pipeline", []byte("model: m\non: manual\nvalidation:\n  steps:\n    - check: integrity\n"))
	registerShapes(t, w, "m", "v1", nil)
	path := "/api/v1/models/m/versions/1/validations"
	first := w.Do(http.MethodPost, path, nil, "Idempotency-Key", "k")
	require.Equal(t, http.StatusAccepted, first.Status, "%s", first.Body)

	again := w.Do(http.MethodPost, path, nil, "Idempotency-Key", "k")
	require.Equal(t, first.Status, again.Status)
	require.Equal(t, first.Body, again.Body)
	require.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))

	// A restart forgets nothing.
	w.Stop()
	w = world.StartIn(t, dir)
	require.Equal(t, first.Body, w.Do(http.MethodPost, path, nil, "Idempotency-Key", "k").Body)
	require.Len(t, w.OK(http.MethodGet, path, nil)["items"], 1)

	// Another key is another validation; the same key for another request is a mistake.
	require.NotEqual(t, first.Body, w.Do(http.MethodPost, path, nil, "Idempotency-Key", "l").Body)
	r := w.Do(http.MethodPost, "/api/v1/datasets", map[string]any{"name": "d"}, "Idempotency-Key", "k")
	require.Equal(t, http.StatusBadRequest, r.Status)
	require.Contains(t, r.JSON(t)["message"], "k")

	// What was refused can be tried again under its key.
	missing := "/api/v1/models/m/versions/2/validations"
	require.Equal(t, http.StatusNotFound, w.Do(http.MethodPost, missing, nil, "Idempotency-Key", "n").Status)
	registerShapes(t, w, "m", "v1", nil)
	require.Equal(t, http.StatusAccepted, w.Do(http.MethodPost, missing, nil, "Idempotency-Key", "n").Status)
}
