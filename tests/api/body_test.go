package api_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/api"
	v1 "github.com/slipway-ml/slipway/api/v1"
	"github.com/slipway-ml/slipway/tests/world"
)

// routes is the server's whole table, but for the twins under /ajax-api; each
// of its paths is filled so that it could be one.
func routes(t *testing.T) gin.RoutesInfo {
	t.Helper()
	engine, err := api.New(api.Handlers{Registry: prometheus.NewRegistry(), V1: &v1.Server{}}, api.Options{Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	parameter := regexp.MustCompile(`[:*](\w+)`)
	table := slices.DeleteFunc(engine.Routes(), func(r gin.RouteInfo) bool {
		return strings.HasPrefix(r.Path, "/ajax-api/2.0/mlflow/") && !strings.HasSuffix(r.Path, "upload-artifact")
	})
	for i, r := range table {
		path := strings.Replace(r.Path, "/serve/*path", "/serve/m/e/invocations", 1)
		table[i].Path = parameter.ReplaceAllStringFunc(path, func(name string) string {
			switch name {
			case ":version", ":id", ":release":
				return "1"
			case ":digest":
				return "sha256:" + strings.Repeat("0", 64)
			}
			return "x"
		})
	}
	return table
}

// streams tells whether a route takes a file, which may have any size.
func streams(r gin.RouteInfo) bool {
	return r.Method == http.MethodPut && (strings.Contains(r.Path, "/mlflow-artifacts/") || strings.Contains(r.Path, "/blobs/"))
}

// needless tells an answer that is given before anybody asks for a body: of
// what takes none, or of OpenTelemetry's route, which looks at its headers
// first.
func needless(r gin.RouteInfo, status int) bool {
	bare := r.Method == http.MethodDelete || strings.HasSuffix(r.Path, "/rotate-key")
	return status == http.StatusNotFound || status == http.StatusNotImplemented || bare && status == http.StatusOK ||
		strings.HasPrefix(r.Path, "/v1/") && status == http.StatusBadRequest
}

// A body that says that it is too large is refused before any of it is read, on
// every route.
func TestABodyThatIsAnnouncedTooLargeIsNotRead(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	refusals := 0
	for _, r := range routes(t) {
		if streams(r) {
			continue
		}
		conn := dial(t, w)
		_, err := fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", r.Method, r.Path, 1<<40)
		require.NoError(t, err)
		answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: r.Method})
		require.NoError(t, err, "%s %s", r.Method, r.Path)
		body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
		require.NoError(t, err, "%s %s", r.Method, r.Path)
		require.NoError(t, answer.Body.Close())
		require.NoError(t, conn.Close())
		if r.Method == http.MethodGet || r.Method == http.MethodHead || needless(r, answer.StatusCode) {
			continue // it does not look at its body, or needs not
		}
		require.Equal(t, http.StatusRequestEntityTooLarge, answer.StatusCode, "%s %s: %s", r.Method, r.Path, body)
		require.Contains(t, string(body), `"error_code":"INVALID_PARAMETER_VALUE"`)
		require.Contains(t, string(body), "is larger than ")
		refusals++
	}
	require.Greater(t, refusals, 50)
}

// One that does not say so is refused when the limit has passed.
func TestABodyWithoutEndIsRefused(t *testing.T) {
	t.Parallel()
	w := world.StartProcess(t, t.TempDir()) // its own process, whose memory is its own
	before := peak(t, w.Pid())
	refusals := 0
	for _, r := range routes(t) {
		if streams(r) || r.Method == http.MethodGet || r.Method == http.MethodHead {
			continue
		}
		req, err := http.NewRequestWithContext(t.Context(), r.Method, w.URL+r.Path, io.LimitReader(endless{}, 1<<30))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil { // it hung up while we were still sending
			require.True(t, errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET), "%s %s: %v", r.Method, r.Path, err)
			refusals++
			continue
		}
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		if needless(r, resp.StatusCode) {
			continue
		}
		require.Contains(t, []int{http.StatusRequestEntityTooLarge, http.StatusBadRequest}, resp.StatusCode, "%s %s: %s", r.Method, r.Path, body)
		require.Contains(t, string(body), `"error_code":"INVALID_PARAMETER_VALUE"`)
		refusals++
	}
	require.Greater(t, refusals, 50)
	require.Less(t, peak(t, w.Pid())-before, int64(128<<20))
}
