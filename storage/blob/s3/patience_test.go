package s3_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage/blob"
	"github.com/slipway-ml/slipway/storage/blob/s3"
	testbed "github.com/slipway-ml/slipway/tests/testbed/s3"
)

// troubled is the real store behind a proxy that answers some requests itself.
func troubled(t *testing.T, trouble func(w http.ResponseWriter, r *http.Request, ended <-chan struct{}) (handled bool)) (s *s3.Store, address string, retries func() map[string]int) {
	t.Helper()
	server := testbed.Shared(t)
	target, err := url.Parse(server.URL)
	require.NoError(t, err)
	ended := make(chan struct{})
	front := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host }}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !trouble(w, r, ended) {
			front.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() { close(ended); proxy.Close() })
	var mu sync.Mutex
	counted := map[string]int{}
	address = server.Address(t)
	s = open(t, address, s3.Options{Endpoint: proxy.URL, Timeout: 5 * time.Second, Retried: func(reason string) {
		mu.Lock()
		defer mu.Unlock()
		counted[reason]++
	}})
	return s, address, func() map[string]int {
		mu.Lock()
		defer mu.Unlock()
		return maps.Clone(counted)
	}
}

func refuse(code string, status int) func(http.ResponseWriter, <-chan struct{}) {
	return func(w http.ResponseWriter, _ <-chan struct{}) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `<?xml version="1.0"?><Error><Code>%s</Code><Message>no</Message></Error>`, code)
	}
}

// What passes by itself is tried again, and counted; what does not is given up
// after a few times, as a store that is away.
func TestTroubleOfTheStore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		trouble func(http.ResponseWriter, <-chan struct{})
		reason  string
		retries int
		says    string
	}{
		"throttled":          {refuse("SlowDown", 503), "throttled", 3, "answers SlowDown"},
		"failing":            {refuse("InternalError", 500), "server", 3, "answers InternalError"},
		"connections break":  {func(http.ResponseWriter, <-chan struct{}) { panic(http.ErrAbortHandler) }, "connection", 3, "does not answer"},
		"it does not answer": {func(_ http.ResponseWriter, ended <-chan struct{}) { <-ended }, "timeout", 1, "does not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var left atomic.Int32
			s, _, retries := troubled(t, func(w http.ResponseWriter, r *http.Request, ended <-chan struct{}) bool {
				if left.Add(-1) < 0 {
					return false
				}
				_, _ = io.CopyN(io.Discard, r.Body, 1)
				c.trouble(w, ended)
				return true
			})
			left.Store(1)
			_, err := s.Put(t.Context(), "x", strings.NewReader("content"), -1)
			require.NoError(t, err, "once is no harm")
			require.Equal(t, 1, retries()[c.reason])
			left.Store(1)
			r, _, err := s.Get(t.Context(), "x", 0, -1)
			require.NoError(t, err)
			got, err := io.ReadAll(r)
			require.NoError(t, err)
			require.Equal(t, "content", string(got))

			for _, ask := range []func() error{
				func() error { _, err := s.Put(t.Context(), "y", strings.NewReader("content"), -1); return err },
				func() error { _, err := s.Stat(t.Context(), "x"); return err },
				func() error { _, err := s.List(t.Context(), ""); return err },
				func() error { return s.DeleteFiles(t.Context(), []string{"x"}) },
			} {
				before := retries()[c.reason]
				left.Store(1000)
				err := ask()
				require.Equal(t, models.KindUnavailable, models.KindOf(err), "%v", err)
				require.Equal(t, c.retries, retries()[c.reason]-before)
				var told *models.Error
				require.ErrorAs(t, err, &told)
				if name != "throttled" && name != "failing" { // a HEAD's answer has no code
					require.Contains(t, told.Message, c.says)
				}
			}
			left.Store(0)
			_, err = s.Stat(t.Context(), "y")
			require.Equal(t, models.KindNotFound, models.KindOf(err), "nothing of what failed is there: %v", err)
		})
	}
}

// A store that falls silent in the middle of a body, in either direction.
func TestASilenceInTheMiddle(t *testing.T) {
	t.Parallel()
	var silent atomic.Bool
	s, address, retries := troubled(t, func(w http.ResponseWriter, r *http.Request, ended <-chan struct{}) bool {
		if !silent.Load() {
			return false
		}
		if r.Method == http.MethodGet {
			w.Header().Set("Content-Length", "1000000")
			w.Header().Set("Last-Modified", "Wed, 25 Nov 2026 09:00:00 GMT")
			_, _ = w.Write(make([]byte, 1000))
			_ = http.NewResponseController(w).Flush()
		}
		<-ended
		return true
	})
	content := bytes.Repeat([]byte("0123456789abcdef"), 20<<16)
	direct := open(t, address, s3.Options{Endpoint: testbed.Shared(t).URL})
	_, err := direct.Put(t.Context(), "x", bytes.NewReader(content), -1)
	require.NoError(t, err)

	silent.Store(true)
	_, err = s.Put(t.Context(), "y", bytes.NewReader(content), int64(len(content)))
	require.Equal(t, models.KindUnavailable, models.KindOf(err), "%v", err)
	r, _, err := s.Get(t.Context(), "x", 0, -1)
	require.NoError(t, err)
	_, err = io.ReadAll(r)
	require.Equal(t, models.KindUnavailable, models.KindOf(err), "%v", err)
	require.Positive(t, retries()["resumed"])
}

// tried sums up requests that were sent again, as a busy machine makes them.
func tried(retries map[string]int) (n int) {
	for _, times := range retries {
		n += times
	}
	return n
}

// Thousands of keys come in pages, as few requests as there are pages.
func TestManyKeysComeInPages(t *testing.T) {
	t.Parallel()
	var lists, deletes atomic.Int32
	s, _, retries := troubled(t, func(_ http.ResponseWriter, r *http.Request, _ <-chan struct{}) bool {
		if r.URL.Query().Get("list-type") == "2" {
			lists.Add(1)
		}
		if r.URL.Query().Has("delete") {
			deletes.Add(1)
		}
		return false
	})
	const keys = 3500
	var wg sync.WaitGroup
	for part := range 10 {
		wg.Go(func() {
			for i := range keys / 10 {
				if _, err := s.Put(t.Context(), fmt.Sprintf("many/%d/%04d", part%2, part*keys/10+i), strings.NewReader(""), 0); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var all []string
	require.NoError(t, s.Walk(t.Context(), "many", func(o blob.Object) error { all = append(all, o.Key); return nil }))
	require.Len(t, all, keys)
	require.LessOrEqual(t, lists.Swap(0), int32(5+tried(retries())))
	entries, err := s.List(t.Context(), "many/0")
	require.NoError(t, err)
	require.Len(t, entries, keys/2)
	require.LessOrEqual(t, lists.Swap(0), int32(3+tried(retries())))
	require.NoError(t, s.DeleteFiles(t.Context(), all[:2500]))
	require.LessOrEqual(t, deletes.Swap(0), int32(3+tried(retries())))
	require.NoError(t, s.Delete(t.Context(), "many"))
	require.LessOrEqual(t, deletes.Load(), int32(1+tried(retries())))
	all = all[:0]
	require.NoError(t, s.Walk(t.Context(), "many", func(o blob.Object) error { all = append(all, o.Key); return nil }))
	require.Empty(t, all)
}
