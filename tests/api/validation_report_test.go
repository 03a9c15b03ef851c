package api_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

// validate asks for a validation of a version of the model m and waits for its end.
func validate(w *world.World, version string, ask object) object {
	v := w.OK(http.MethodPost, "/api/v1/models/m/versions/"+version+"/validations", ask)
	return w.OK(http.MethodGet, fmt.Sprintf("/api/v1/validations/%v?wait=2m", v["id"]), nil)
}

func stepsOf(v object) []object {
	var steps []object
	for _, s := range v["steps"].([]any) {
		steps = append(steps, s.(object))
	}
	return steps
}

func TestAResultIsReusedAndJudgedAnew(t *testing.T) {
	t.Parallel()
	needServe(t)
	w := world.Start(t)
	require.Equal(t, http.StatusOK, pushDataset(t, w, "shapes-val", shapesFiles(t)).Status)
	pipeline := func(threshold, more string) {
		applyPipeline(w, "m", "    - check: integrity\n    - check: detection\n      dataset: shapes-val@1\n      thresholds: {map50: \""+threshold+"\"}\n"+more+
			"    - run: echo once\n")
	}
	pipeline(">= 0.1", "")
	first := validated(w, "m", registerShapes(t, w, "m", "v1", nil))
	require.Equal(t, "passed", first["state"], "%v", first)
	steps := stepsOf(first)
	require.Nil(t, steps[1]["reused_from"])
	require.Regexp(t, "^sha256:[0-9a-f]{64}$", steps[1]["inputs"].(object)["model_digest"])
	require.Regexp(t, "^sha256:[0-9a-f]{64}$", steps[1]["inputs"].(object)["dataset_digest"])
	require.Regexp(t, `^[0-9]+$`, steps[1]["inputs"].(object)["check_version"])

	pipeline(">= 0.99", "")
	second := validate(w, "1", object{})
	require.Equal(t, "failed", second["state"])
	steps = stepsOf(second)
	require.Equal(t, first["id"], steps[1]["reused_from"])
	require.Contains(t, steps[1]["reason"], "asked for >= 0.99")
	require.Equal(t, figures(stepsOf(first)[1]), figures(steps[1]))
	require.Nil(t, steps[0]["reused_from"], "files are verified each time")

	pipeline(">= 0.2", "")
	third := validate(w, "1", object{})
	require.Equal(t, "passed", third["state"], "nothing stays of how the second was judged: %v", third)
	require.Equal(t, first["id"], stepsOf(third)[1]["reused_from"], "whose measurement it is, through all")

	fresh := validate(w, "1", object{"fresh": true})
	require.Nil(t, stepsOf(fresh)[1]["reused_from"])
	require.Equal(t, true, fresh["fresh"])

	pipeline(">= 0.2", "      max_det: 7\n")
	other := validate(w, "1", object{})
	require.Nil(t, stepsOf(other)[1]["reused_from"], "other settings")

	pipeline(">= 0.2", "")
	twin := validated(w, "m", registerShapes(t, w, "m", "v1", nil))
	require.NotNil(t, stepsOf(twin)[1]["reused_from"], "another version of the same bytes")
	poor := validated(w, "m", registerShapes(t, w, "m", "v2-poor", nil))
	require.Nil(t, stepsOf(poor)[1]["reused_from"])
	for _, v := range []object{first, second, third, fresh, other, twin, poor} {
		require.Nil(t, stepsOf(v)[2]["reused_from"])
		log := string(w.Do(http.MethodGet, fmt.Sprintf("/api/v1/validations/%v/log?step=3", v["id"]), nil).Body)
		require.Contains(t, log, "\nonce\n", "a command is run each time")
	}

	page := string(w.Do(http.MethodGet, fmt.Sprintf("/api/v1/validations/%v/report.html", second["id"]), nil).Body)
	require.Contains(t, page, fmt.Sprintf("reused from validation %v", first["id"]))
	require.Contains(t, page, `<svg class="chart"`, "what was drawn is reused, too")
	require.Contains(t, page, "data:image/jpeg;base64,")
	kept := func(v object) (name string, files []string) {
		for _, a := range stepsOf(v)[1]["attachments"].([]any) {
			a := a.(object)
			r := w.Do(http.MethodGet, fmt.Sprintf("/api/v1/validations/%v/steps/detection/attachments/%v", v["id"], a["name"]), nil)
			require.Equal(t, http.StatusOK, r.Status, "%s", r.Body)
			require.Equal(t, a["media_type"], r.Header.Get("Content-Type"))
			require.Contains(t, r.Header.Get("Content-Security-Policy"), "sandbox")
			require.Equal(t, a["sha256"], fmt.Sprintf("%x", sha256.Sum256(r.Body)))
			name, files = a["name"].(string), append(files, string(r.Body))
		}
		return name, files
	}
	name, ofFirst := kept(first)
	_, ofSecond := kept(second)
	require.Equal(t, ofFirst, ofSecond)
	require.Equal(t, http.StatusOK, w.Do(http.MethodGet, fmt.Sprintf("/api/v1/validations/%v/steps/2/attachments/%v", first["id"], name), nil).Status)
}

