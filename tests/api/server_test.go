package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

func TestServer(t *testing.T) {
	t.Parallel()
	w := world.Start(t)

	t.Run("health answers OK", func(t *testing.T) {
		r := w.Do(http.MethodGet, "/health", nil)
		require.Equal(t, http.StatusOK, r.Status)
		require.Equal(t, "OK", string(r.Body))
	})
	t.Run("an unknown route is ENDPOINT_NOT_FOUND", func(t *testing.T) {
		r := w.Do(http.MethodGet, "/api/2.0/mlflow/nowhere", nil)
		require.Equal(t, http.StatusNotFound, r.Status)
		require.Equal(t, "ENDPOINT_NOT_FOUND", r.JSON(t)["error_code"])
	})
	t.Run("a page of another origin changes nothing", func(t *testing.T) {
		r := w.Do(http.MethodPost, "/api/2.0/mlflow/experiments/create", "{}", "Origin", "http://evil.example")
		require.Equal(t, http.StatusForbidden, r.Status)
	})
	t.Run("unknown paths share one series", func(t *testing.T) {
		for _, p := range []string{"/a", "/b", "/c/d"} {
			w.Do(http.MethodGet, p, nil)
		}
		body := string(w.Do(http.MethodGet, "/metrics", nil).Body)
		require.Contains(t, body, `route="none"`)
		require.NotContains(t, body, `route="/a"`)
	})
}

func TestServerRestartsOnItsData(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	world.StartIn(t, dir).Stop()
	w := world.StartIn(t, dir)
	require.Equal(t, http.StatusOK, w.Do(http.MethodGet, "/health", nil).Status)
}

func TestServerProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := world.StartProcess(t, dir)
	require.Equal(t, http.StatusOK, p.Do(http.MethodGet, "/health", nil).Status)
	p.Kill()
	p = world.StartProcess(t, dir)
	require.Equal(t, http.StatusOK, p.Do(http.MethodGet, "/health", nil).Status)
	p.Term()
}
