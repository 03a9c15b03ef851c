package api_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/tests/testbed"
	"github.com/slipway-ml/slipway/tests/world"
)

// mlflow runs in an environment of the version's own requirements: one that
// lacks it is no environment that could judge, whatever the server has.
func TestSkewTakesTheVersionsOwnEnvironment(t *testing.T) {
	t.Parallel()
	needServe(t)
	w := world.Start(t, withPython(t), func(cfg *config.Config) { cfg.Sources.AllowPrivateIPs = true })
	index := testbed.PackageIndex(t, "iniconfig")
	require.Equal(t, http.StatusOK, pushDataset(t, w, "shapes-val", shapesFiles(t)).Status)
	applyPipeline(w, "shapes", "    - check: skew\n      dataset: shapes-val@1\n      images: 2\n")
	v := validated(w, "shapes", registerShapes(t, w, "shapes", "v1", map[string]string{
		"requirements.txt": "--index-url " + index.URL + "/simple\niniconfig\n", "python_env.yaml": "python: 3.11.2\n",
	}))
	step := v["steps"].([]any)[0].(object)
	require.Equal(t, "errored", step["state"], "%v", step)
	require.Contains(t, fmt.Sprint(step["reason"]), "the Python environment has no mlflow that could run the model: ModuleNotFoundError")
	require.NotContains(t, foundBy(step), "server's Python")
}
