package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/deploy/process"
	"github.com/slipway-ml/slipway/tests/world"
)

// readsAll is a step that uses the stock client, as a team's test does: what it
// may read, and what is refused to it.
const readsAll = `import os, pathlib, urllib.error, urllib.parse, urllib.request
import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

uri, door, api, token = (os.environ[n] for n in ("SLIPWAY_MODEL_URI", "MLFLOW_TRACKING_URI", "API", "MLFLOW_TRACKING_TOKEN"))
name, number = os.environ["SLIPWAY_MODEL"], os.environ["SLIPWAY_VERSION"]

assert mlflow.onnx.load_model(uri).graph.node
assert mlflow.pyfunc.load_model(uri).metadata is not None
client = MlflowClient()
assert client.get_registered_model(name).name == name
version = client.get_model_version(name, number)
assert client.get_run(version.run_id).data.metrics == {"map": 0.5}
assert [m.value for m in client.get_metric_history(version.run_id, "map")] == [0.5]

def refused(what, call):
    try:
        call()
    except MlflowException as e:
        assert e.error_code == "PERMISSION_DENIED" and "may only read " + name + "/" + number in e.message, (what, e)
        return
    raise AssertionError(what + " was not refused")

other = os.environ["OTHER_RUN"]
refused("register_model", lambda: client.create_registered_model("mine"))
refused("create_model_version", lambda: client.create_model_version(name, version.source, version.run_id))
refused("delete", lambda: client.delete_model_version(name, number))
refused("alias", lambda: client.set_registered_model_alias(name, "production", number))
refused("another model", lambda: client.get_registered_model("other"))
refused("another version", lambda: client.get_model_version("other", "1"))
refused("its files", lambda: mlflow.onnx.load_model("models:/other/1"))
refused("another run", lambda: client.get_run(other))
refused("search", lambda: client.search_registered_models())
refused("runs", lambda: client.search_runs(["0"]))
refused("log", lambda: client.log_metric(version.run_id, "map", 1.0))

exec(pathlib.Path(__file__).with_name("asks.py").read_text())
asks(door)
try:
    status(api, "GET", "/version")
    assert os.environ["LACKS"], "the step reaches the server by another way than its door"
except urllib.error.URLError:
    pass
# A body is not looked at where the query says nothing.
req = urllib.request.Request(door + m + "/registered-models/get", method="GET", data=b'{"name": "other"}', headers={"Content-Type": "application/json"})
try:
    urllib.request.urlopen(req)
    raise AssertionError("the body was taken")
except urllib.error.HTTPError as e:
    assert e.code == 403, e.code
# Whoever asks at the door asks by its token.
assert status(door, "GET", "/api/v1/audit") == 403
print("the token is", token)
pathlib.Path(os.environ["SLIPWAY_OUTPUT_DIR"], "token").write_text(token)
`

