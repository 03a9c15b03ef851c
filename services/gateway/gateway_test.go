package gateway_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/gateway"
)

type front struct {
	*gateway.Gateway
	url     string
	metrics *prometheus.Registry

	mu       sync.Mutex
	outcomes map[int64]models.Sample
}

// open starts a gateway behind a real listener and watches m/prod.
func open(t testing.TB, cfg gateway.Config) *front {
	t.Helper()
	f := &front{metrics: prometheus.NewRegistry(), outcomes: map[int64]models.Sample{}}
	cfg.Metrics, cfg.Log = f.metrics, slog.New(slog.DiscardHandler)
	if cfg.Warmup == 0 {
		cfg.Warmup = -1
	}
	g, err := gateway.New(cfg)
	require.NoError(t, err)
	t.Cleanup(g.Close)
	f.Gateway = g
	g.Watch("m", "prod", func(o models.Outcome) {
		f.mu.Lock()
		defer f.mu.Unlock()
		s := f.outcomes[o.Release]
		s.Requests++
		if o.Failed {
			s.Failures++
		}
		f.outcomes[o.Release] = s
	})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := g.Serve(w, r)
		var e *models.Error
		switch {
		case err == nil:
		case errors.As(err, &e):
			http.Error(w, string(e.Kind)+": "+e.Error(), 599)
		default:
			http.Error(w, err.Error(), 598)
		}
	}))
	t.Cleanup(srv.Close)
	f.url = srv.URL
	return f
}

func (f *front) seen(release int64) models.Sample {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.outcomes[release]
}

func (f *front) post(t *testing.T, path, body string, header ...string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+path, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text), resp.Header
}

// instance is an HTTP server that stands for a copy of a release.
func instance(t testing.TB, h http.HandlerFunc) models.RouteInstance {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return models.RouteInstance{ID: srv.URL, Address: strings.TrimPrefix(srv.URL, "http://")}
}

// nobody is an address that refuses connections.
func nobody(t *testing.T) models.RouteInstance {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	return models.RouteInstance{ID: address, Address: address}
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, text)
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func route(releases ...models.RouteRelease) []models.Route {
	return []models.Route{{Model: "m", Environment: "prod", Releases: releases}}
}

func stable(weight int, in ...models.RouteInstance) models.RouteRelease {
	return models.RouteRelease{Number: 1, Version: 1, Stable: true, Weight: weight, Instances: in}
}

func candidate(weight int, in ...models.RouteInstance) models.RouteRelease {
	return models.RouteRelease{Number: 2, Version: 2, Weight: weight, Instances: in}
}

func TestPathsAndAddresses(t *testing.T) {
	t.Parallel()
	echo := instance(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s?%s", r.URL.EscapedPath(), r.URL.RawQuery)
	})
	f := open(t, gateway.Config{})
	f.Set([]models.Route{
		{Model: "m", Environment: "prod", Releases: []models.RouteRelease{stable(100, echo), candidate(0, echo)}},
		{Model: "a b%", Environment: "prod", Releases: []models.RouteRelease{stable(100, echo)}},
		{Model: "m", Environment: "first", Releases: []models.RouteRelease{candidate(0, echo)}},
	})
	cases := map[string]struct {
		path    string
		status  int
		body    string
		release string
	}{
		"a path goes on without its front":        {"/serve/m/prod/invocations", 200, "/invocations?", "1"},
		"with its query":                          {"/serve/m/prod/detect?conf=0.25", 200, "/detect?conf=0.25", "1"},
		"and its escapes":                         {"/serve/m/prod/v2/models/a%20b/infer", 200, "/v2/models/a%20b/infer?", "1"},
		"a release by number":                     {"/serve/m/prod/releases/2/ping", 200, "/ping?", "2"},
		"a model's name is decoded":               {"/serve/a%20b%25/prod/ping", 200, "/ping?", "1"},
		"an unknown model is not found":           {"/serve/nope/prod/ping", 599, "not_found", ""},
		"an unknown environment is not found":     {"/serve/m/nope/ping", 599, "not_found", ""},
		"a release that does not run is not":      {"/serve/m/prod/releases/9/ping", 599, "not_found", ""},
		"a release that is no number is invalid":  {"/serve/m/prod/releases/x/ping", 599, "invalid", ""},
		"dots are invalid":                        {"/serve/m/prod/a/%2e%2e/metrics", 599, "invalid", ""},
		"no path is not found":                    {"/serve/m/prod", 599, "not_found", ""},
		"before the first release is live, later": {"/serve/m/first/ping", 599, "unavailable", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, body, header := f.post(t, c.path, "{}")
			require.Equal(t, c.status, code, body)
			require.True(t, strings.HasPrefix(body, c.body), body)
			require.Equal(t, c.release, header.Get("X-Slipway-Release"))
		})
	}
}

