package main_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// turns is a request that keeps the slow model busy for n turns of its loop.
func turns(n int) []byte { return fmt.Appendf(nil, `{"inputs": [%d]}`, n) }

const endless = 1 << 40

func TestHealth(t *testing.T) {
	t.Parallel()
	server := start(t, filepath.Join(shapes, "v1.onnx"), "--name", "shapes", "--version", "1")
	for _, path := range []string{"/health", "/ping"} {
		got := server.get(path)
		require.Equal(t, 200, got.status)
		require.Equal(t, "\n", string(got.body))
	}
	var version struct {
		Runtime string
		Model   struct {
			Name, Version string
			Opsets        map[string]int64
			IRVersion     int64 `json:"ir_version"`
			Metadata      map[string]string
		}
	}
	server.get("/version").json(t, &version)
	require.Contains(t, version.Runtime, "onnxruntime 1.")
	require.Equal(t, "shapes", version.Model.Name)
	require.Equal(t, "1", version.Model.Version)
	require.Equal(t, map[string]int64{"ai.onnx": 17}, version.Model.Opsets)
	require.Equal(t, int64(8), version.Model.IRVersion)
	require.Contains(t, version.Model.Metadata["names"], "washer")

	got := server.get("/nowhere")
	require.Equal(t, 404, got.status)
	code, _ := got.failure(t)
	require.Equal(t, "ENDPOINT_NOT_FOUND", code)
}

// TestProbe: what a container's health check runs.
func TestProbe(t *testing.T) {
	t.Parallel()
	server := start(t, "testdata/linear.onnx")
	path, err := program()
	require.NoError(t, err)
	require.NoError(t, exec.Command(path, "--probe", server.url+"/health").Run())
	require.Error(t, exec.Command(path, "--probe", server.url+"/nowhere").Run())
	require.Error(t, exec.Command(path, "--probe", "http://127.0.0.1:1/health").Run())
}

// TestSlowBodies are cut at the deadline.
func TestSlowBodies(t *testing.T) {
	t.Parallel()
	server := start(t, "testdata/linear.onnx", "--timeout", "300ms")
	body, keep := io.Pipe()
	defer keep.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.url+"/invocations", body)
	require.NoError(t, err)
	request.Header.Set("Content-Type", asJSON)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	got := read(t, response)
	require.Equal(t, 400, got.status)
	_, message := got.failure(t)
	require.Contains(t, message, "did not arrive whole")
}

// ONNX Runtime's telemetry would keep a device id and a database there.
func TestNothingIsWrittenIntoTheHomeFolder(t *testing.T) {
	_, err := program() // built before the compiler loses its cache
	require.NoError(t, err)
	home := t.TempDir()
	t.Setenv("HOME", home)
	start(t, filepath.Join(shapes, "v1.onnx")).post("/invocations", "application/json", []byte("{}"))
	left, err := os.ReadDir(home)
	require.NoError(t, err)
	require.Empty(t, left)
}

// TestUnknownPathsAddNoMetrics: labels are routes, not what callers write.
func TestUnknownPathsAddNoMetrics(t *testing.T) {
	t.Parallel()
	server := start(t, "testdata/linear.onnx")
	before := strings.Count(string(server.get("/metrics").body), "\n")
	for i := range 50 {
		server.get(fmt.Sprintf("/x/%d", i))
		server.post(fmt.Sprintf("/v2/models/m%d/infer", i), asJSON, nil)
	}
	require.Less(t, strings.Count(string(server.get("/metrics").body), "\n")-before, 40)
}

// TestDeadlineStopsTheModel: the answer comes at the deadline and the model runs
// no longer; the next request is answered.
func TestDeadlineStopsTheModel(t *testing.T) {
	t.Parallel()
	server := start(t, "testdata/slow.onnx", "--timeout", "500ms")
	got := server.post("/invocations", asJSON, turns(endless))
	require.Equal(t, 504, got.status, string(got.body))
	code, message := got.failure(t)
	require.Equal(t, "MODEL_TIMEOUT", code)
	require.Contains(t, message, "500ms")
	require.Equal(t, "1", server.metric("slipway_serve_model_failures_total"))
	got = server.post("/invocations", asJSON, turns(3))
	require.JSONEq(t, `{"predictions": {"turns": [3]}}`, string(got.body))
}

// TestCallerWhoHangsUpStopsTheModel: nothing is counted against the model.
func TestCallerWhoHangsUpStopsTheModel(t *testing.T) {
	t.Parallel()
	server := start(t, "testdata/slow.onnx", "--timeout", "60s")
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, server.url+"/invocations", bytes.NewReader(turns(endless)))
	require.NoError(t, err)
	request.Header.Set("Content-Type", asJSON)
	done := make(chan error, 1)
	go func() {
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			response.Body.Close()
		}
		done <- err
	}()
	inFlight := `slipway_serve_requests_in_flight{route="invocations"}`
	require.Eventually(t, func() bool { return server.metric(inFlight) == "1" }, 10*time.Second, 10*time.Millisecond)
	cancel()
	require.Error(t, <-done)
	require.Eventually(t, func() bool { return server.metric(inFlight) == "0" }, 10*time.Second, 10*time.Millisecond)
	require.Equal(t, "0", server.metric("slipway_serve_model_failures_total"))
	require.Equal(t, "1", server.metric(`slipway_serve_requests_total{route="invocations",status="499"}`))
}

// TestTermDrains: what is in flight is answered, then the program ends with 0.
func TestTermDrains(t *testing.T) {
	t.Parallel()
	addressFile := filepath.Join(t.TempDir(), "address")
	cmd, log := command(t, "testdata/slow.onnx", "--address-file", addressFile, "--timeout", "30s")
	require.NoError(t, cmd.Start())
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	require.Eventually(t, func() bool { return exists(addressFile) }, 20*time.Second, 10*time.Millisecond)
	server := &instance{t: t, url: "http://" + string(readFile(t, addressFile)), cmd: cmd, log: log}

	answers := make(chan answer, 1)
	go func() { answers <- server.post("/invocations", asJSON, turns(100_000)) }()
	inFlight := `slipway_serve_requests_in_flight{route="invocations"}`
	require.Eventually(t, func() bool { return server.metric(inFlight) == "1" || len(answers) > 0 }, 10*time.Second, time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	got := <-answers
	require.Equal(t, 200, got.status, string(got.body))
	require.JSONEq(t, `{"predictions": {"turns": [100000]}}`, string(got.body))
	require.NoError(t, <-exited, log.text())
}

// TestNotDetectors: /detect says what the model is instead; the other routes work.
func TestNotDetectors(t *testing.T) {
	t.Parallel()
	picture := readFile(t, filepath.Join(shapes, "val/images/0000.jpg"))
	for model, says := range map[string]string{
		"linear": "its input is FP32 [batch,4]", "two": `"a", "b"`, "classifier": "its output is FP32 [1,3]", "embedding": "[1 1 3]",
	} {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			got := start(t, "testdata/"+model+".onnx").post("/detect", "image/jpeg", picture)
			require.Equal(t, 400, got.status, string(got.body))
			code, message := got.failure(t)
			require.Equal(t, "NOT_A_DETECTOR", code)
			require.Contains(t, message, "the model is no detector")
			require.Contains(t, message, says)
		})
	}
}
