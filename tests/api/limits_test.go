package api_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

// dial opens a connection to a server, by which a test is as slow as it likes.
func dial(t *testing.T, w *world.World) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.URL, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	return conn.(*net.TCPConn)
}

// dribble sends text, then one more byte after the other, and gives what the
// server answered until it cut the connection off.
func dribble(t *testing.T, w *world.World, text string) string {
	t.Helper()
	conn := dial(t, w)
	_, err := io.WriteString(conn, text)
	require.NoError(t, err)
	go func() {
		for {
			if _, err := conn.Write([]byte("x")); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	answer, err := io.ReadAll(conn)
	if err != nil {
		require.ErrorContains(t, err, "reset by peer", "a deadline of the server's cuts it off, not the test's")
	}
	return string(answer)
}

// Nobody holds the server up by being slow, and it goes on answering others.
func TestSlowClientsAreCutOff(t *testing.T) {
	t.Parallel()
	p := world.StartProcess(t, t.TempDir(), "--header-timeout", "300ms", "--stall-timeout", "300ms", "--idle-timeout", "300ms")
	experiment := p.OK(post, a2+"experiments/create", object{"name": "e"})["experiment_id"]
	long := make([]object, 100)
	for i := range long {
		long[i] = object{"key": fmt.Sprintf("p%d", i), "value": strings.Repeat("x", 6000)}
	}
	for range 30 { // an answer that no socket's buffers hold
		run := p.OK(post, a2+"runs/create", object{"experiment_id": experiment})["run"].(object)["info"].(object)["run_id"]
		p.OK(post, a2+"runs/log-batch", object{"run_id": run, "params": long})
	}
	upload(t, p.World, "big", strings.Repeat("0123456789abcdef", 2<<20))

	body := "Host: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"
	for name, head := range map[string]string{
		"in its JSON":              "POST " + a2 + "runs/create HTTP/1.1\r\n" + body,
		"in JSON of our own API":   "POST /api/v1/datasets HTTP/1.1\r\n" + body,
		"in a file":                "PUT " + proxy + "/d/x HTTP/1.1\r\n" + body,
		"in what nobody reads":     "DELETE " + a2 + "webhooks/none HTTP/1.1\r\n" + body,
		"in its headers":           "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
		"with a line without end":  "GET /",
		"where no inference is to": "POST /serve/m/e/invocations HTTP/1.1\r\n" + body,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := dribble(t, p.World, head)
			if strings.Contains(head, "PUT") || strings.Contains(head, "POST /api") {
				require.Contains(t, answer, "HTTP/1.1 400 Bad Request")
				require.Contains(t, answer, `"error_code":"INVALID_PARAMETER_VALUE"`)
				require.Contains(t, answer, "the body broke off after ")
			}
		})
	}
	for name, request := range map[string]string{
		"who reads no file":   "GET " + proxy + "/big HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
		"who reads no answer": "POST " + a2 + "runs/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 48\r\n\r\n" + fmt.Sprintf("%-48s", `{"experiment_ids": ["1"], "max_results": 1000}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, p.World)
			_, err := io.WriteString(conn, request)
			require.NoError(t, err)
			answer := bufio.NewReader(conn)
			line, err := answer.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "HTTP/1.1 200 OK\r\n", line)
			time.Sleep(2 * time.Second) // so slow is this client
			n, err := io.Copy(io.Discard, answer)
			if err != nil {
				require.ErrorContains(t, err, "reset by peer")
			}
			require.Less(t, n, int64(17<<20), "it is cut off before its end")
		})
	}
	t.Run("who asks nothing any more", func(t *testing.T) {
		t.Parallel()
		conn := dial(t, p.World)
		_, err := io.WriteString(conn, "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
		require.NoError(t, err)
		answer, err := io.ReadAll(conn) // which ends when the connection does
		require.NoError(t, err)
		require.True(t, strings.HasSuffix(string(answer), "OK"), "%s", answer)
	})
	t.Run("who is quick is answered", func(t *testing.T) {
		t.Parallel()
		for range 50 {
			require.Equal(t, http.StatusOK, p.Do(get, "/health", nil).Status)
			run(p.World)
		}
	})
}

// A pause is no slowness: what goes on may last for ever.
func TestALongUploadIsNotCutOff(t *testing.T) {
	t.Parallel()
	p := world.StartProcess(t, t.TempDir(), "--stall-timeout", "2s")
	conn := dial(t, p.World)
	part := bytes.Repeat([]byte("x"), 64<<10)
	const parts = 12
	_, err := fmt.Fprintf(conn, "PUT %s/d/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n", proxy, parts*len(part))
	require.NoError(t, err)
	for range parts {
		_, err := conn.Write(part)
		require.NoError(t, err)
		time.Sleep(300 * time.Millisecond)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, http.StatusOK, answer.StatusCode)
}

// A thousand idle connections and two hundred busy ones, some of them with
// large requests, need less memory than docs/limits.md tells.
func TestManyConnectionsNeedLittleMemory(t *testing.T) {
	t.Parallel()
	p := world.StartProcess(t, t.TempDir())
	id := run(p.World)
	before := peak(t, p.Pid())
	for range 1000 {
		conn := dial(t, p.World)
		_, err := io.WriteString(conn, "GET /version HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
		require.NoError(t, err)
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, http.StatusOK, answer.StatusCode)
	}
	idle := peak(t, p.Pid()) - before
	metrics := make([]object, 500)
	for i := range metrics {
		metrics[i] = object{"key": fmt.Sprintf("m%d", i), "value": i, "timestamp": 1, "step": 1}
	}
	large := `{"experiment_id": "0", "key": "k", "value": "` + strings.Repeat("x", 2<<20) + `"}`
	client := http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 200}}
	together(200, func(i int) {
		path, body := a2+"runs/log-batch", any(object{"run_id": id, "metrics": metrics})
		if i%2 == 0 {
			path, body = a2+"experiments/set-experiment-tag", large
		}
		switch status := statusBy(t, &client, p.URL+path, body); status {
		case http.StatusOK, http.StatusBadRequest, http.StatusServiceUnavailable:
		default:
			t.Errorf("%s: %d", path, status)
		}
	})
	busy := peak(t, p.Pid()) - before
	t.Logf("%d MiB for the idle, %d MiB for all", idle>>20, busy>>20)
	require.Less(t, idle, int64(64<<20))
	require.Less(t, busy, int64(768<<20))
	require.Equal(t, http.StatusOK, p.Do(get, "/health", nil).Status)
}

// statusBy posts JSON by a client of the test's own, and reads the answer.
func statusBy(t *testing.T, client *http.Client, url string, body any) int {
	t.Helper()
	text, ok := body.(string)
	if !ok {
		raw, err := json.Marshal(body)
		if err != nil {
			t.Error(err)
		}
		text = string(raw)
	}
	r, err := client.Post(url, "application/json", strings.NewReader(text))
	if err != nil {
		t.Error(err)
		return 0
	}
	defer r.Body.Close()
	_, _ = io.Copy(io.Discard, r.Body)
	return r.StatusCode
}
