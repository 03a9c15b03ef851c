package testbed

import (
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Git does a command of git in a folder, as a person would, whose settings are
// the usual ones.
func Git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// GitHandler serves the repositories below a folder by git's own program. A
// token, where there is one, is wanted of who asks.
func GitHandler(t testing.TB, root, token string) http.Handler {
	t.Helper()
	backend := &cgi.Handler{
		Path: filepath.Join(Git(t, "", "--exec-path"), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_GLOBAL=/dev/null"},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); token != "" && password != token {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "no entry for "+password, http.StatusUnauthorized)
			return
		}
		with := *backend
		if protocol := r.Header.Get("Git-Protocol"); protocol != "" {
			with.Env = append(with.Env[:len(with.Env):len(with.Env)], "GIT_PROTOCOL="+protocol)
		}
		with.ServeHTTP(w, r)
	})
}

// GitServer serves the repositories below a folder over http.
func GitServer(t testing.TB, root, token string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(GitHandler(t, root, token))
	t.Cleanup(server.Close)
	return server
}
