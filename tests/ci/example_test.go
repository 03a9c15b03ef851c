package ci_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/tests/testbed"
	"github.com/slipway-ml/slipway/tests/world"
)

// The example goes the whole way as its owners would send it: from a push to
// its repository by its own workflow, with a secret, its test suites run on the
// registered version, into production.
func TestTheExampleGoesFromItsRepositoryToProduction(t *testing.T) {
	t.Parallel()
	repo := newRepository(t, filepath.Join(world.Root(), "examples", "yolo-detector"), "v4-better")
	repo.commit(t)
	server := testbed.GitServer(t, filepath.Dir(repo.dir), "")
	w := world.Start(t, func(c *config.Config) {
		c.Sources = config.Sources{GitAllowedSchemes: []string{"http"}, AllowPrivateIPs: true, EnvironmentCache: 10}
	})
	pushShapes(t, w)
	const key = "kit'key%5f2c$\"91"
	flags := []string{
		"--var", "SLIPWAY_URL=" + w.URL, "--var", "MODEL_NAME=yolo-detector", "--var", "TESTS_REPO=" + server.URL + "/" + filepath.Base(repo.dir), "--secret", "API_KEY=" + key,
	}

	log, err := repo.act(t, flags...)
	require.NoError(t, err, log)
	require.Equal(t, "1", live(t, w, "yolo-detector"))
	require.NotContains(t, log, key)
	report := string(w.Do("GET", "/api/v1/validations/1/report.xml", nil).Body)
	for _, name := range []string{"test_nobody_counts_without_the_key", "test_finds_parts_of_every_kind[screw]", "test_the_served_model_answers_as_its_file_does"} {
		require.Contains(t, report, name, "every case stands in the report")
	}
	first := fmt.Sprint(w.OK("GET", "/api/v1/validations/1", nil))
	require.Contains(t, first, "recall[bolt]")
	require.NotContains(t, report+first, key)
	for step := range 6 {
		require.NotContains(t, string(w.Do("GET", fmt.Sprintf("/api/v1/validations/1/log?step=%d", step+1), nil).Body), key)
	}
	picture, err := os.ReadFile(filepath.Join(world.Root(), "tests", "data", "shapes", "val", "images", "0000.jpg"))
	require.NoError(t, err)
	answer := w.Do("POST", "/serve/yolo-detector/production/detect", picture, "Content-Type", "image/jpeg")
	require.Equal(t, 200, answer.Status, "%s", answer.Body)

	repo.replace(t, "slipway.yaml", `map50: ">= 0.80"`, `map50: ">= 0.99"`)
	log, err = repo.act(t, flags...)
	require.Error(t, err, "a version that fails its validation fails the job")
	require.Contains(t, log, "map50", "the reason stands in its log")
	require.Equal(t, "1", live(t, w, "yolo-detector"), "what was live stays live")
}

func pushShapes(t *testing.T, w *world.World) {
	t.Helper()
	push := exec.CommandContext(t.Context(), filepath.Join(testbed.Bin(t), "slipway"), "dataset", "push", filepath.Join(world.Root(), "tests", "data", "shapes"), "shapes-val")
	push.Env = append(os.Environ(), "SLIPWAY_URL="+w.URL)
	out, err := push.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
