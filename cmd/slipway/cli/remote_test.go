package cli

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAServerThatDoesNotAnswerIsGivenUp(t *testing.T) {
	t.Parallel()
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or the server does not see the caller go
		<-r.Context().Done()
	}))
	t.Cleanup(silent.Close)
	for name, args := range map[string][]string{
		"Slipway's own API": {"status", "m"},
		"MLflow's API":      {"register", "m", "--source", "models:/m/1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			began := time.Now()
			code := Main(t.Context(), append(args, "--url", silent.URL, "--timeout", "100ms"), nil, &stdout, &stderr)
			require.Equal(t, exitFailed, code)
			require.Contains(t, stderr.String(), "no answer within 100ms (--timeout)")
			require.Less(t, time.Since(began), 10*time.Second)
		})
	}
}
