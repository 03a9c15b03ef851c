package api_test

import (
	"errors"
	"io"
	"net/http"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

func TestAGigabyteWhereJSONIsExpectedIsRefused(t *testing.T) {
	t.Parallel()
	w := world.StartProcess(t, t.TempDir()) // its own process, whose memory is its own
	before := peak(t, w.Pid())
	for _, path := range []string{
		"/api/v1/datasets", "/api/v1/models/m/environments/e/promotions", "/api/v1/promotions/1/pause",
		"/api/v1/pipelines/lint", "/api/2.0/mlflow/experiments/create", "/api/2.0/mlflow/runs/log-batch",
	} {
		t.Run(path, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+path, io.LimitReader(endless{}, 1<<30))
			require.NoError(t, err)
			req.Header.Set("Content-Type", "application/json")
			resp, err := http.DefaultClient.Do(req)
			if err != nil { // it hung up while we were still sending
				require.True(t, errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET), err)
				return
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode, "%s", body)
			require.Contains(t, string(body), "INVALID_PARAMETER_VALUE")
		})
	}
	require.Less(t, peak(t, w.Pid())-before, int64(128<<20))
}
