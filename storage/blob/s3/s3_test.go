package s3_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage/blob"
	"github.com/slipway-ml/slipway/storage/blob/blobtest"
	"github.com/slipway-ml/slipway/storage/blob/s3"
	testbed "github.com/slipway-ml/slipway/tests/testbed/s3"
)

func open(t *testing.T, address string, o s3.Options) *s3.Store {
	t.Helper()
	s, err := s3.New(t.Context(), address, o)
	require.NoError(t, err)
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	server := testbed.Shared(t)
	blobtest.Exercise(t, func(t *testing.T) blob.Store {
		return open(t, server.Address(t), s3.Options{Endpoint: server.URL})
	}, `\`) // SeaweedFS takes it for a slash
}

func TestALargeObjectGoesInParts(t *testing.T) {
	t.Parallel()
	server := testbed.Shared(t)
	s := open(t, server.Address(t), s3.Options{Endpoint: server.URL, Checksums: "when_supported"})
	content := bytes.Repeat([]byte("0123456789abcdef"), 20<<16) // 20 MiB: three parts
	for _, size := range []int64{-1, int64(len(content))} {
		o, err := s.Put(t.Context(), "a folder/big %", bytes.NewReader(content), size)
		require.NoError(t, err)
		require.Equal(t, int64(len(content)), o.Size)
		r, _, err := s.Get(t.Context(), "a folder/big %", 8<<20-3, 7)
		require.NoError(t, err)
		part, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, content[8<<20-3:8<<20+4], part)
	}
	require.NoError(t, s.Copy(t.Context(), "a folder/big %", "copy"))
	r, _, err := s.Get(t.Context(), "copy", 0, -1)
	require.NoError(t, err)
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.True(t, bytes.Equal(content, got))
}

func TestAnUploadThatIsCutOffLeavesNoParts(t *testing.T) {
	t.Parallel()
	server := testbed.Shared(t)
	s := open(t, server.Address(t), s3.Options{Endpoint: server.URL})
	ctx, leave := context.WithCancel(t.Context())
	gone := errors.New("the client has gone")
	for name, r := range map[string]io.Reader{
		"broken":    io.MultiReader(bytes.NewReader(make([]byte, 20<<20)), failing{gone}),
		"cancelled": io.MultiReader(bytes.NewReader(make([]byte, 20<<20)), calling(leave), bytes.NewReader(make([]byte, 20<<20))),
	} {
		_, err := s.Put(ctx, name, r, -1)
		require.Error(t, err)
		_, err = s.Stat(t.Context(), name)
		require.Equal(t, models.KindNotFound, models.KindOf(err))
	}
	n, err := s.Sweep(t.Context(), time.Now().Add(time.Hour), false)
	require.NoError(t, err)
	require.Zero(t, n)

	_, err = s.CreateUpload(t.Context(), "forgotten")
	require.NoError(t, err)
	n, err = s.Sweep(t.Context(), time.Now().Add(-time.Hour), false)
	require.NoError(t, err)
	require.Zero(t, n, "one that may still go on")
	for _, onlyCount := range []bool{true, false} {
		n, err = s.Sweep(t.Context(), time.Now().Add(time.Hour), onlyCount)
		require.NoError(t, err)
		require.Equal(t, 1, n)
	}
	n, err = s.Sweep(t.Context(), time.Now().Add(time.Hour), false)
	require.NoError(t, err)
	require.Zero(t, n)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

type calling func()

func (c calling) Read([]byte) (int, error) { c(); return 0, io.EOF }

// A proxy in front of the real store breaks the first answers off.
func TestADownloadGoesOnWhereItBroke(t *testing.T) {
	t.Parallel()
	server := testbed.Shared(t)
	target, err := url.Parse(server.URL)
	require.NoError(t, err)
	var breaks atomic.Int32
	front := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host }}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && breaks.Add(-1) >= 0 {
			w = &breaking{ResponseWriter: w, left: 1 << 20}
			defer func() { panic(http.ErrAbortHandler) }()
		}
		front.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	address := server.Address(t)
	content := bytes.Repeat([]byte("0123456789abcdef"), 8<<16)
	_, err = open(t, address, s3.Options{Endpoint: server.URL}).Put(t.Context(), "x", bytes.NewReader(content), -1)
	require.NoError(t, err)
	s := open(t, address, s3.Options{Endpoint: proxy.URL})

	for _, c := range []struct {
		times int32
		ok    bool
	}{{2, true}, {20, false}} {
		breaks.Store(c.times)
		r, _, err := s.Get(t.Context(), "x", 0, -1)
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.NoError(t, r.Close())
		if !c.ok {
			require.Equal(t, models.KindUnavailable, models.KindOf(err), "a short read is never a whole one: %v", err)
			continue
		}
		require.NoError(t, err)
		require.True(t, bytes.Equal(content, got))
	}
}

// breaking lets some bytes through.
type breaking struct {
	http.ResponseWriter
	left int
}

func (b *breaking) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, errors.New("broken off")
	}
	n, err := b.ResponseWriter.Write(p)
	return n, errors.Join(err, http.NewResponseController(b.ResponseWriter).Flush())
}