func TestWeights(t *testing.T) {
	t.Parallel()
	f := open(t, gateway.Config{})
	one, two := instance(t, says("1")), instance(t, says("2"))
	on := map[string]bool{} // keys that were on the new release
	for _, weight := range []int{0, 5, 25, 50, 100} {
		f.Set(route(stable(100-weight, one), candidate(weight, two)))
		keyed, free := 0, 0
		const n = 400
		for i := range n {
			k := fmt.Sprint("user-", i)
			_, body, _ := f.post(t, "/serve/m/prod/x", "", "X-Slipway-Key", k)
			_, again, _ := f.post(t, "/serve/m/prod/x", "", "X-Slipway-Key", k)
			require.Equal(t, body, again, "a key stays where it is")
			require.False(t, on[k] && body == "1", "a key on the new release stays there as its weight grows")
			if body == "2" {
				on[k] = true
				keyed++
			}
			if _, body, _ = f.post(t, "/serve/m/prod/x", ""); body == "2" {
				free++
			}
		}
		require.InDelta(t, weight, 100*keyed/n, 9)
		require.InDelta(t, weight, 100*free/n, 9)
	}
}

func TestWhoIsToBlame(t *testing.T) {
	t.Parallel()
	dies := func(w http.ResponseWriter, _ *http.Request) {
		c, _, _ := http.NewResponseController(w).Hijack()
		_ = c.Close()
	}
	breaksOff := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	stalls := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}
	cases := map[string]struct {
		handler  http.HandlerFunc
		body     string
		requests int64
		failures int64
	}{
		"2xx is a success":                     {says("ok"), "{}", 1, 0},
		"500 MODEL_FAILED is the release's":    {status(500), "{}", 1, 1},
		"503 is the release's":                 {status(503), "{}", 1, 1},
		"4xx is the caller's and not counted":  {status(422), "{}", 0, 0},
		"429 of the instance is not counted":   {status(429), "{}", 0, 0},
		"a connection that dies is":            {dies, "{}", 1, 1},
		"an answer that breaks off is":         {breaksOff, "{}", 1, 1},
		"no answer in time is":                 {stalls, "{}", 1, 1},
		"a body beyond the limit is not":       {says("ok"), strings.Repeat("x", 5000), 0, 0},
		"an endless body beyond the limit too": {says("ok"), "endless", 0, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t, gateway.Config{MaxBody: 4096, Timeout: 300 * time.Millisecond})
			f.Set(route(stable(100, instance(t, c.handler))))
			var body io.Reader = strings.NewReader(c.body)
			if c.body == "endless" {
				body = io.LimitReader(zeros{}, 1<<20)
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+"/serve/m/prod/x", body)
			require.NoError(t, err)
			if resp, err := http.DefaultClient.Do(req); err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
			if c.requests > 0 {
				require.Eventually(t, func() bool { return f.seen(1).Requests > 0 }, 5*time.Second, 5*time.Millisecond)
			}
			require.Equal(t, models.Sample{Requests: c.requests, Failures: c.failures}, f.seen(1))
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestCallerThatLeavesIsNotCounted(t *testing.T) {
	t.Parallel()
	f := open(t, gateway.Config{})
	began, gone := make(chan struct{}), make(chan struct{})
	f.Set(route(stable(100, instance(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(began)
		<-r.Context().Done()
		close(gone)
	}))))
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url+"/serve/m/prod/x", strings.NewReader("{}"))
	require.NoError(t, err)
	go func() { <-began; cancel() }()
	_, err = http.DefaultClient.Do(req) //nolint:bodyclose // there is none
	require.Error(t, err)
	<-gone
	f.Set(nil)
	require.NoError(t, f.Drained(t.Context(), "m", "prod", 1))
	require.Zero(t, f.seen(1))
}

