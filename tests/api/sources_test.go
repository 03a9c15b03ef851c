package api_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/tests/testbed"
	"github.com/slipway-ml/slipway/tests/world"
)

// fromSources lets run: steps fetch from servers of this machine.
func fromSources(cfg *config.Config) {
	cfg.Sources = config.Sources{GitAllowedSchemes: []string{"http"}, AllowPrivateIPs: true, EnvironmentCache: 10}
}

// team is a repository of a team's tests on this machine, with a package index.
type team struct {
	t         *testing.T
	dir       string
	url       string
	commit    string
	installed string // its requirements
}

func newTeam(t *testing.T, token string) *team {
	t.Helper()
	index := testbed.PackageIndex(t, "pytest", "iniconfig", "packaging", "pluggy", "pygments")
	root := t.TempDir()
	it := &team{t: t, dir: filepath.Join(root, "app"), installed: "--extra-index-url " + index.URL + "/simple\npytest\n"}
	it.url = testbed.GitServer(t, root, token).URL + "/app"
	testbed.Git(t, "", "init", "-q", "-b", "main", it.dir)
	it.write("requirements.txt", it.installed)
	it.write("app/tests/test_yolo_detect.py", `import json, os, pathlib, urllib.request
def test_model_is_here():
    assert (pathlib.Path(os.environ["SLIPWAY_MODEL_DIR"]) / "model.onnx").exists()
def test_it_is_served():
    assert urllib.request.urlopen(os.environ["SLIPWAY_SERVE_URL"] + "/version").status == 200
`)
	return it
}

func (it *team) write(name, text string) {
	it.t.Helper()
	path := filepath.Join(it.dir, name)
	require.NoError(it.t, os.MkdirAll(filepath.Dir(path), 0o750))
	require.NoError(it.t, os.WriteFile(path, []byte(text), 0o600))
	testbed.Git(it.t, it.dir, "add", "-A")
	testbed.Git(it.t, it.dir, "commit", "-q", "-m", "x")
	it.commit = testbed.Git(it.t, it.dir, "rev-parse", "HEAD")
}

func (it *team) git(more string) string { return "      git: {url: \"" + it.url + "\"" + more + "}\n" }

// stepLog is what a validation's first step wrote.
func stepLog(w *world.World, v object) string {
	return string(w.Do(http.MethodGet, fmt.Sprintf("/api/v1/validations/%v/log?step=1", v["id"]), nil).Body)
}

const (
	suiteCommand = "pytest -q app/tests/test_yolo_detect.py --junitxml=report.xml"
	locked       = "      requirements: requirements.txt\n"
)

func TestATeamsOwnSuiteFromGit(t *testing.T) {
	t.Parallel()
	needServe(t)
	testbed.UV(t)
	w, it := world.Start(t, withPython(t), fromSources), newTeam(t, "")

	v, step := commanded(t, w, "first", suiteCommand, nil, it.git(", ref: main"), locked)
	require.Equal(t, "passed", step["state"], "%v\n%s", step, stepLog(w, v))
	require.InDelta(t, 2, figures(step)["tests"], 0)
	inputs := step["inputs"].(object)
	require.Equal(t, it.commit, inputs["git_commit"])
	require.Equal(t, it.url, inputs["git"])
	require.Regexp(t, `^[0-9a-f]{64}$`, inputs["python_lock_digest"])
	require.Regexp(t, `^cpython 3\.11\.`, inputs["python"])
	require.Contains(t, stepLog(w, v), "(made)")
	lock := w.Do(http.MethodGet, fmt.Sprintf("/api/v1/validations/%v/steps/%v/attachments/requirements.lock.txt", v["id"], step["name"]), nil)
	require.Equal(t, http.StatusOK, lock.Status)
	require.Contains(t, string(lock.Body), "pluggy==")
	require.Contains(t, string(lock.Body), "--hash=sha256:")

	again := validated(w, "first", registerShapes(t, w, "first", "v1", nil))
	step = again["steps"].([]any)[0].(object)
	require.Equal(t, "passed", step["state"], "%v", step)
	require.Contains(t, stepLog(w, again), "(cached)")
	require.Equal(t, inputs["python_lock_digest"], step["inputs"].(object)["python_lock_digest"])

	// The branch moves on, and its tests do not pass any more.
	it.write("app/tests/test_yolo_detect.py", "def test_night(): assert 0, 'no lights'\n")
	moved := validated(w, "first", registerShapes(t, w, "first", "v1", nil))
	step = moved["steps"].([]any)[0].(object)
	require.Equal(t, "failed", step["state"], "%v", step)
	require.Contains(t, step["reason"], "test_night failed")
	require.Equal(t, it.commit, step["inputs"].(object)["git_commit"])
}

