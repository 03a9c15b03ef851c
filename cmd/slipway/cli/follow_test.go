package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// A stream that breaks, a server that is starting, and then the end.
func TestFollowOutlivesTheServer(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch asked.Add(1) {
		case 1:
			_, _ = fmt.Fprint(w, "event: promotion\ndata: {\"id\":1}\n\n: alive\n\nevent: promotion\nda")
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			_, _ = fmt.Fprint(w, "event: promotion\ndata: {\"id\":2}\n\nevent: end\ndata: {\"id\":3}\n\n")
		}
	}))
	t.Cleanup(server.Close)
	var seen []string
	err := follow(t.Context(), open(t, server.URL), func(event string, data []byte) error {
		seen = append(seen, event+" "+string(data))
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, []string{`promotion {"id":1}`, `promotion {"id":2}`, `end {"id":3}`}, seen)
}

func TestFollowEndsAtARefusal(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = fmt.Fprint(w, `{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"there is no promotion 9"}`)
	}))
	t.Cleanup(server.Close)
	err := follow(t.Context(), open(t, server.URL), nil)
	require.EqualError(t, err, "there is no promotion 9")
	require.True(t, refusedAs(err, "RESOURCE_DOES_NOT_EXIST"))
}

func TestFollowEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, follow(ctx, open(t, "http://127.0.0.1:1"), nil), context.Canceled)
}

func open(t *testing.T, url string) func() (*http.Response, error) {
	t.Helper()
	return func() (*http.Response, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		require.NoError(t, err)
		return http.DefaultClient.Do(req)
	}
}
