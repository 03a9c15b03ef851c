package api_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/tests/testbed"
	"github.com/slipway-ml/slipway/tests/world"
)

// withPython gives run: steps the environment with pytest and the stock client.
func withPython(t *testing.T) func(*config.Config) {
	t.Helper()
	python := testbed.Python(t)
	return func(cfg *config.Config) { cfg.Python = python }
}

// stepsOf writes one run: step.
func runStep(command string, more ...string) string {
	return "    - run: |\n        " + strings.ReplaceAll(command, "\n", "\n        ") + "\n" + strings.Join(more, "")
}

// commanded validates a version of the model with one run: step, and gives the
// step as the API does.
func commanded(t *testing.T, w *world.World, model, command string, files map[string]string, more ...string) (v, step object) {
	t.Helper()
	applyPipeline(w, model, runStep(command, more...))
	v = validated(w, model, registerShapes(t, w, model, "v1", files))
	return v, v["steps"].([]any)[0].(object)
}

func foundBy(step object) string {
	var lines []string
	findings, _ := step["findings"].([]any)
	for _, f := range findings {
		f := f.(object)
		lines = append(lines, fmt.Sprintf("%v %v: %v", f["severity"], f["subject"], f["message"]))
	}
	return strings.Join(lines, "\n")
}

// What pytest itself says of a suite, and how such a suite ends, are told apart.
func TestPytestIsUnderstood(t *testing.T) {
	t.Parallel()
	needServe(t)
	w := world.Start(t, withPython(t), func(cfg *config.Config) { cfg.Validation.Memory = 400 })
	const suite = `import os, pytest, urllib.request
def test_served():
    assert urllib.request.urlopen(os.environ["SLIPWAY_SERVE_URL"] + "/version").status == 200
@pytest.mark.skip(reason="no GPU here")
def test_gpu(): pass
`
	const told = "python -m pytest -q code --junitxml=$SLIPWAY_OUTPUT_DIR/report.xml"
	tests := map[string]struct {
		suite, command, more string
		state, reason        string
		found                string
	}{
		"a suite that passes": {suite, told, "", "passed", "", "info code.test_it::test_gpu: test_gpu was skipped: no GPU here"},
		"a failure, with its class, its time and what it printed": {
			suite + "class TestBoxes:\n    def test_night(self):\n        print('seen at night')\n        assert 3 == 4\n", told + " -o junit_logging=all", "", "failed", "test_night failed after 0.",
			"error code.test_it.TestBoxes::test_night: test_night failed after 0.",
		},
		"a fixture that breaks": {"import pytest\n@pytest.fixture\ndef camera(): raise OSError('no camera')\ndef test_it(camera): pass\n", told, "", "failed", "test_it could not run", "no camera"},
		"the older form, with files": {
			"def test_it(): assert 0\n", told + " -o junit_family=xunit1", "", "failed", "code.test_it::test_it failed",
			"error code/test_it.py:0: code.test_it::test_it failed",
		},
		"an import that fails":        {"import no_such_module\n", told, "", "errored", "pytest could not collect code.test_it", ""},
		"an import that fails beside": {"import no_such_module\n", "echo 'def test_ok(): assert 0' > code/test_ok.py; " + told + " --continue-on-collection-errors", "", "errored", "pytest could not collect", ""},
		"no tests":                    {"", told, "", "errored", "there were no tests", ""},
		"a wrong option":              {suite, told + " --no-such-option", "", "errored", "it was called wrongly", ""},
		"a crash":                     {"import os\ndef test_it(): os.abort()\n", told, "", "errored", "the command crashed: ", ""},
		"a timeout":                   {"import time\ndef test_it(): time.sleep(60)\n", told, "      timeout: 3s\n", "errored", "still running", ""},
		"too much memory":             {"def test_it():\n    a = bytearray(10)\n    while True: a += bytes(b'x' * 50_000_000)\n", told, "", "errored", "its limit is 400 MiB", ""},
		"too many processes": {
			"import subprocess, time\ndef test_it():\n    for _ in range(600): subprocess.Popen(['sleep', '20'])\n    time.sleep(20)\n", told, "", "errored", "its limit is 512", "",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, step := commanded(t, w, modelNamed(name), tt.command, map[string]string{"code/test_it.py": tt.suite}, tt.more)
			require.Equal(t, tt.state, step["state"], "%v", step)
			require.Contains(t, fmt.Sprint(step["reason"]), tt.reason)
			require.Contains(t, foundBy(step), tt.found)
			if name == "a suite that passes" {
				got := figures(step)
				require.Equal(t, []float64{2, 0, 0, 1}, []float64{got["tests"], got["failures"], got["errors"], got["skipped"]})
				require.Positive(t, got["duration_s"])
			}
			if strings.HasPrefix(name, "a failure") {
				require.Contains(t, foundBy(step), "--- system-out ---\n")
				require.Contains(t, foundBy(step), "seen at night")
				require.Contains(t, foundBy(step), "assert 3 == 4")
			}
		})
	}
}

