package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

// needServe skips a test where slipway-serve is not built.
func needServe(t *testing.T) {
	t.Helper()
	for _, name := range []string{"slipway-serve", "libonnxruntime.so"} {
		if _, err := os.Stat(filepath.Join(world.Root(), "bin", name)); err != nil {
			if os.Getenv("SLIPWAY_TEST_REQUIRE") != "" {
				t.Fatalf("bin/%s is missing: make build", name)
			}
			t.Skipf("bin/%s is missing: make build", name)
		}
	}
}

// registerShapes registers one of the shapes detectors as an MLflow model, and
// gives the version's number.
func registerShapes(t *testing.T, w *world.World, model, detector string, more map[string]string) string {
	t.Helper()
	onnx, err := os.ReadFile(filepath.Join(world.Root(), "tests", "data", "shapes", detector+".onnx"))
	require.NoError(t, err)
	files := map[string]string{
		"MLmodel":    "flavors:\n  onnx: {data: model.onnx}\n  python_function: {data: model.onnx, loader_module: mlflow.onnx}\n",
		"model.onnx": string(onnx), "requirements.txt": "onnx==1.17.0\n",
	}
	for path, text := range more {
		files[path] = text
	}
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

// applyPipeline applies steps as the pipeline of a model.
func applyPipeline(w *world.World, model, steps string) {
	w.OK(http.MethodPut, "/api/v1/models/"+model+"/pipeline",
		[]byte("model: "+model+"\nvalidation:\n  steps:\n"+steps+"environments:\n  production: {target: process}\n"))
}

// validated waits for the end of a version's newest validation.
func validated(w *world.World, model, version string) object {
	at := "/api/v1/models/" + model + "/versions/" + version + "/validations"
	var id any
	w.Eventually(30*time.Second, "the validation has been asked for", func() bool {
		items := w.OK(http.MethodGet, at, nil)["items"].([]any)
		if len(items) > 0 {
			id = items[0].(object)["id"]
		}
		return id != nil
	})
	return w.OK(http.MethodGet, fmt.Sprintf("/api/v1/validations/%v?wait=2m", id), nil)
}

func figures(step any) map[string]float64 {
	out := map[string]float64{}
	measured, _ := step.(object)["measurements"].([]any)
	for _, m := range measured {
		out[m.(object)["name"].(string)] = m.(object)["value"].(float64)
	}
	return out
}

const pytestStep = `    - run: python3 code/check.py
      dataset: shapes-val@1
      timeout: 1m
`

// checkScript is a user's own check: it asks the version that runs in
// slipway-serve about a picture of the data set.
const checkScript = `import json, os, urllib.request
picture = open(os.path.join(os.environ["SLIPWAY_DATASET_DIR"], "val/images/0000.jpg"), "rb").read()
answer = json.load(urllib.request.urlopen(urllib.request.Request(os.environ["SLIPWAY_SERVE_URL"] + "/detect", picture)))
assert answer["width"] > 0 and answer["boxes"], answer
json.dump({"boxes_found": len(answer["boxes"])}, open(os.path.join(os.environ["SLIPWAY_OUTPUT_DIR"], "measurements.json"), "w"))
print("found", len(answer["boxes"]))
`

func TestARegisteredVersionIsValidatedByItself(t *testing.T) {
	t.Parallel()
	needServe(t)
	w := world.Start(t)
	require.Equal(t, http.StatusOK, pushDataset(t, w, "shapes-val", shapesFiles(t)).Status)
	applyPipeline(w, "shapes", "    - check: integrity\n    - check: onnx\n    - check: detection\n      dataset: shapes-val@1\n"+
		"      thresholds: {map50: \">= 0.80\", map50_95: \">= 0.50\", \"ap50[bolt]\": \">= 0.60\"}\n"+
		"      compare: {against: production, no_worse_than: 0.02}\n"+pytestStep)

	v := validated(w, "shapes", registerShapes(t, w, "shapes", "v1", map[string]string{"code/check.py": checkScript}))
	require.Equal(t, "passed", v["state"], "%v", v)
	require.Equal(t, "registered", v["trigger"])
	steps := v["steps"].([]any)
	require.Len(t, steps, 4)
	got := figures(steps[2])
	require.InDelta(t, 0.8574, got["map50"], 0.01)
	require.InDelta(t, 0.5521, got["map50_95"], 0.01)
	require.Positive(t, figures(steps[3])["boxes_found"])
	for _, m := range steps[2].(object)["measurements"].([]any) {
		if m := m.(object); m["name"] == "map50" {
			require.Equal(t, ">= 0.8", m["threshold"])
			require.Equal(t, true, m["passed"])
		}
	}

	poor := validated(w, "shapes", registerShapes(t, w, "shapes", "v2-poor", map[string]string{"code/check.py": checkScript}))
	require.Equal(t, "failed", poor["state"], "%v", poor)
	require.Regexp(t, `^detection: map50 is 0\.4\d*, asked for >= 0\.8; map50_95 is 0\.1\d*, asked for >= 0\.5; ap50\[bolt\] is 0\.2\d*, asked for >= 0\.6$`, poor["reason"])
	steps = poor["steps"].([]any)
	require.Equal(t, "failed", steps[2].(object)["state"])
	require.Equal(t, "passed", steps[3].(object)["state"], "a step that needs no other goes on")

	log := w.Do(http.MethodGet, fmt.Sprintf("/api/v1/validations/%v/log?step=4", v["id"]), nil)
	require.Contains(t, string(log.Body), "found ")
	all := w.Do(http.MethodGet, fmt.Sprintf("/api/v1/validations/%v/log", v["id"]), nil)
	require.Contains(t, string(all.Body), "=== 3 detection\n")
	actions := map[string]int{}
	for _, rec := range w.OK(http.MethodGet, "/api/v1/audit?model=shapes", nil)["items"].([]any) {
		actions[rec.(object)["action"].(string)]++
	}
	require.Equal(t, 2, actions["validation.requested"])
	require.Equal(t, 1, actions["validation.passed"])
	require.Equal(t, 1, actions["validation.failed"])
}

func TestAVersionWithoutPipelineIsNotValidated(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	version := registerShapes(t, w, "m", "v1", nil)
	at := "/api/v1/models/m/versions/" + version + "/validations"
	r := w.Do(http.MethodPost, at, nil)
	require.Equal(t, http.StatusConflict, r.Status, "%s", r.Body)
	require.Contains(t, string(r.Body), "apply one")
	require.Empty(t, w.OK(http.MethodGet, at, nil)["items"])
	require.Equal(t, http.StatusNotFound, w.Do(http.MethodPost, "/api/v1/models/m/versions/9/validations", nil).Status)

	applyPipeline(w, "m", "    - check: integrity\n")
	r = w.Do(http.MethodPost, at, nil)
	require.Equal(t, http.StatusAccepted, r.Status, "%s", r.Body)
	require.Equal(t, "passed", validated(w, "m", version)["state"])
	require.Equal(t, http.StatusConflict, w.Do(http.MethodPost, fmt.Sprintf("/api/v1/validations/%v/cancel", r.JSON(t)["id"]), nil).Status)
}

func TestAValidationIsFollowed(t *testing.T) {
	t.Parallel()
	needServe(t)
	w := world.Start(t)
	applyPipeline(w, "m", "    - check: integrity\n    - run: 'echo begun; "+waits+"; echo over'\n")
	version := registerShapes(t, w, "m", "v1", nil)
	var id any
	w.Eventually(30*time.Second, "the second step runs", func() bool {
		items := w.OK(http.MethodGet, "/api/v1/models/m/versions/"+version+"/validations", nil)["items"].([]any)
		if len(items) == 0 {
			return false
		}
		id = items[0].(object)["id"]
		return items[0].(object)["steps"].([]any)[1].(object)["state"] == "running"
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/api/v1/validations/%v/events", w.URL, id), nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))

	var event, log string
	var held bool
	var last object
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case name == "event":
			event = value
		case name == "data" && event == "log":
			var chunk struct{ Text string }
			require.NoError(t, json.Unmarshal([]byte(value), &chunk))
			log += chunk.Text
			if strings.Contains(log, "begun") && !held { // seen while the step runs
				held = true
				letGo(t, wait(t, w, 1))
			}
		case name == "data":
			last = object{}
			require.NoError(t, json.Unmarshal([]byte(value), &last))
		}
	}
	require.NoError(t, lines.Err())
	require.Equal(t, "end", event)
	require.Equal(t, "passed", last["state"])
	require.Contains(t, log, "over\n")
	require.Equal(t, 1, strings.Count(log, "$ echo begun"), "no part of the log comes twice")
}

func TestAKilledServerGoesOnWithAValidation(t *testing.T) {
	t.Parallel()
	needServe(t)
	dir := t.TempDir()
	p := world.StartProcess(t, dir)
	require.Equal(t, http.StatusOK, pushDataset(t, p.World, "shapes-val", shapesFiles(t)).Status)
	applyPipeline(p.World, "m", "    - {name: first, run: echo once}\n    - run: '"+waits+"'\n"+
		"    - check: detection\n      dataset: shapes-val@1\n")
	version := registerShapes(t, p.World, "m", "v1", nil)
	held := wait(t, p.World, 1)
	p.Kill()
	require.NoError(t, os.Remove(filepath.Join(held[0], "here")))

	p = world.StartProcess(t, dir)
	letGo(t, wait(t, p.World, 1))
	v := validated(p.World, "m", version)
	require.Equal(t, "passed", v["state"], "%v", v)
	require.Equal(t, 1, strings.Count(logOf(p.World, v, "first"), "\nonce\n"), "what was done is not done again")
	require.InDelta(t, 0.8574, figures(v["steps"].([]any)[2])["map50"], 0.01)
	require.Len(t, p.OK(http.MethodGet, "/api/v1/models/m/versions/"+version+"/validations", nil)["items"], 1)
	left, err := os.ReadDir(filepath.Join(dir, "work", "validations"))
	require.NoError(t, err)
	require.Empty(t, left)
	p.Term()
}

// TestAServerMayBeKilledAtAnyPointOfAValidation kills it as soon as each of
// these is seen, and again while the next life goes on.
func TestAServerMayBeKilledAtAnyPointOfAValidation(t *testing.T) {
	t.Parallel()
	needServe(t)
	for name, step := range map[string]int{"integrity": 0, "onnx": 1, "detection": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			p := world.StartProcess(t, dir)
			require.Equal(t, http.StatusOK, pushDataset(t, p.World, "shapes-val", shapesFiles(t)).Status)
			applyPipeline(p.World, "m", "    - check: integrity\n    - check: onnx\n    - check: detection\n      dataset: shapes-val@1\n")
			version := registerShapes(t, p.World, "m", "v1", nil)
			at := "/api/v1/models/m/versions/" + version + "/validations"
			for range 2 {
				p.Eventually(30*time.Second, "the step begins", func() bool {
					items := p.OK(http.MethodGet, at, nil)["items"].([]any)
					return len(items) > 0 && items[0].(object)["steps"].([]any)[step].(object)["state"] != "pending"
				})
				p.Kill()
				p = world.StartProcess(t, dir)
			}
			v := validated(p.World, "m", version)
			require.Equal(t, "passed", v["state"], "%v", v)
			require.InDelta(t, 0.8574, figures(v["steps"].([]any)[2])["map50"], 0.01)
			require.Len(t, p.OK(http.MethodGet, at, nil)["items"], 1)
			actions := 0
			for _, rec := range p.OK(http.MethodGet, "/api/v1/audit?model=m", nil)["items"].([]any) {
				if rec.(object)["action"] == "validation.passed" {
					actions++
				}
			}
			require.Equal(t, 1, actions, "it ends once")
			p.Term()
		})
	}
}

func TestFaultyInputOfAValidation(t *testing.T) {
	t.Parallel()
	needServe(t)
	w := world.Start(t)
	files := shapesFiles(t)
	files["val/images/0005.jpg"] = files["val/images/0005.jpg"][:900]
	require.Equal(t, http.StatusOK, pushDataset(t, w, "broken", files).Status, "pictures are the check's business")
	applyPipeline(w, "m", "    - check: onnx\n    - check: detection\n      dataset: broken@1\n")

	v := validated(w, "m", registerShapes(t, w, "m", "v1", nil))
	require.Equal(t, "errored", v["state"])
	require.Contains(t, v["reason"], "1 of 48 images do not decode, val/images/0005.jpg first")

	onnx, err := os.ReadFile(filepath.Join(world.Root(), "tests", "data", "shapes", "v1.onnx"))
	require.NoError(t, err)
	v = validated(w, "m", registerShapes(t, w, "m", "v1", map[string]string{"model.onnx": string(onnx[:len(onnx)/3])}))
	require.Equal(t, "failed", v["state"])
	require.Contains(t, v["reason"], "no ONNX, or cut off")
}
