package ui_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// tolerated are the routes that the interface asks for, that Slipway does not
// have, and that every page is whole without: docs/mlflow-ui.md tells of each.
var tolerated = []string{
	"404 GET /ajax-api/2.0/mlflow/users/current",    // sign-in of MLflow's own; its servers without it answer 404, too
	"404 GET /ajax-api/3.0/mlflow/assistant/config", // the assistant
	"404 GET /ajax-api/3.0/mlflow/assistant/providers",
	// Evaluation datasets and scorers.
	"404 POST /ajax-api/3.0/mlflow/datasets/search",
	"404 GET /ajax-api/3.0/mlflow/scorers/list",
}

// recorder stands between a browser and the server, and notes each answer from
// 400 up, whoever asked: pages, workers, downloads.
func recorder(t *testing.T, server string, note func(string)) string {
	t.Helper()
	to, err := url.Parse(server)
	require.NoError(t, err)
	between := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host
		},
		ModifyResponse: func(r *http.Response) error {
			if r.StatusCode >= http.StatusBadRequest {
				note(fmt.Sprintf("%d %s %s", r.StatusCode, r.Request.Method, r.Request.URL.Path))
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil { // a page that was left lets go of what it asked for
				note(fmt.Sprintf("no answer to %s %s: %v", r.Method, r.URL.Path, err))
			}
			w.WriteHeader(http.StatusBadGateway)
		},
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	})
	t.Cleanup(between.Close)
	return between.URL
}
