package main_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const shapes = "../../tests/data/shapes"

// program builds slipway-serve once, and finds ONNX Runtime for it.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "slipway-serve")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "slipway-serve")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", &buildError{string(out)}
	}
	return path, nil
})

type buildError struct{ out string }

func (e *buildError) Error() string { return e.out }

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := program(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// onnxRuntime is the library's path. Without one a test is skipped, which is a
// failure where SLIPWAY_TEST_REQUIRE says that nothing may be.
func onnxRuntime(t *testing.T) string {
	t.Helper()
	for _, path := range []string{os.Getenv("SLIPWAY_ORT"), "../../bin/libonnxruntime.so"} {
		if _, err := os.Stat(path); path != "" && err == nil {
			absolute, err := filepath.Abs(path)
			require.NoError(t, err)
			return absolute
		}
	}
	require.Empty(t, os.Getenv("SLIPWAY_TEST_REQUIRE"), "no libonnxruntime.so: make build, or set SLIPWAY_ORT")
	t.Skip("no libonnxruntime.so: make build, or set SLIPWAY_ORT")
	return ""
}

// instance is a running slipway-serve.
type instance struct {
	t   *testing.T
	url string
	cmd *exec.Cmd
	log *lockedBuffer
}

type lockedBuffer struct {
	sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.Lock()
	defer b.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) text() string {
	b.Lock()
	defer b.Unlock()
	return b.String()
}

// command prepares slipway-serve for a model.
func command(t *testing.T, model string, args ...string) (*exec.Cmd, *lockedBuffer) {
	t.Helper()
	library := onnxRuntime(t)
	path, err := program()
	require.NoError(t, err)
	cmd := exec.Command(path, append([]string{"--model", model, "--port", "0", "--ort", library}, args...)...)
	log := &lockedBuffer{}
	cmd.Stderr = log
	return cmd, log
}

// start serves a model until the test ends.
func start(t *testing.T, model string, args ...string) *instance {
	t.Helper()
	addressFile := filepath.Join(t.TempDir(), "address")
	cmd, log := command(t, model, append([]string{"--address-file", addressFile}, args...)...)
	require.NoError(t, cmd.Start())
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-exited:
			t.Log("ended:", err)
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Kill()
			t.Error("slipway-serve did not stop: " + log.text())
		}
	})
	deadline, tick := time.After(30*time.Second), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-exited:
			exited <- err
			require.FailNow(t, "slipway-serve ended", "%v\n%s", err, log.text())
		case <-deadline:
			require.FailNow(t, "slipway-serve does not start", log.text())
		case <-tick.C:
			if address, err := os.ReadFile(addressFile); err == nil {
				return &instance{t: t, url: "http://" + string(address), cmd: cmd, log: log}
			}
		}
	}
}

// answer is a reply, read whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) json(t *testing.T, into any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(a.body, into), string(a.body))
}

// failure is an error reply's code and message.
func (a answer) failure(t *testing.T) (code, message string) {
	t.Helper()
	var e struct {
		ErrorCode string `json:"error_code"`
		Message   string `json:"message"`
	}
	a.json(t, &e)
	return e.ErrorCode, e.Message
}

func (s *instance) get(path string) answer {
	s.t.Helper()
	response, err := http.Get(s.url + path)
	require.NoError(s.t, err)
	return read(s.t, response)
}

func (s *instance) post(path, contentType string, body []byte, headers ...string) answer {
	s.t.Helper()
	request, err := http.NewRequest(http.MethodPost, s.url+path, bytes.NewReader(body))
	require.NoError(s.t, err)
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(s.t, err)
	return read(s.t, response)
}

func read(t *testing.T, response *http.Response) answer {
	t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{status: response.StatusCode, header: response.Header, body: body}
}

// metric reads one sample of /metrics; 0 where it is not there.
func (s *instance) metric(sample string) string {
	s.t.Helper()
	for line := range strings.Lines(string(s.get("/metrics").body)) {
		if rest, ok := strings.CutPrefix(line, sample+" "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return "0"
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
