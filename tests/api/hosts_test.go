package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

// A web page that a person visits cannot drive a server without sign-in: it
// answers to its own names only, and tells who is refused how to be let in.
func TestHostsAndOrigins(t *testing.T) {
	t.Parallel()
	p := world.StartProcess(t, t.TempDir(), "--allowed-hosts", "slipway,*.example.org,[2001:db8::1],ported:5000")
	at := func(method, path, host, origin string) (int, string) {
		t.Helper()
		conn := dial(t, p.World)
		_, err := fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\nContent-Type: application/json\r\nContent-Length: 18\r\n\r\n%s", method, path, host, origin, `{"max_results": 1}`)
		require.NoError(t, err)
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return answer.StatusCode, string(body)
	}
	ask := func(method, host, origin string) (int, string) {
		t.Helper()
		return at(method, a2+"experiments/search?max_results=1", host, origin)
	}
	for _, host := range []string{
		"127.0.0.1", "127.0.0.1:5000", "localhost:80", "[::1]:5000", "[::1]", "slipway", "slipway:5000", "SLIPWAY:5000", "a.example.org", "b.a.example.org:443", "[2001:db8::1]:5000",
		"ported", "ported:6000",
	} {
		status, body := ask(http.MethodPost, host, "http://"+host)
		require.Equal(t, http.StatusOK, status, "%s: %s", host, body)
	}
	for _, host := range []string{"evil.example", "evil.example:5000", "example.org", "slipway.evil.example", "evilexample.org", "[2001:db8::2]:5000", "192.0.2.1", "127.0.0.1.evil.example"} {
		status, body := ask(http.MethodGet, host, "")
		require.Equal(t, http.StatusForbidden, status, "%s: %s", host, body)
		require.Contains(t, body, "PERMISSION_DENIED")
		require.Contains(t, body, "--allowed-hosts")
		status, body = ask(http.MethodPost, "slipway", "https://"+host)
		require.Equal(t, http.StatusForbidden, status, "%s: %s", host, body)
	}
	status, _ := ask(http.MethodPost, "slipway", "null")
	require.Equal(t, http.StatusForbidden, status)
	require.True(t, p.Logs(`Host \"evil.example:5000\" is not allowed here: start the server with --allowed-hosts evil.example`))
	for _, probe := range []string{"/health", "/version"} { // which a load balancer asks by an address
		status, body := at(http.MethodGet, probe, "192.0.2.1", "")
		require.Equal(t, http.StatusOK, status, body)
	}
	require.ErrorContains(t, world.LaunchProcess(t, t.TempDir(), "--host", "0.0.0.0").Ready(), "--host 0.0.0.0: without sign-in Slipway listens on loopback only")
}
