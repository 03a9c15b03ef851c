package mlflow

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/api/pace"
	"github.com/slipway-ml/slipway/api/reply"
	"github.com/slipway-ml/slipway/services/artifact"
	"github.com/slipway-ml/slipway/storage/blob"
	"github.com/slipway-ml/slipway/storage/blob/mem"
	"github.com/slipway-ml/slipway/storage/sqlstore"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
)

// torn is a store whose objects end early when they are read.
type torn struct{ blob.Store }

func (s torn) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, blob.Object, error) {
	r, o, err := s.Store.Get(ctx, key, offset, length)
	if err == nil && strings.HasPrefix(key, "torn") {
		return io.NopCloser(io.LimitReader(r, 1000)), o, nil
	}
	return r, o, err
}

func artifacts(t *testing.T, idle time.Duration) *httptest.Server {
	t.Helper()
	db, err := sqlstore.Open(t.Context(), postgres.OrSQLite(t, t.TempDir()), sqlstore.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	a := Artifacts{Service: artifact.New(db, torn{mem.New(time.Now)})}
	gin.SetMode(gin.TestMode)
	engine := gin.New()
	engine.ContextWithFallback = true
	engine.Use(pace.Bodies(idle, time.Now))
	engine.PUT("/*path", reply.Handle(a.Put))
	engine.GET("/*path", reply.Handle(a.Get))
	server := httptest.NewServer(engine)
	t.Cleanup(server.Close)
	return server
}

func TestAnUploadThatPausesIsGivenUp(t *testing.T) {
	t.Parallel()
	server := artifacts(t, 50*time.Millisecond)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
	require.NoError(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, http.StatusBadRequest, answer.StatusCode)
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Contains(t, string(body), "broke off after 4 bytes")
}

// A connection is used again long after its last transfer.
func TestAConnectionOutlivesItsTransfers(t *testing.T) {
	t.Parallel()
	const idle = 50 * time.Millisecond
	server := artifacts(t, idle)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for range 2 {
		for _, request := range []string{"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nfour", "GET /x HTTP/1.1\r\nHost: x\r\n\r\n"} {
			_, err = io.WriteString(conn, request)
			require.NoError(t, err)
			answer, err := http.ReadResponse(answers, nil)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, answer.StatusCode)
			_, err = io.Copy(io.Discard, answer.Body)
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
		}
		<-time.After(3 * idle) // the pause is what is tested
	}
}

func TestAStoreThatFailsBreaksTheConnection(t *testing.T) {
	t.Parallel()
	server := artifacts(t, time.Minute)
	send := func(method, name, ranged, body string) error {
		req, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/"+name, strings.NewReader(body))
		require.NoError(t, err)
		if ranged != "" {
			req.Header.Set("Range", ranged)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		_, err = io.Copy(io.Discard, res.Body)
		return err
	}
	require.NoError(t, send(http.MethodPut, "torn", "", strings.Repeat("x", 1<<20)))
	require.NoError(t, send(http.MethodGet, "torn", "bytes=10-99", ""))
	require.Error(t, send(http.MethodGet, "torn", "", ""), "the whole must not end cleanly")
	require.Error(t, send(http.MethodGet, "torn", "bytes=10-9999", ""), "a part must not end cleanly")
}

func TestContentType(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"MLmodel": "text/plain", "conda.yaml": "text/plain", "x.json": "text/plain",
		"README.md": "text/plain", "a.png": "image/png", "model.onnx": "application/octet-stream", "unknown": "application/octet-stream",
		"a.tar.unknown": "application/octet-stream", "": "application/octet-stream",
	} {
		require.Equal(t, want, contentType(name), name)
	}
}

func TestDisposition(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"a b.txt":    `attachment; filename="a b.txt"`,
		"100%.txt":   `attachment; filename=100%.txt`,
		"a+b-1.webp": `attachment; filename=a+b-1.webp`,
		"模.txt":      `attachment; filename=_.txt; filename*=utf-8''%E6%A8%A1.txt`,
		`q"\.txt`:    `attachment; filename=q__.txt`,
		"a\r\nb":     `attachment; filename=a__b; filename*=utf-8''a%0D%0Ab`,
	} {
		require.Equal(t, want, disposition(name), name)
	}
}
