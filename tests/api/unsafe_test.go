package api_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/testbed"
	"github.com/slipway-ml/slipway/tests/world"
)

// registerFiles registers files as a model version and gives its number.
func registerFiles(t *testing.T, w *world.World, model string, files map[string]string) string {
	t.Helper()
	runID := run(w)
	for path, text := range files {
		upload(t, w, "0/"+runID+"/artifacts/model/"+path, text)
	}
	w.Do(http.MethodPost, registered+"create", object{"name": model})
	v := w.OK(http.MethodPost, versioned+"create", object{
		"name": model, "source": "mlflow-artifacts:/0/" + runID + "/artifacts/model", "run_id": runID,
	})["model_version"].(object)
	return v["version"].(string)
}

// finding gives the first finding of a step whose message has a text.
func finding(step any, text string) object {
	for _, f := range step.(object)["findings"].([]any) {
		if strings.Contains(f.(object)["message"].(string), text) {
			return f.(object)
		}
	}
	return nil
}

func TestAHostileVersionFails(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	applyPipeline(w, "m", "    - check: unsafe-code\n")
	v := validated(w, "m", registerFiles(t, w, "m", map[string]string{
		"MLmodel":   "flavors:\n  sklearn: {pickled_model: model.pkl}\n  python_function: {loader_module: mlflow.sklearn, model_path: model.pkl}\n",
		"model.pkl": "\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.", "requirements.txt": "scikit-learn==1.9.1\n--extra-index-url https://example.com/simple\n",
	}))
	require.Equal(t, "failed", v["state"], "%v", v)
	step := v["steps"].([]any)[0].(object)
	require.Equal(t, "hidden code", step["facts"].(object)["code"])
	f := finding(step, "calls posix.system")
	require.Equal(t, object{
		"severity": "error", "rule": "pickle-global", "subject": "model.pkl@17", "message": "the pickle calls posix.system when it is loaded [pickle-global]",
		"remedy": "do not load this file anywhere: it does more than hold a model. Find out where it came from",
	}, f)
	require.Equal(t, "requirements.txt:2", finding(step, "--extra-index-url")["subject"])
	require.EqualValues(t, 1, figures(step)["pickles"])

	applyPipeline(w, "own", "    - check: unsafe-code\n      allow: [acme.Scaler]\n      warn: [requirement-source]\n")
	v = validated(w, "own", registerFiles(t, w, "own", map[string]string{
		"model.pkl": "\x80\x02cacme\nScaler\n)\x81.", "requirements.txt": "--extra-index-url https://example.com/simple\n",
	}))
	require.Equal(t, "passed", v["state"], "%v", v)
	require.Equal(t, "warning", finding(v["steps"].([]any)[0], "--extra-index-url")["severity"])

	applyPipeline(w, "packed", "    - check: unsafe-code\n")
	v = validated(w, "packed", registerFiles(t, w, "packed", map[string]string{"weights.rar": "Rar!\x1a\x07\x01\x00 and so on"}))
	require.Equal(t, "errored", v["state"], "could not look is not a finding: %v", v)
	require.Contains(t, v["reason"], "it could not look into all: weights.rar")
}

const stockModels = `
import sys, warnings
warnings.simplefilter("ignore")
import mlflow, mlflow.sklearn, mlflow.pyfunc
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
mlflow.set_tracking_uri(sys.argv[1])
model = make_pipeline(StandardScaler(), LogisticRegression()).fit([[0.0], [1.0]], [0, 1])
class Twice(mlflow.pyfunc.PythonModel):
    def __init__(self): self.inner = model
    def predict(self, context, model_input, params=None): return self.inner.predict(model_input) * 2
with mlflow.start_run():
    mlflow.sklearn.log_model(model, name="a", registered_model_name="skops")
    for kind in ("pickle", "cloudpickle"):
        mlflow.sklearn.log_model(model, name="b", registered_model_name=kind, serialization_format=kind)
    mlflow.pyfunc.log_model(name="c", python_model=Twice(), registered_model_name="pyfunc")
`

func TestWhatTheStockClientLogsIsToldApart(t *testing.T) {
	t.Parallel()
	python := testbed.Python(t)
	w := world.Start(t)
	models := map[string]string{
		"skops": "no code", "pickle": "no code of its own: its pickles make types of known libraries only",
		"cloudpickle": "no code of its own: its pickles make types of known libraries only", "pyfunc": "declared code",
	}
	for model := range models {
		applyPipeline(w, model, "    - check: unsafe-code\n")
	}
	script := filepath.Join(t.TempDir(), "log.py")
	require.NoError(t, os.WriteFile(script, []byte(stockModels), 0o600))
	out, err := exec.CommandContext(t.Context(), python, "-B", script, w.URL).CombinedOutput()
	require.NoError(t, err, "%s", out)
	for model, code := range models {
		v := validated(w, model, "1")
		require.Equal(t, "passed", v["state"], "%s: %v", model, v)
		step := v["steps"].([]any)[0].(object)
		require.Equal(t, code, step["facts"].(object)["code"], "%s: %v", model, step["findings"])
		if code != "declared code" {
			require.Empty(t, step["findings"], model)
		}
	}
}

func TestAnONNXVersionHasNoCode(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	applyPipeline(w, "shapes", "    - check: unsafe-code\n")
	v := validated(w, "shapes", registerShapes(t, w, "shapes", "v1", nil))
	require.Equal(t, "passed", v["state"], "%v", v)
	require.Equal(t, "no code", v["steps"].([]any)[0].(object)["facts"].(object)["code"])
}
