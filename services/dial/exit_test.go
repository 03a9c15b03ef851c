package dial_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/services/dial"
)

func client(t *testing.T, way *dial.Way, server *httptest.Server) *http.Client {
	t.Helper()
	proxy, err := url.Parse(way.URL())
	require.NoError(t, err)
	c := server.Client()
	c.Transport.(*http.Transport).Proxy = http.ProxyURL(proxy)
	return c
}

func TestAnExitLeadsWhereItMay(t *testing.T) {
	t.Parallel()
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	for name, start := range map[string]func(http.Handler) *httptest.Server{"http": httptest.NewServer, "https": httptest.NewTLSServer} {
		t.Run(name, func(t *testing.T) {
			server := start(hello)
			t.Cleanup(server.Close)
			address := server.Listener.Addr().String()
			for _, c := range []struct {
				name  string
				exit  dial.Exit
				wrong error
			}{
				{"private", dial.Exit{}, dial.ErrPrivate},
				{"allowed", dial.Exit{Guard: dial.Guard{AllowPrivate: true}}, nil},
				{"trusted", dial.Exit{Trusted: []string{"127.0.0.1"}}, nil},
				{"its host", dial.Exit{Guard: dial.Guard{AllowPrivate: true}, Hosts: []string{address}}, nil},
				{"another host", dial.Exit{Guard: dial.Guard{AllowPrivate: true}, Hosts: []string{"127.0.0.1:1"}}, dial.ErrOtherHost},
			} {
				c.exit.Now = time.Now
				way, err := c.exit.Open(t.Context())
				require.NoError(t, err)
				t.Cleanup(way.Close)
				res, err := client(t, way, server).Get(server.URL)
				var body []byte
				if err == nil {
					body, err = io.ReadAll(res.Body)
					require.NoError(t, err)
					require.NoError(t, res.Body.Close())
				}
				if c.wrong != nil {
					require.NotEqual(t, "hello", string(body), c.name)
					require.ErrorIs(t, way.Problem(), c.wrong, c.name)
					require.Zero(t, way.Received())
					continue
				}
				require.NoError(t, err, c.name)
				require.Equal(t, "hello", string(body), c.name)
				require.NoError(t, way.Problem())
				require.GreaterOrEqual(t, way.Received(), int64(5))
			}
		})
	}
}

func TestAnExitIsOnlyForWhomItWasOpened(t *testing.T) {
	t.Parallel()
	way, err := dial.Exit{Guard: dial.Guard{AllowPrivate: true}, Now: time.Now}.Open(t.Context())
	require.NoError(t, err)
	t.Cleanup(way.Close)
	proxy := &url.URL{Scheme: "http", Host: way.Address()}
	res, err := (&http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy)}}).Get("http://127.0.0.1:1/")
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusProxyAuthRequired, res.StatusCode)
}

// A server that speaks first, reached through the operator's proxy.
func TestAnExitGoesThroughTheMachinesProxy(t *testing.T) {
	t.Parallel()
	far, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = far.Close() })
	go func() {
		for {
			conn, err := far.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "SSH-2.0-test\r\n")
		}
	}()
	outer, err := dial.Exit{Guard: dial.Guard{AllowPrivate: true}, Now: time.Now}.Open(t.Context())
	require.NoError(t, err)
	t.Cleanup(outer.Close)
	exit := dial.Exit{Now: time.Now, Proxy: func(*url.URL) (*url.URL, error) { return url.Parse(outer.URL()) }}
	way, err := exit.Serve(t.Context(), func(ctx context.Context, way *dial.Way, conn net.Conn) {
		if out, err := way.Dial(ctx, "tcp", far.Addr().String()); err == nil {
			_, _ = io.Copy(conn, out)
		}
	})
	require.NoError(t, err)
	t.Cleanup(way.Close)
	conn, err := net.Dial("tcp", way.Address())
	require.NoError(t, err)
	line, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(line, "SSH-2.0"))
	require.Less(t, way.Quiet(), time.Minute)
	way.Close()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "it ends with its way")
}
