package observability

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/testbed"
)

func TestPromtoolFindsNothingWrong(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(testbed.Root(t), "deploy", "prometheus")
	for _, arguments := range [][]string{
		{"check", "config", "prometheus.yml"},
		{"check", "rules", "rules.yml"},
		{"test", "rules", "rules_test.yml"},
	} {
		command := exec.CommandContext(t.Context(), testbed.Program(t, "promtool"), arguments...)
		command.Dir = folder
		out, err := command.CombinedOutput()
		require.NoError(t, err, "promtool %v: %s", arguments, out)
	}
}

// prometheus is a real one, scraping one server every few seconds: a scrape
// may take 2 s where the database is away.
type prometheus struct{ url string }

// startPrometheus runs deploy/prometheus as it stands, but for the address and
// the pace.
func startPrometheus(t *testing.T, server string) prometheus {
	t.Helper()
	testbed.Program(t, "prometheus")
	root, dir := testbed.Root(t), t.TempDir()
	config, err := os.ReadFile(filepath.Join(root, "deploy", "prometheus", "prometheus.yml"))
	require.NoError(t, err)
	address := strings.TrimPrefix(server, "http://")
	for from, to := range map[string]string{
		"127.0.0.1:5000": address, "scrape_interval: 5s": "scrape_interval: 3s", "evaluation_interval: 15s": "evaluation_interval: 1s",
		"refresh_interval: 10s": "refresh_interval: 1s",
		"rules.yml":             quickRules(t, root, dir),
	} {
		require.Contains(t, string(config), from)
		config = []byte(strings.ReplaceAll(string(config), from, to))
	}
	file := filepath.Join(dir, "prometheus.yml")
	require.NoError(t, os.WriteFile(file, config, 0o600))

	scripts := filepath.Join(root, "tests", "testbed", "prometheus")
	var out, failed bytes.Buffer
	start := exec.CommandContext(t.Context(), filepath.Join(scripts, "start"), dir, file)
	start.Env = append(os.Environ(), "SLIPWAY_CACHE="+testbed.Cache(t))
	start.Stdout, start.Stderr = &out, &failed
	require.NoError(t, start.Run(), failed.String())
	t.Cleanup(func() { _ = exec.Command(filepath.Join(scripts, "stop"), dir).Run() })
	return prometheus{url: strings.TrimSpace(out.String())}
}

// quickRules are deploy/prometheus' rules with a shorter memory, so that a test
// does not wait until it is forgotten that all was well.
func quickRules(t *testing.T, root, dir string) string {
	t.Helper()
	rules, err := os.ReadFile(filepath.Join(root, "deploy", "prometheus", "rules.yml"))
	require.NoError(t, err)
	file := filepath.Join(dir, "quick.yml")
	require.NoError(t, os.WriteFile(file, bytes.ReplaceAll(rules, []byte("[2m]"), []byte("[20s]")), 0o600))
	return file
}

type sample struct {
	Metric map[string]string `json:"metric"`
	Value  [2]any            `json:"value"`
}

// query asks once; a query that Prometheus refuses fails the test.
func (p prometheus) query(t *testing.T, expression string) []sample {
	t.Helper()
	answer, err := http.Get(p.url + "/api/v1/query?query=" + url.QueryEscape(expression))
	require.NoError(t, err)
	defer answer.Body.Close()
	var got struct {
		Status string
		Error  string
		Data   struct{ Result []sample }
	}
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&got))
	require.Equal(t, "success", got.Status, "%s: %s", expression, got.Error)
	return got.Data.Result
}

// eventually asks until the answer has something in it.
func (p prometheus) eventually(t *testing.T, expression string) []sample {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		if found := p.query(t, expression); len(found) > 0 {
			return found
		}
		require.False(t, time.Now().After(deadline), "no data for %s", expression)
		time.Sleep(300 * time.Millisecond)
	}
}