func TestAFailedStepIsWaivedForAWhile(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	applyPipeline(w, "m", "    - {name: strict, run: echo 'too strict'; exit 1}\n    - {name: broken, run: 'kill -9 $$'}\n")
	version := registerShapes(t, w, "m", "v1", nil)
	v := validated(w, "m", version)
	require.Equal(t, "failed", v["state"])
	require.Contains(t, v["reason"], "strict: ")
	require.Contains(t, v["reason"], "broken: ", "one look finds all there is")
	require.Equal(t, false, v["accepted"])
	at := func(v object, step any) string {
		return fmt.Sprintf("/api/v1/validations/%v/steps/%v/waive", v["id"], step)
	}
	refused := func(status int, path string, body object, words string) {
		t.Helper()
		r := w.Do(http.MethodPost, path, body)
		require.Equal(t, status, r.Status, "%s", r.Body)
		require.Contains(t, string(r.Body), words)
	}
	hour := object{"reason": "a known gap", "expires_in": "1h"}
	refused(http.StatusConflict, at(v, "broken"), hour, "could not look")
	refused(http.StatusNotFound, at(v, "9"), hour, "1 strict, 2 broken")
	refused(http.StatusBadRequest, at(v, 1), object{"reason": "x"}, "expires_at")
	refused(http.StatusBadRequest, at(v, 1), object{"expires_in": "1h"}, "reason")
	refused(http.StatusBadRequest, at(v, 1), object{"reason": " ", "expires_in": "1h"}, "reason")
	refused(http.StatusBadRequest, at(v, 1), object{"reason": "x", "expires_in": "-1h"}, "future")
	refused(http.StatusBadRequest, at(v, 1), object{"reason": "x", "expires_in": "9000h"}, "within a year")
	v = w.OK(http.MethodPost, at(v, 1), hour)
	require.Equal(t, false, v["accepted"], "the other could not look, which no waiver mends")

	applyPipeline(w, "m", "    - {name: strict, run: exit 1}\n    - check: integrity\n")
	v = validate(w, version, object{})
	promote := func() (string, object) {
		r := w.Do(http.MethodPost, "/api/v1/models/m/environments/production/promotions", object{"version": version})
		return string(r.Body), object{"status": r.Status}
	}
	body, got := promote()
	require.Equal(t, http.StatusConflict, got["status"], body)
	require.Contains(t, body, "strict: ")

	v = w.OK(http.MethodPost, at(v, "strict"), object{"reason": "a known gap", "expires_at": time.Now().Add(3 * time.Second).UTC().Format(time.RFC3339Nano)})
	require.Equal(t, "failed", v["state"], "what was found stays")
	require.Equal(t, true, v["accepted"])
	waiver := stepsOf(v)[0]["waiver"].(object)
	require.Equal(t, "a known gap", waiver["reason"])
	require.Equal(t, "anonymous", waiver["by"])
	require.Equal(t, true, waiver["active"])
	report := func(form string) string {
		return string(w.Do(http.MethodGet, fmt.Sprintf("/api/v1/validations/%v/report.%s", v["id"], form), nil).Body)
	}
	require.Contains(t, report("html"), "accepted by waiver")
	require.Contains(t, report("xml"), "waived by anonymous until")
	require.Contains(t, report("sarif"), `"justification": "a known gap`)

	w.Eventually(20*time.Second, "it runs out", func() bool {
		return w.OK(http.MethodGet, fmt.Sprintf("/api/v1/validations/%v", v["id"]), nil)["accepted"] == false
	})
	body, got = promote()
	require.Equal(t, http.StatusConflict, got["status"], body)
	require.Contains(t, body, "the waiver of strict by anonymous ran out at")
	require.Contains(t, report("html"), "it has run out")

	w.OK(http.MethodPost, at(v, "strict"), hour)
	if _, err := os.Stat(filepath.Join(world.Root(), "bin", "slipway-serve")); err == nil {
		body, got = promote()
		require.Equal(t, http.StatusAccepted, got["status"], body)
		require.Contains(t, body, "is waived by anonymous until")
	}
	waived := 0
	for _, rec := range w.OK(http.MethodGet, "/api/v1/audit?model=m", nil)["items"].([]any) {
		if rec := rec.(object); rec["action"] == "validation.waived" {
			waived++
			require.Equal(t, "a known gap", rec["reason"])
		}
	}
	require.Equal(t, 3, waived)
}

func TestWhatAGuardRefusesIsNotRun(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	ran := filepath.Join(t.TempDir(), "ran")
	applyPipeline(w, "m", "    - check: unsafe-code\n    - check: integrity\n    - run: touch "+ran+"\n")
	v := validated(w, "m", registerShapes(t, w, "m", "v1", map[string]string{"evil.pkl": "cos\nsystem\n(S'true'\ntR."}))
	require.Equal(t, "failed", v["state"])
	steps := stepsOf(v)
	require.Equal(t, []any{"failed", "passed", "skipped"}, []any{steps[0]["state"], steps[1]["state"], steps[2]["state"]})
	require.Contains(t, steps[2]["reason"], "unsafe-code did not pass")
	require.NoFileExists(t, ran)
	r := w.Do(http.MethodPost, fmt.Sprintf("/api/v1/validations/%v/steps/1/waive", v["id"]), object{"reason": "x", "expires_in": "1h"})
	require.Equal(t, http.StatusConflict, r.Status, "%s", r.Body)
	require.Contains(t, string(r.Body), "nobody looked at")
}

