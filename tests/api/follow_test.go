package api_test

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

// slow is a validation that lasts: its step sleeps.
func slow(t *testing.T, w *world.World) string {
	t.Helper()
	w.OK(http.MethodPut, "/api/v1/models/slow/pipeline", []byte("model: slow\non: manual\nvalidation:\n  steps:\n    - run: sleep 600\n"))
	registerShapes(t, w, "slow", "v1", nil)
	v := w.OK(http.MethodPost, "/api/v1/models/slow/versions/1/validations", nil)
	w.Eventually(20*time.Second, "the validation runs", func() bool {
		return w.OK(http.MethodGet, fmt.Sprint("/api/v1/validations/", v["id"]), nil)["state"] == "running"
	})
	return fmt.Sprint("/api/v1/validations/", v["id"])
}

func TestAServerThatStopsDoesNotWaitForItsFollowers(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	path := slow(t, w)

	waited := make(chan string, 1)
	go func() {
		resp, err := http.Get(w.URL + path + "?wait=5m")
		if err == nil {
			_ = resp.Body.Close()
			waited <- resp.Status
		}
	}()
	resp, err := http.Get(w.URL + path + "/events")
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	events := bufio.NewReader(resp.Body)
	line, err := events.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "event: validation", strings.TrimSpace(line))

	w.Eventually(10*time.Second, "both followers, and who looks, are being answered", func() bool {
		return strings.Contains(string(w.Do(http.MethodGet, "/metrics", nil).Body), "slipway_http_in_flight_requests 3\n")
	})
	began := time.Now()
	w.Stop()
	require.Less(t, time.Since(began), 10*time.Second)
	require.Equal(t, "200 OK", <-waited, "the state of then is the answer")
}

func TestEventsEndWithTheWork(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	path := slow(t, w)
	resp, err := http.Get(w.URL + path + "/events")
	require.NoError(t, err)
	defer resp.Body.Close()
	w.OK(http.MethodPost, path+"/cancel", map[string]any{"reason": "enough"})
	var names []string
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			names = append(names, name)
		}
	}
	require.NoError(t, lines.Err())
	require.Equal(t, "validation", names[0])
	require.Equal(t, "end", names[len(names)-1])
}

func TestWaitAnswersAtItsTime(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	path := slow(t, w)
	began := time.Now()
	require.Equal(t, "running", w.OK(http.MethodGet, path+"?wait=300ms", nil)["state"])
	require.GreaterOrEqual(t, time.Since(began), 300*time.Millisecond)
	r := w.Do(http.MethodGet, path+"?wait=11m", nil)
	require.Equal(t, http.StatusBadRequest, r.Status)
	require.Contains(t, r.JSON(t)["message"], "wait")
	w.OK(http.MethodPost, path+"/cancel", nil)
	require.Equal(t, "cancelled", w.OK(http.MethodGet, path+"?wait=1m", nil)["state"])
}
