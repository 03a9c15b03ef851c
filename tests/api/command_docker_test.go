package api_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/tests/testbed"
	"github.com/slipway-ml/slipway/tests/testbed/docker"
	"github.com/slipway-ml/slipway/tests/world"
)

// inContainer holds all of the contract against what a container has.
const inContainer = `import json, os, pathlib, urllib.error, urllib.request
env = os.environ
model, out = pathlib.Path(env["SLIPWAY_MODEL_DIR"]), pathlib.Path(env["SLIPWAY_OUTPUT_DIR"])
assert (model / "model.onnx").stat().st_size > 0 and pathlib.Path("model.onnx").exists()
assert len(list((pathlib.Path(env["SLIPWAY_DATASET_DIR"]) / "val/images").iterdir())) == 48
for folder in (model, pathlib.Path(env["SLIPWAY_DATASET_DIR"])):
    try:
        (folder / "new").write_text("x")
        raise SystemExit(str(folder) + " can be written to")
    except OSError:
        pass
pathlib.Path("model.onnx").write_text("mine")

def get(address, path, method="GET"):
    try:
        with urllib.request.urlopen(urllib.request.Request(address + path, method=method, data=b"{}" if method == "POST" else None)) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()

door, name, number = env["MLFLOW_TRACKING_URI"], env["SLIPWAY_MODEL"], env["SLIPWAY_VERSION"]
assert get(env["SLIPWAY_SERVE_URL"], "/version")[0] == 200
status, body = get(door, "/api/2.0/mlflow/model-versions/get?name=" + name + "&version=" + number)
assert status == 200, body
source = json.loads(body)["model_version"]["source"].split(":/", 1)[1]
assert get(door, "/api/2.0/mlflow-artifacts/artifacts/" + source + "/MLmodel")[0] == 200
assert get(door, "/api/v1/audit")[0] == 403
assert get(door, "/api/v1/gc", "POST")[0] == 403
try:
    print(urllib.request.urlopen(env["API"] + "/version", timeout=5).read())
    raise SystemExit("the server is reached by another way than the step's door")
except OSError:
    pass
(out / "report.xml").write_text('<testsuite><testcase classname="c" name="all" time="0.1"/></testsuite>')
(out / "measurements.json").write_text('{"answer": 42}')
(out / "notes.txt").write_text("kept")
(out / "link").symlink_to("/etc/passwd")
`

func TestTheContractOnDocker(t *testing.T) {
	t.Parallel()
	needServe(t)
	host := docker.Start(t)
	image := docker.Image(t, host)
	w := world.Start(t, func(cfg *config.Config) {
		cfg.AllowSteps, cfg.DockerHost, cfg.StepImage = []string{"docker"}, host, image
	})
	require.Equal(t, http.StatusOK, pushDataset(t, w, "shapes-val", shapesFiles(t)).Status)
	applyPipeline(w, "contained", runStep(testbed.BasePython(t)+" code/all.py",
		"      name: contained\n      on: docker\n      dataset: shapes-val@1\n      env: {API: \""+w.URL+"\"}\n      thresholds: {answer: \">= 42\", tests: \">= 1\"}\n"))
	v := validated(w, "contained", registerShapes(t, w, "contained", "v1", map[string]string{"code/all.py": inContainer}))
	log := w.Do(http.MethodGet, fmt.Sprintf("/api/v1/validations/%v/log", v["id"]), nil)
	step := v["steps"].([]any)[0].(object)
	require.Equal(t, "passed", step["state"], "%v\n%s", step, log.Body)
	require.Len(t, step["attachments"], 1)
	require.Contains(t, foundBy(step), `"link" is not kept: it is a link`)
}