func TestAValidationIsRepeated(t *testing.T) {
	t.Parallel()
	needServe(t)
	w := world.Start(t)
	require.Equal(t, http.StatusOK, pushDataset(t, w, "shapes-val", shapesFiles(t)).Status)
	applyPipeline(w, "m", "    - check: onnx\n    - check: detection\n      dataset: shapes-val@1\n")
	version := registerShapes(t, w, "m", "v1", nil)
	first := validated(w, "m", version)
	applyPipeline(w, "m", "    - check: integrity\n")
	again := validate(w, version, object{"repeat": first["id"]})
	require.Equal(t, first["pipeline_revision"], again["pipeline_revision"])
	repeat := again["repeat"].(object)
	require.Equal(t, first["id"], repeat["of"])
	require.Empty(t, repeat["differences"])
	require.Greater(t, repeat["compared"], 10.0)
	require.Nil(t, stepsOf(again)[1]["reused_from"], "a repeat measures")
	require.Equal(t, figures(stepsOf(first)[1]), figures(stepsOf(again)[1]))

	registerShapes(t, w, "m", "v2-poor", nil)
	for _, c := range []struct {
		version string
		repeat  any
		status  int
	}{{"2", first["id"], http.StatusConflict}, {"1", 999, http.StatusNotFound}, {"1", 0, http.StatusBadRequest}} {
		r := w.Do(http.MethodPost, "/api/v1/models/m/versions/"+c.version+"/validations", object{"repeat": c.repeat})
		require.Equal(t, c.status, r.Status, "%s", r.Body)
	}
}

func TestReportsOfAValidation(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	applyPipeline(w, "m", "    - check: integrity\n    - run: exit 1\n")
	v := validated(w, "m", registerShapes(t, w, "m", "v1", nil))
	at := fmt.Sprintf("/api/v1/validations/%v/", v["id"])
	for form, kind := range map[string]string{
		"report.html": "text/html; charset=utf-8", "report.xml": "application/xml; charset=utf-8", "report.sarif": "application/sarif+json",
	} {
		r := w.Do(http.MethodGet, at+form, nil)
		require.Equal(t, http.StatusOK, r.Status, "%s", r.Body)
		require.Equal(t, kind, r.Header.Get("Content-Type"))
		require.Contains(t, r.Header.Get("Content-Security-Policy"), "default-src 'none'")
		require.Equal(t, http.StatusNotFound, w.Do(http.MethodGet, "/api/v1/validations/999/"+form, nil).Status)
	}
	require.Contains(t, v["machine"].(object)["machine"], "cores")
	r := w.Do(http.MethodGet, at+"steps/integrity/attachments/none.json", nil)
	require.Equal(t, http.StatusNotFound, r.Status)
	require.Contains(t, string(r.Body), "none.json")
}

func TestFiguresStandWithTheRun(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	applyPipeline(w, "m", `    - {name: "own test", run: 'echo "{\"accuracy\": 0.5, \"ap50[a b/c]\": 0.25}" > measurements.json', thresholds: {accuracy: ">= 0.9"}}`+"\n")
	version := registerShapes(t, w, "m", "v1", nil)
	v := validated(w, "m", version)
	require.Equal(t, "failed", v["state"], "%v", v)
	runID := w.OK(http.MethodGet, versioned+"get?name=m&version="+version, nil)["model_version"].(object)["run_id"]
	data := func() (metrics map[string]float64, tags map[string]string) {
		metrics, tags = map[string]float64{}, map[string]string{}
		run := w.OK(http.MethodGet, fmt.Sprintf("/api/2.0/mlflow/runs/get?run_id=%v", runID), nil)["run"].(object)["data"].(object)
		for _, m := range run["metrics"].([]any) {
			metrics[m.(object)["key"].(string)] = m.(object)["value"].(float64)
		}
		for _, m := range run["tags"].([]any) {
			tags[m.(object)["key"].(string)] = m.(object)["value"].(string)
		}
		return metrics, tags
	}
	metrics, tags := data()
	require.Equal(t, 0.5, metrics["slipway.own test.accuracy"], "%v", metrics)
	require.Equal(t, 0.25, metrics["slipway.own test.ap50.a b_c"])
	require.Equal(t, "failed", tags["slipway.validation"])
	require.Equal(t, "failed", tags["slipway.own test"])
	require.Equal(t, "m/1", tags["slipway.validation.version"])
	require.Contains(t, tags["slipway.validation.reason"], "accuracy is 0.5")
	text, err := json.Marshal(v["id"])
	require.NoError(t, err)
	require.Equal(t, string(text), tags["slipway.validation.id"])
}
