// Package ui_test uses MLflow's web interface on a real server in a real
// browser, as a person does, and looks at what the server refuses meanwhile. It
// takes a minute of two processors, so only "make test-ui" runs it.
package ui_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/testbed"
	"github.com/slipway-ml/slipway/tests/world"
)

func TestMain(m *testing.M) { world.Main(m) }

// Filled are the ids of what fill.py made.
type Filled struct {
	Shapes, Many, Few, Traced, First, Second string
	FirstModel                               string `json:"first_model"`
	SecondModel                              string `json:"second_model"`
}

func TestUI(t *testing.T) {
	t.Parallel()
	if os.Getenv("SLIPWAY_TEST_UI") == "" {
		t.Skip("make test-ui runs this")
	}
	python, build, chromium := testbed.Python(t), testbed.MLflowUI(t), testbed.Program(t, "chromium")
	server := world.StartProcess(t, t.TempDir(), "--mlflow-ui", build, "--webhook-allow-private-ips", "--webhook-allowed-schemes", "http,https")
	filled := fill(t, python, server)
	allocator, end := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium), chromedp.WindowSize(1600, 1000),
		// A mouse is there: charts show their buttons all the time without one.
		chromedp.Flag("blink-settings", "primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4"))...)
	t.Cleanup(end)
	browser, leave := chromedp.NewContext(allocator)
	t.Cleanup(leave)
	require.NoError(t, chromedp.Do(browser))

	for name, use := range map[string]func(*Page, Filled){
		"experiments": experiments, "absent": absent, "runs": runs, "takeBack": takeBack,
		"run": run, "charts": charts, "artifacts": artifacts, "loggedModels": loggedModels,
		"compare": compare, "chartView": chartView,
		"registry": registry, "version": version, "stages": stages, "prompts": prompts, "webhooks": webhooks, "traces": traces,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			use(open(browser, t, server.URL), filled)
		})
	}
}

// fill gives the server what a team has after a few days.
func fill(t *testing.T, python string, server *world.Process) Filled {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), python, "-B", "-W", "ignore", "fill.py")
	cmd.Env = append(os.Environ(), "MLFLOW_TRACKING_URI="+server.URL, "MLFLOW_DISABLE_TELEMETRY=true", "MPLCONFIGDIR="+t.TempDir())
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "%s", &stderr)
	lines := bytes.Split(bytes.TrimSpace(stdout.Bytes()), []byte("\n"))
	var filled Filled
	require.NoError(t, json.Unmarshal(lines[len(lines)-1], &filled), "%s", &stdout)
	return filled
}
