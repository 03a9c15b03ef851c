package cli

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnInterruptEndsAWaitCleanly(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusAccepted)
			_, _ = fmt.Fprint(w, `{"id":1,"model":"m","version":"3","environment":"production","state":"pending"}`)
			return
		}
		w.(http.Flusher).Flush()
		interrupt()
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	var stdout, stderr bytes.Buffer
	code := Main(ctx, []string{"promote", "m", "3", "--env", "production", "--wait", "--url", server.URL}, nil, &stdout, &stderr)
	require.Equal(t, exitInterrupted, code, stderr.String())
	require.Equal(t, "slipway: interrupted", strings.TrimSpace(stderr.String()[strings.LastIndex(strings.TrimSpace(stderr.String()), "\n")+1:]))
	require.Empty(t, stdout.String())
}

func TestSignInGoesWithEveryRequest(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		flags []string
		want  string
	}{
		"a token":            {[]string{"--token", "t0ken"}, "Bearer t0ken"},
		"a name":             {[]string{"--username", "ann", "--password", "pw"}, "Basic YW5uOnB3"},
		"a token before all": {[]string{"--token", "t0ken", "--username", "ann"}, "Bearer t0ken"},
		"nobody":             {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got = r.Header.Get("Authorization")
				_, _ = fmt.Fprint(w, `{"items":[]}`)
			}))
			t.Cleanup(server.Close)
			code := Main(t.Context(), append([]string{"audit", "--url", server.URL}, tc.flags...), nil, &bytes.Buffer{}, &bytes.Buffer{})
			require.Equal(t, exitOK, code)
			require.Equal(t, tc.want, got)
		})
	}
}

func TestAnotherServerIsNotTakenForSlipway(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	var stderr bytes.Buffer
	require.Equal(t, exitFailed, Main(t.Context(), []string{"audit", "--url", server.URL}, nil, &bytes.Buffer{}, &stderr))
	require.Contains(t, stderr.String(), "404 Not Found: is this a Slipway server?")
}