func TestUnsentRequestsGoElsewhere(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("precious ", 40_000)
	got := make(chan string, 100)
	echo := func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got <- string(text)
		_, _ = io.WriteString(w, "ok")
	}
	t.Run("to another instance of the release", func(t *testing.T) {
		t.Parallel()
		f := open(t, gateway.Config{})
		f.Set(route(stable(100, nobody(t), instance(t, echo), nobody(t))))
		for range 20 {
			code, text, _ := f.post(t, "/serve/m/prod/x", body)
			require.Equal(t, 200, code, text)
			require.Equal(t, body, <-got)
		}
		require.Equal(t, models.Sample{Requests: 20}, f.seen(1))
	})
	t.Run("to the stable release, and the new one is to blame", func(t *testing.T) {
		t.Parallel()
		f := open(t, gateway.Config{})
		f.Set(route(stable(0, instance(t, says("ok"))), candidate(100, nobody(t))))
		for range 10 {
			code, _, header := f.post(t, "/serve/m/prod/x", body)
			require.Equal(t, 200, code)
			require.Equal(t, "1", header.Get("X-Slipway-Release"))
		}
		require.Equal(t, models.Sample{Requests: 10, Failures: 10}, f.seen(2))
		require.Equal(t, models.Sample{Requests: 10}, f.seen(1))
	})
	t.Run("nowhere when there is none", func(t *testing.T) {
		t.Parallel()
		f := open(t, gateway.Config{})
		f.Set(route(stable(100, nobody(t))))
		code, text, _ := f.post(t, "/serve/m/prod/x", body)
		require.Equal(t, 599, code)
		require.Contains(t, text, "unavailable: ")
		require.Equal(t, models.Sample{Requests: 1, Failures: 1}, f.seen(1))
	})
	t.Run("never after it was sent on", func(t *testing.T) {
		t.Parallel()
		f := open(t, gateway.Config{})
		var calls atomic.Int64
		dies := func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			_, _ = io.Copy(io.Discard, r.Body)
			c, _, _ := http.NewResponseController(w).Hijack()
			_ = c.Close()
		}
		f.Set(route(stable(100, instance(t, dies), instance(t, dies))))
		code, _, _ := f.post(t, "/serve/m/prod/x", body)
		require.Equal(t, 599, code)
		require.EqualValues(t, 1, calls.Load())
	})
}

func TestARestartOfTheServerIsNoReleasesFault(t *testing.T) {
	t.Parallel()
	f := open(t, gateway.Config{})
	f.Set(route(stable(50), candidate(50))) // as it is until the instances are started again
	for range 20 {
		code, text, _ := f.post(t, "/serve/m/prod/x", "x")
		require.Equal(t, 599, code, text)
	}
	require.Zero(t, f.seen(1))
	require.Zero(t, f.seen(2))

	f.Set(route(stable(0, instance(t, says("ok"))), candidate(100, instance(t, says("ok")))))
	f.Set(route(stable(0, instance(t, says("ok"))), candidate(100)))
	code, _, _ := f.post(t, "/serve/m/prod/x", "x")
	require.Equal(t, 200, code)
	require.Equal(t, models.Sample{Requests: 1, Failures: 1}, f.seen(2), "its instance is gone since")
}

func TestBytesPassUnchangedAndStream(t *testing.T) {
	t.Parallel()
	binary := make([]byte, 3<<20)
	for i := range binary {
		binary[i] = byte(i * 7)
	}
	f := open(t, gateway.Config{})
	more := make(chan struct{})
	f.Set(route(stable(100, instance(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "stream") {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "first")
			_ = http.NewResponseController(w).Flush()
			<-more
			return
		}
		w.Header().Set("Inference-Header-Content-Length", r.Header.Get("Inference-Header-Content-Length"))
		_, _ = io.Copy(w, r.Body)
	}))))
	code, body, header := f.post(t, "/serve/m/prod/x", string(binary), "Inference-Header-Content-Length", "12")
	require.Equal(t, 200, code)
	require.True(t, bytes.Equal(binary, []byte(body)))
	require.Equal(t, "12", header.Get("Inference-Header-Content-Length"))

	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+"/serve/m/prod/stream", http.NoBody)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	first := make([]byte, 5)
	_, err = io.ReadFull(resp.Body, first)
	require.NoError(t, err, "the first part comes before the answer is over")
	close(more)
}

