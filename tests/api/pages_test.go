package api_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/tests/world"
)

// build makes a folder like the one that the mlflow package carries.
func build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"build/index.html": "<!doctype html><title>MLflow</title>", "build/static/js/main.0a1b.js": "let it = 'run'", "build/favicon.ico": "icon", "secret": "s",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	require.NoError(t, os.Symlink("../../secret", filepath.Join(dir, "build", "static", "out")))
	return filepath.Join(dir, "build")
}

func TestTheWebInterfaceIsServed(t *testing.T) {
	t.Parallel()
	w := world.Start(t, func(c *config.Config) { c.MLflowUI = build(t) })

	index := w.Do(http.MethodGet, "/", nil)
	require.Equal(t, 200, index.Status)
	require.Contains(t, string(index.Body), "<title>MLflow</title>")
	require.Equal(t, "text/html; charset=utf-8", index.Header.Get("Content-Type"))
	require.Equal(t, "no-cache", index.Header.Get("Cache-Control"))
	require.Equal(t, "nosniff", index.Header.Get("X-Content-Type-Options"))
	require.Contains(t, index.Header.Get("Content-Security-Policy"), "default-src 'self'")
	require.Equal(t, 304, w.Do(http.MethodGet, "/", nil, "If-Modified-Since", index.Header.Get("Last-Modified")).Status)

	script := w.Do(http.MethodGet, "/static-files/static/js/main.0a1b.js", nil)
	require.Equal(t, "let it = 'run'", string(script.Body))
	require.Equal(t, "public, max-age=31536000, immutable", script.Header.Get("Cache-Control"))
	require.Contains(t, script.Header.Get("Content-Type"), "javascript")
	require.Equal(t, "no-cache", w.Do(http.MethodGet, "/static-files/favicon.ico", nil).Header.Get("Cache-Control"))
	require.Equal(t, 200, w.Do(http.MethodHead, "/", nil).Status)

	for _, path := range []string{"nothing.js", "", "static", "static/", "../secret", "..%2fsecret", "%2e%2e/secret", "static/out", "static/../index.html", "/etc/passwd", "static//js/main.0a1b.js"} {
		refused(t, w.Do(http.MethodGet, "/static-files/"+path, nil), 404, "RESOURCE_DOES_NOT_EXIST")
	}
	refused(t, w.Do(http.MethodPost, "/", object{}), 404, "ENDPOINT_NOT_FOUND")
	refused(t, w.Do(http.MethodPut, "/static-files/favicon.ico", strings.NewReader("x")), 404, "ENDPOINT_NOT_FOUND")
	refused(t, w.Do(http.MethodGet, "/somewhere", nil), 404, "ENDPOINT_NOT_FOUND")
}

func TestWithoutAWebInterfaceThePageTellsWhatThisIs(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	index := w.Do(http.MethodGet, "/", nil)
	require.Equal(t, 200, index.Status)
	require.Contains(t, string(index.Body), "This is a Slipway server")
	require.Contains(t, string(index.Body), "--mlflow-ui")
	require.Equal(t, "nosniff", index.Header.Get("X-Content-Type-Options"))
	refused(t, w.Do(http.MethodGet, "/static-files/static/js/main.0a1b.js", nil), 404, "RESOURCE_DOES_NOT_EXIST")
}

func TestTheWebInterfaceLearnsWhatIsNotHere(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	require.JSONEq(t, `{"endpoints": []}`, string(w.Do(http.MethodGet, "/ajax-api/2.0/mlflow/gateway-proxy?gateway_path=api%2F2.0%2Fendpoints%2F", nil).Body))
	require.JSONEq(t, `{"disable_ui_telemetry": true, "disable_ui_events": [], "ui_rollout_percentage": 0}`,
		string(w.Do(http.MethodGet, "/ajax-api/3.0/mlflow/ui-telemetry", nil).Body))
	refused(t, w.Do(http.MethodPost, "/ajax-api/3.0/mlflow/ui-telemetry", object{"records": []any{}}), 404, "ENDPOINT_NOT_FOUND")
}

func TestAFolderWithoutAWebInterfaceIsRefusedAtStart(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	for dir, says := range map[string]string{
		empty: "there is no index.html: name the folder mlflow/server/js/build of an installed mlflow", filepath.Join(empty, "gone"): "no such file or directory",
	} {
		out, err := world.Command(t.Context(), "server", "--port", "0", "--data-dir", t.TempDir(), "--mlflow-ui", dir).CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), "--mlflow-ui "+dir+": ")
		require.Contains(t, string(out), says)
	}
}
