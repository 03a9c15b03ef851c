package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// pushed is what a stand-in of the server is sent by a push.
type pushed struct {
	mu       sync.Mutex
	manifest map[string]any
	blobs    map[string]string
	puts     int
	refuse   func(w http.ResponseWriter, put int) bool // whether it answered the put itself
}

func (p *pushed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case r.Method == http.MethodPut:
		p.puts++
		body, _ := io.ReadAll(r.Body)
		if p.refuse != nil && p.refuse(w, p.puts) {
			return
		}
		p.blobs[filepath.Base(r.URL.Path)] = string(body)
		w.WriteHeader(http.StatusNoContent)
	case strings.HasSuffix(r.URL.Path, "/commit"):
		_, _ = fmt.Fprint(w, `{"name":"set","version":3,"state":"committed","task":"table","summary":{"rows":2,"findings":[]}}`)
	case strings.HasSuffix(r.URL.Path, "/versions"):
		_ = json.NewDecoder(r.Body).Decode(&p.manifest)
		var missing []string
		for _, f := range p.manifest["files"].([]any) {
			missing = append(missing, f.(map[string]any)["digest"].(string))
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"name": "set", "version": 3, "state": "uploading", "missing": missing})
	default:
		_, _ = fmt.Fprint(w, `{"name":"set"}`)
	}
}

func pushTo(t *testing.T, p *pushed, flags ...string) (code int, stdout, stderr string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.csv"), []byte("x\n1\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "b.csv"), []byte("x\n2\n"), 0o600))
	p.blobs = map[string]string{}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	var out, err bytes.Buffer
	code = Main(t.Context(), append([]string{"dataset", "push", dir, "set", "--uploads", "1", "--url", server.URL}, flags...), nil, &out, &err)
	return code, out.String(), err.String()
}

func TestAPushGoesOnAfterAnUploadThatFailedForAMoment(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]func(w http.ResponseWriter){
		"a server that is busy": func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = fmt.Fprint(w, `{"error_code":"TEMPORARILY_UNAVAILABLE","message":"later"}`)
		},
		"a connection that breaks": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &pushed{refuse: func(w http.ResponseWriter, put int) bool {
				if put == 1 {
					refuse(w)
				}
				return put == 1
			}}
			code, out, err := pushTo(t, p)
			require.Equal(t, exitOK, code, err)
			require.Equal(t, "set@3\n", out)
			require.Len(t, p.blobs, 2)
			require.Equal(t, 3, p.puts)
		})
	}
}

func TestAnUploadThatIsRefusedEndsThePush(t *testing.T) {
	t.Parallel()
	p := &pushed{refuse: func(w http.ResponseWriter, _ int) bool {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprint(w, `{"error_code":"INVALID_PARAMETER_VALUE","message":"other bytes"}`)
		return true
	}}
	code, _, err := pushTo(t, p)
	require.Equal(t, exitFailed, code)
	require.Contains(t, err, "a.csv: other bytes")
	require.Equal(t, 1, p.puts, "it is not tried again")
}

func TestAPushSendsFormatAndTags(t *testing.T) {
	t.Parallel()
	p := &pushed{}
	code, _, err := pushTo(t, p, "--format", "csv", "--tag", "time=day=a.*", "--tag", "all=*.csv", "--tag-field", "weather", "--tag-field", "place")
	require.Equal(t, exitOK, code, err)
	require.Equal(t, "csv", p.manifest["format"])
	require.Equal(t, []any{"weather", "place"}, p.manifest["tag_fields"])
	files := p.manifest["files"].([]any)
	require.Equal(t, []any{"time=day", "all"}, files[0].(map[string]any)["tags"])
	require.Equal(t, []any{"all"}, files[1].(map[string]any)["tags"])
}
