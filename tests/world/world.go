// Package world starts the product for black-box tests: the real server on a
// free port with a database and a store of its own; the caller only speaks
// HTTP. It knows nothing of the server's insides.
package world

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/cmd/slipway/app"
	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
)

// World is one running server.
type World struct {
	URL string
	Dir string // its data folder
	files
	t    testing.TB
	stop func()
}

// Root is the folder of the checkout.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// Start runs a server in this process until the test ends. Each change may
// alter its settings first.
func Start(t testing.TB, changes ...func(*config.Config)) *World {
	t.Helper()
	return StartIn(t, t.TempDir(), changes...)
}

// StartIn is Start on a given data folder, such as one that an earlier server
// left.
func StartIn(t testing.TB, dir string, changes ...func(*config.Config)) *World {
	t.Helper()
	cfg := config.Config{
		Host: "127.0.0.1", DataDir: dir, ServeArtifacts: true, Presigned: true, RuntimeDir: filepath.Join(Root(), "bin"),
		LogToRuns: true, Python: "python3", AllowSteps: []string{"process"}, HeavyJobs: 2, DatasetCache: 1,
	}
	for _, change := range changes {
		change(&cfg)
	}
	if cfg.BackendStoreURI == "" {
		cfg.BackendStoreURI = postgres.Of(t, dir)
	}
	keepInS3(t, &cfg)
	out := io.Discard
	if os.Getenv("SLIPWAY_TEST_LOG") != "" {
		out = os.Stderr
	}
	ctx, cancel := context.WithCancel(context.Background())
	a, err := app.New(ctx, cfg, slog.New(slog.NewTextHandler(out, nil)))
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() {
		err := a.Run(ctx)
		if err != nil {
			t.Errorf("the server ended: %v", err)
			a.Close()
		}
		done <- err
	}()
	w := &World{URL: a.URL(), Dir: dir, files: filesOf(cfg), t: t}
	stopped := false
	w.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		err := <-done
		a.Close()
		require.NoError(t, err)
	}
	t.Cleanup(w.stop)
	return w
}

// Stop stops the server as SIGTERM does.
func (w *World) Stop() { w.stop() }

// Response is an answer with its whole body.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// JSON decodes the body.
func (r Response) JSON(t testing.TB) map[string]any {
	t.Helper()
	var m map[string]any
	require.NoError(t, json.Unmarshal(r.Body, &m), "%s", r.Body)
	return m
}

// Do sends one request. A body that is no reader, string or bytes is sent as
// JSON.
func (w *World) Do(method, path string, body any, header ...string) Response {
	w.t.Helper()
	var r io.Reader
	kind := ""
	switch b := body.(type) {
	case nil:
	case io.Reader:
		r = b
	case []byte:
		r = bytes.NewReader(b)
	case string:
		r, kind = bytes.NewReader([]byte(b)), "application/json"
	default:
		raw, err := json.Marshal(b)
		require.NoError(w.t, err)
		r, kind = bytes.NewReader(raw), "application/json"
	}
	req, err := http.NewRequestWithContext(context.Background(), method, w.URL+path, r)
	require.NoError(w.t, err)
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(w.t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	require.NoError(w.t, err)
	answer := Response{Status: res.StatusCode, Header: res.Header, Body: raw}
	require.NoError(w.t, keepsContract(req, answer), "%s %s answers what openapi/slipway.yaml does not tell", method, path)
	return answer
}

// OK is Do for a JSON answer of status 200 (202 and 201 too).
func (w *World) OK(method, path string, body any, header ...string) map[string]any {
	w.t.Helper()
	r := w.Do(method, path, body, header...)
	require.Less(w.t, r.Status, 300, "%s %s: %s", method, path, r.Body)
	return r.JSON(w.t)
}

// Eventually asks until look is content, and fails after timeout.
func (w *World) Eventually(timeout time.Duration, what string, look func() bool) {
	w.t.Helper()
	require.Eventually(w.t, look, timeout, 50*time.Millisecond, what)
}