func TestFullInstancesAnswerLimited(t *testing.T) {
	t.Parallel()
	f := open(t, gateway.Config{MaxInFlight: 2})
	free, entered := make(chan struct{}), make(chan struct{}, 4)
	f.Set(route(stable(100, instance(t, func(http.ResponseWriter, *http.Request) { entered <- struct{}{}; <-free }))))
	var held sync.WaitGroup
	for range 2 {
		held.Go(func() { f.post(t, "/serve/m/prod/x", "") })
	}
	<-entered
	<-entered
	code, text, _ := f.post(t, "/serve/m/prod/x", "")
	require.Equal(t, 599, code)
	require.Contains(t, text, "limited: ")
	close(free)
	held.Wait()
	require.Equal(t, models.Sample{Requests: 2}, f.seen(1), "a refusal for lack of room is not the release's failure")
}

func TestFirstRequestsOfAnInstanceAreLeftOut(t *testing.T) {
	t.Parallel()
	f := open(t, gateway.Config{Warmup: 3})
	f.Set(route(stable(100, instance(t, status(500)))))
	for range 5 {
		f.post(t, "/serve/m/prod/x", "")
		f.post(t, "/serve/m/prod/releases/1/x", "") // by number: never counted
	}
	require.Equal(t, models.Sample{Requests: 2, Failures: 2}, f.seen(1))
	require.Equal(t, models.Sample{Requests: 2, Failures: 2}, f.Recent("m", "prod"))
}

func TestDrainWaitsForWhatIsInFlight(t *testing.T) {
	t.Parallel()
	f := open(t, gateway.Config{})
	free, entered := make(chan struct{}), make(chan struct{})
	old := instance(t, func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-free
		_, _ = io.WriteString(w, "finished")
	})
	f.Set(route(stable(100, old)))
	answer := make(chan string)
	go func() {
		_, text, _ := f.post(t, "/serve/m/prod/x", "")
		answer <- text
	}()
	<-entered
	f.Set(route(models.RouteRelease{Number: 2, Version: 2, Stable: true, Weight: 100, Instances: []models.RouteInstance{instance(t, says("new"))}}))
	short, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, f.Drained(short, "m", "prod", 1), context.DeadlineExceeded)
	_, text, _ := f.post(t, "/serve/m/prod/x", "")
	require.Equal(t, "new", text)
	close(free)
	require.Equal(t, "finished", <-answer)
	require.NoError(t, f.Drained(t.Context(), "m", "prod", 1))
}

func TestSwitchingUnderLoadLosesNothing(t *testing.T) {
	t.Parallel()
	f := open(t, gateway.Config{})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var sent, lost atomic.Int64
	var load sync.WaitGroup
	first := httptest.NewServer(says("1"))
	current, number := first, int64(1)
	set := func(number int64, srv *httptest.Server) {
		f.Set(route(models.RouteRelease{
			Number: number, Version: number, Stable: true, Weight: 100,
			Instances: []models.RouteInstance{{ID: srv.URL, Address: strings.TrimPrefix(srv.URL, "http://")}},
		}))
	}
	set(number, current)
	for range 8 {
		load.Go(func() {
			for ctx.Err() == nil {
				resp, err := http.Post(f.url+"/serve/m/prod/x", "text/plain", strings.NewReader("body"))
				sent.Add(1)
				if err != nil || resp.StatusCode != 200 {
					lost.Add(1)
				}
				if err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
			}
		})
	}
	for range 30 {
		before := sent.Load()
		require.Eventually(t, func() bool { return sent.Load() > before+20 }, 10*time.Second, time.Millisecond)
		next := httptest.NewServer(says("n"))
		set(number+1, next)
		require.NoError(t, f.Drained(t.Context(), "m", "prod", number))
		current.Close() // as a target stops an instance
		current, number = next, number+1
	}
	stop()
	load.Wait()
	current.Close()
	require.Zero(t, lost.Load(), "of %d", sent.Load())
}

func TestLabelsStayBounded(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	f := open(t, gateway.Config{Now: func() time.Time { return now }})
	count := func() int {
		n, err := testutil.GatherAndCount(f.metrics)
		require.NoError(t, err)
		return n
	}
	f.Set(route(stable(100, instance(t, says("ok")))))
	before := count()
	for i := range 1000 {
		code, _, _ := f.post(t, fmt.Sprintf("/serve/model-%d/prod/x", i), "")
		require.Equal(t, 599, code)
		f.post(t, fmt.Sprintf("/serve/m/prod/path-%d", i), "")
	}
	require.Equal(t, before, count())
	f.Set(route(candidate(100)))
	require.Greater(t, count(), before, "a retired release is scraped once more")
	now = now.Add(3 * time.Minute)
	f.Set(route(candidate(100)))
	require.Equal(t, before, count())
}