func modelNamed(test string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return '-'
	}, test), "-")
}

// What a command leaves in its folder for output is kept with the report: plain
// files under safe names, to be saved and not to be run.
func TestWhatACommandLeavesIsKept(t *testing.T) {
	t.Parallel()
	needServe(t)
	secret := t.TempDir() + "/secret"
	require.NoError(t, os.WriteFile(secret, []byte("nobody's business"), 0o600))
	w := world.Start(t)
	v, step := commanded(t, w, "kept", `cd $SLIPWAY_OUTPUT_DIR
mkdir -p plots; echo '{"recall": 0.9}' > measurements.json
echo '<script>alert(1)</script>' > plots/page.html; echo roc > plots/roc.csv; echo roc2 > plots_roc.csv; echo '{}' > figures.json
ln -s `+secret+` link.txt; ln -s /etc folder; mkfifo pipe; echo x > one; ln one two; ln -s . loop
printf x > '..'; printf y > '...' ; printf z > "$(printf 'a\342\200\256gpj.txt')"; printf w > "$(printf 'bad\377name')"; printf v > 'größe 模.txt'; printf u > .hidden
true`, nil)
	require.Equal(t, "passed", step["state"], "%v", step)
	require.InDelta(t, 0.9, figures(step)["recall"], 0)
	kept := map[string]object{}
	for _, a := range step["attachments"].([]any) {
		kept[a.(object)["name"].(string)] = a.(object)
	}
	for _, name := range []string{"plots_page.html", "plots_roc.csv", "plots_roc-2.csv", "figures-2.json", "_...", "a_gpj.txt", "bad_name", "größe 模.txt", "_.hidden"} {
		require.Contains(t, kept, name)
	}
	require.Len(t, kept, 9, "%v", kept)
	told := foundBy(step)
	for _, words := range []string{
		`"link.txt" is not kept: it is a link`, `"folder" is not kept: it is a link`, `"loop" is not kept: it is a link`,
		`"pipe" is not kept: it is no plain file`, `"one" is not kept: it is a hard link`, `"two" is not kept: it is a hard link`,
		`"a\u202egpj.txt" is kept as a_gpj.txt`, `"figures.json" is kept as figures-2.json`,
	} {
		require.Contains(t, told, words)
	}

	at := fmt.Sprintf("/api/v1/validations/%v", v["id"])
	page := w.Do(http.MethodGet, at+"/steps/1/attachments/plots_page.html", nil)
	require.Equal(t, http.StatusOK, page.Status)
	require.Equal(t, "<script>alert(1)</script>\n", string(page.Body))
	require.Equal(t, "application/octet-stream", page.Header.Get("Content-Type"))
	require.Equal(t, "attachment; filename=plots_page.html", page.Header.Get("Content-Disposition"))
	require.Equal(t, "nosniff", page.Header.Get("X-Content-Type-Options"))
	require.Equal(t, "default-src 'none'; sandbox", page.Header.Get("Content-Security-Policy"))
	odd := w.Do(http.MethodGet, at+"/steps/1/attachments/gr%C3%B6%C3%9Fe%20%E6%A8%A1.txt", nil)
	require.Equal(t, "v", string(odd.Body))
	require.Contains(t, odd.Header.Get("Content-Disposition"), "attachment;")
	report := string(w.Do(http.MethodGet, at+"/report.html", nil).Body)
	require.Contains(t, report, `<a href="steps/1/attachments/plots_page.html">plots_page.html</a>`)
	require.NotContains(t, report, "nobody")
}

// Too many files, and too large ones, are told and left out.
func TestWhatIsKeptHasBounds(t *testing.T) {
	t.Parallel()
	needServe(t)
	w := world.Start(t)
	_, step := commanded(t, w, "much", `cd $SLIPWAY_OUTPUT_DIR
i=0; while [ $i -lt 105 ]; do echo $i > f$i; i=$((i+1)); done; truncate -s 65M large`, nil)
	require.Equal(t, "passed", step["state"], "%v", step)
	require.Len(t, step["attachments"], 100)
	require.Contains(t, foundBy(step), "not all files of SLIPWAY_OUTPUT_DIR are kept: 6 were too many or too large")
}