// A step may read what it shares with others, and change nothing of it.
func TestAStepThatAttacksItsEnvironment(t *testing.T) {
	t.Parallel()
	needServe(t)
	testbed.UV(t)
	w, it := world.Start(t, withPython(t), fromSources), newTeam(t, "")
	_, step := commanded(t, w, "attacks", `packages=$(python -c 'import pytest, os; print(os.path.dirname(os.path.dirname(pytest.__file__)))')
echo "raise SystemExit('evil')" >$packages/sitecustomize.py
echo "evil" >>$packages/pytest/__init__.py
chmod -R 777 $VIRTUAL_ENV
rm -rf $VIRTUAL_ENV/bin $packages
ln $packages/pytest/__init__.py mine && echo evil >>mine
mv $VIRTUAL_ENV $VIRTUAL_ENV-gone
ls $(dirname $(dirname $VIRTUAL_ENV))/uv && exit 3
python -c 'import pytest'`, nil, it.git(""), locked)
	require.Equal(t, "passed", step["state"], "%v", step)
	v, step := commanded(t, w, "others", suiteCommand, nil, it.git(""), locked)
	require.Equal(t, "passed", step["state"], "%v", step)
	require.Contains(t, stepLog(w, v), "(cached)", "nothing of it had changed")
}

func TestSourcesThatFail(t *testing.T) {
	t.Parallel()
	needServe(t)
	testbed.UV(t)
	w, it := world.Start(t, withPython(t), fromSources), newTeam(t, "")
	it.write("none.txt", strings.Replace(it.installed, "pytest", "pytest>99", 1))
	away, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, away.Close())
	for name, c := range map[string]struct{ reason, more string }{
		"no-ref":       {"no branch, tag or commit nothing", it.git(", ref: nothing")},
		"no-path":      {`"gone" is no folder of the repository`, it.git(", path: gone")},
		"no-file":      {`no file "gone.txt"`, it.git("") + "      requirements: gone.txt\n"},
		"no-solution":  {"pytest>99", it.git("") + "      requirements: none.txt\n"},
		"no-python":    {"there is no Python 3.99", it.git("") + "      python: \"3.99\"\n"},
		"other-scheme": {"--git-allowed-schemes", "      git: {url: \"https://example.org/a\"}\n"},
		"away":         {"is not reached: ", "      git: {url: \"http://" + away.Addr().String() + "/a\"}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, step := commanded(t, w, "model-"+name, "true", nil, c.more)
			require.Equal(t, "errored", step["state"], "%v", step)
			require.Contains(t, step["reason"], c.reason)
			require.Equal(t, name == "away", strings.Contains(stepLog(w, v), "trying again"))
		})
	}
}

// The model's own requirements, as MLflow saved them, and a Python alone.
func TestTheModelsOwnRequirements(t *testing.T) {
	t.Parallel()
	needServe(t)
	testbed.UV(t)
	w, it := world.Start(t, withPython(t), fromSources), newTeam(t, "")
	own := map[string]string{"requirements.txt": it.installed}
	_, step := commanded(t, w, "own", "python -c 'import pytest'", own, "      requirements: $SLIPWAY_MODEL_DIR/requirements.txt\n", it.git(""))
	require.Equal(t, "passed", step["state"], "%v", step)
	_, step = commanded(t, w, "folder", "python -c 'import pytest'", own, locked)
	require.Equal(t, "passed", step["state"], "%v", step)
	_, step = commanded(t, w, "bare", "python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' && ! python -c 'import pytest'", own, "      python: \"3.11\"\n")
	require.Equal(t, "passed", step["state"], "%v", step)
	require.NotContains(t, step["inputs"], "python_lock_digest")
}

// A repository that wants a sign-in, by a secret: it is nowhere afterwards.
func TestARepositoryBehindAToken(t *testing.T) {
	t.Parallel()
	needServe(t)
	const token = "glpat-9f2c'71%b$e04d"
	w, it := world.Start(t, withPython(t), fromSources), newTeam(t, token)
	w.OK(http.MethodPut, "/api/v1/secrets/GIT_TOKEN", object{"value": token})
	w.OK(http.MethodPut, "/api/v1/variables/TESTS_REPO", object{"value": it.url})
	const from = "      git: {url: \"${{ vars.TESTS_REPO }}\", ref: main, token: \"${{ secrets.GIT_TOKEN }}\"}\n"
	v, step := commanded(t, w, "signed-in", "test -f app/tests/test_yolo_detect.py && git log -1; cat .git/config; env; cat /proc/*/environ || true", nil, from)
	require.Equal(t, "passed", step["state"], "%v", step)
	require.Equal(t, it.commit, step["inputs"].(object)["git_commit"])
	seen := stepLog(w, v) + fmt.Sprint(v)

	w.OK(http.MethodPut, "/api/v1/secrets/GIT_TOKEN", object{"value": "another-4711"})
	v, step = commanded(t, w, "refused", "true", nil, from)
	require.Equal(t, "errored", step["state"], "%v", step)
	require.Contains(t, step["reason"], "refuses git.token")
	require.NotContains(t, stepLog(w, v), "trying again")
	seen += stepLog(w, v) + fmt.Sprint(v)
	require.NoError(t, filepath.WalkDir(w.Dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() { // else it has just gone
			data, _ := os.ReadFile(path)
			seen += string(data)
		}
		return nil
	}))
	require.NotContains(t, seen, token)
	require.NotContains(t, seen, "another-4711")
}
