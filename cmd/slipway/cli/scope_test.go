package cli

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAValueFromStandardInput loses the end of its last line, once.
func TestAValueFromStandardInput(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"s3cr3t": "s3cr3t", "s3cr3t\n": "s3cr3t", "s3cr3t\r\n": "s3cr3t", "s3cr3t\n\n": "s3cr3t\n", " a\nb \n": " a\nb ", "s3cr3t\r": "s3cr3t\r",
	} {
		var got map[string]string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = json.NewDecoder(r.Body).Decode(&got)
			_, _ = w.Write([]byte(`{}`))
		}))
		t.Cleanup(server.Close)
		for _, noun := range []string{"secret", "var"} {
			require.Equal(t, exitOK, Main(t.Context(), []string{noun, "set", "KEY", "--url", server.URL}, strings.NewReader(in), &bytes.Buffer{}, &bytes.Buffer{}))
			require.Equal(t, map[string]string{"value": want}, got)
		}
	}
	var said bytes.Buffer
	require.Equal(t, exitFailed, Main(t.Context(), []string{"secret", "set", "KEY", "--url", "http://127.0.0.1:1"}, strings.NewReader("s3cr3t\xff"), &bytes.Buffer{}, &said))
	require.Equal(t, "slipway: the value of KEY is not text (UTF-8): set it as base64\n", said.String())
}