// asksAll asks by the token what the client does not ask, or not so.
const asksAll = `import json, os, urllib.error, urllib.request
api, token, other = (os.environ[n] for n in ("API", "MLFLOW_TRACKING_TOKEN", "OTHER_RUN"))
name, number, m = os.environ["SLIPWAY_MODEL"], os.environ["SLIPWAY_VERSION"], "/api/2.0/mlflow"

def status(base, method, path, body=None):
    req = urllib.request.Request(base + path, method=method, data=body, headers={"Authorization": "Bearer " + token})
    try:
        return urllib.request.urlopen(req).status
    except urllib.error.HTTPError as e:
        return e.code

def asks(base):
    found = json.load(urllib.request.urlopen(urllib.request.Request(base + m + "/model-versions/get?name=" + name + "&version=" + number, headers={"Authorization": "Bearer " + token})))["model_version"]
    mine, run_id = found["source"].split(":/", 1)[1], found["run_id"]
    for want, method, path in [
        (200, "GET", "/version"), (200, "GET", "/health"),
        (200, "GET", "/api/2.0/mlflow-artifacts/artifacts/" + mine + "/MLmodel"),
        (200, "GET", "/model-versions/get-artifact?path=MLmodel&name=" + name + "&version=" + number),
        (200, "GET", "/api/v1/datasets/shapes-val/versions/1/files"),
        (501, "GET", "/api/2.0/mlflow-artifacts/presigned/" + mine + "/MLmodel"),
        (403, "GET", "/api/v1/datasets/other/versions/1/files"), (403, "GET", "/api/v1/datasets"),
        (403, "GET", "/api/2.0/mlflow-artifacts/artifacts/0/" + other + "/artifacts/model/MLmodel"),
        (403, "GET", "/api/2.0/mlflow-artifacts/artifacts/" + mine + "/../../../" + other + "/artifacts/model/MLmodel"),
        (403, "GET", "/api/2.0/mlflow-artifacts/artifacts/" + mine + "/%2e%2e/%2e%2e/%2e%2e/" + other + "/artifacts/model/MLmodel"),
        (403, "GET", "/api/2.0/mlflow-artifacts/artifacts/" + mine + "2/MLmodel"),
        (403, "GET", "/api/2.0/mlflow-artifacts/artifacts"), (403, "GET", "/api/2.0/mlflow-artifacts/artifacts?path=0"),
        (403, "GET", m + "/registered-models/get?name=" + name + "&name=other"), (403, "GET", m + "/registered-models/get"),
        (403, "GET", m + "/runs/get?run_id=" + run_id + "&run_uuid=" + other),
        (403, "PUT", "/api/2.0/mlflow-artifacts/artifacts/" + mine + "/MLmodel"), (403, "DELETE", "/api/2.0/mlflow-artifacts/artifacts/" + mine + "/MLmodel"),
        (403, "GET", "/api/v1/secrets"), (403, "GET", "/api/v1/audit"), (403, "GET", "/metrics"), (403, "POST", "/api/v1/gc"),
        (403, "GET", "/api/v1/models/" + name + "/pipeline"), (403, "PUT", "/api/v1/models/" + name + "/pipeline"),
        (403, "POST", "/graphql"), (403, "GET", "/serve/" + name + "/production/version"),
    ]:
        got = status(base, method, path, b"{}" if method in ("POST", "PUT") else None)
        assert got == want or path.endswith("/secrets") and got in (403, 404), (base, method, path, got)
`

func TestAStepReadsItsVersionAndNothingElse(t *testing.T) {
	t.Parallel()
	needServe(t)
	w := world.Start(t, withPython(t))
	require.Equal(t, http.StatusOK, pushDataset(t, w, "shapes-val", shapesFiles(t)).Status)
	registerShapes(t, w, "other", "v1", nil)
	other := w.OK(http.MethodGet, versioned+"get?name=other&version=1", nil)["model_version"].(object)["run_id"].(string)
	env := "      dataset: shapes-val@1\n      env: {API: \"" + w.URL + "\", OTHER_RUN: \"" + other + "\", LACKS: \"" + strings.Join(process.Runner{}.Lacks(), " ") + "\"}\n"
	w.OK(http.MethodPut, "/api/v1/models/mine/pipeline", []byte("model: mine\non: manual\nvalidation:\n  steps:\n"+
		runStep("python code/reads.py", env)+runStep("exec python -c 'exec(open(\"code/asks.py\").read()); asks(api)'", "      name: open\n      network: open\n", env)))
	number := registerShapes(t, w, "mine", "v1", map[string]string{"code/reads.py": readsAll, "code/asks.py": asksAll})
	run := w.OK(http.MethodGet, versioned+"get?name=mine&version="+number, nil)["model_version"].(object)["run_id"]
	w.OK(http.MethodPost, "/api/2.0/mlflow/runs/log-metric", object{"run_id": run, "key": "map", "value": 0.5, "timestamp": 1})
	w.OK(http.MethodPost, "/api/v1/models/mine/versions/"+number+"/validations", nil)
	v := validated(w, "mine", number)
	log := string(w.Do(http.MethodGet, fmt.Sprintf("/api/v1/validations/%v/log", v["id"]), nil).Body)
	require.Equal(t, "passed", v["state"], "%v\n%s", v["reason"], log)
	require.Contains(t, log, "the token is ***\n")

	token := string(w.Do(http.MethodGet, fmt.Sprintf("/api/v1/validations/%v/steps/1/attachments/token", v["id"]), nil).Body)
	require.True(t, strings.HasPrefix(token, "slipway-step."))
	at := registered + "get?name=mine"
	asks := func(w *world.World, token, want string) {
		t.Helper()
		r := w.Do(http.MethodGet, at, nil, "Authorization", "Bearer "+token)
		require.Equal(t, http.StatusUnauthorized, r.Status, "%s", r.Body)
		require.Contains(t, string(r.Body), want)
	}
	asks(w, token, "the step has ended, and its token with it")
	asks(w, token[:20]+"x"+token[21:], "no token of a step of this server")
	asks(w, token[:len(token)-5], "no token of a step of this server")
	asks(w, "slipway-step.e30", "no token of a step of this server")
	asks(world.Start(t), token, "no token of a step of this server")
}
