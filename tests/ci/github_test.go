// Package ci runs the workflows of deploy/ci as their CI systems do.
package ci_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/testbed"
	"github.com/slipway-ml/slipway/tests/world"
)

func TestMain(m *testing.M) { world.Main(m) }

func TestGitHubWorkflowTestsRegistersAndPromotes(t *testing.T) {
	t.Parallel()
	repo := newRepository(t, "testdata/project", "v1")
	repo.copy(t, filepath.Join(world.Root(), "deploy", "ci", "github", "slipway.yml"), ".github/workflows/slipway.yml")
	repo.commit(t)
	w := world.Start(t)
	vars := []string{"--var", "SLIPWAY_URL=" + w.URL, "--var", "SLIPWAY_MODEL=ci-detector"}

	log, err := repo.act(t, vars...)
	require.NoError(t, err, log)
	require.Contains(t, log, "1 passed", "the repository's own tests ran")
	require.Equal(t, "1", live(t, w, "ci-detector"))

	repo.replace(t, "slipway.yaml", `opset: ">= 17"`, `opset: ">= 99"`)
	log, err = repo.act(t, vars...)
	require.Error(t, err, "a version that fails its validation fails the job")
	require.Contains(t, log, "opset", "the reason stands in its log")
	require.Equal(t, "1", live(t, w, "ci-detector"), "what was live stays live")

	repo.replace(t, "test_train.py", "160, 160]", "1, 1]")
	_, err = repo.act(t, vars...)
	require.Error(t, err, "a failing test fails the job")
	versions := w.OK("GET", "/api/2.0/mlflow/model-versions/search?filter=name%3D%27ci-detector%27", nil)["model_versions"]
	require.Len(t, versions, 2, "and nothing is registered")
}

// live is the version that takes all of production's traffic.
func live(t *testing.T, w *world.World, model string) string {
	t.Helper()
	for _, each := range w.OK("GET", "/api/v1/models/"+model+"/environments/production", nil)["traffic"].([]any) {
		if traffic := each.(map[string]any); traffic["weight"] == float64(100) {
			return traffic["version"].(string)
		}
	}
	return ""
}

// repository is a training repository.
type repository struct{ dir, home string }

func newRepository(t *testing.T, files, detector string) repository {
	t.Helper()
	r := repository{dir: t.TempDir(), home: t.TempDir()}
	require.NoError(t, os.CopyFS(r.dir, os.DirFS(files)))
	r.copy(t, filepath.Join(world.Root(), "tests", "data", "shapes", detector+".onnx"), "detector.onnx")
	testbed.Git(t, r.dir, "init", "--quiet", "--initial-branch", "main")
	return r
}

func (r repository) copy(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	require.NoError(t, err)
	path := filepath.Join(r.dir, to)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, text, 0o644))
}

func (r repository) replace(t *testing.T, file, from, to string) {
	t.Helper()
	path := filepath.Join(r.dir, file)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(text), from)
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(text), from, to, 1)), 0o644))
	r.commit(t)
}

func (r repository) commit(t *testing.T) {
	t.Helper()
	testbed.Git(t, r.dir, "add", "--all")
	testbed.Git(t, r.dir, "commit", "--quiet", "--message", "work")
}

// act pushes the repository's commit and gives the job's log.
func (r repository) act(t *testing.T, flags ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, testbed.Program(t, "act"), append([]string{"push", "--platform", "ubuntu-latest=-self-hosted"}, flags...)...)
	command.Dir = r.dir
	command.Env = append(os.Environ(), "HOME="+r.home, "XDG_CACHE_HOME="+filepath.Join(r.home, "cache"), "XDG_CONFIG_HOME="+filepath.Join(r.home, "config"),
		"PIP_CACHE_DIR="+filepath.Join(testbed.Cache(t), "pip"), "PATH="+testbed.Bin(t)+":"+filepath.Dir(testbed.Python(t))+":"+os.Getenv("PATH"))
	log, err := command.CombinedOutput()
	return string(log), err
}
