package api_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/tests/world"
)

// registerNotes registers a version that nothing has to serve: its steps are
// commands alone.
func registerNotes(t *testing.T, w *world.World, tags object) string {
	t.Helper()
	runID := run(w)
	w.OK(http.MethodPost, "/api/2.0/mlflow/runs/log-parameter", object{"run_id": runID, "key": "lr", "value": "0.5"})
	w.OK(http.MethodPost, "/api/2.0/mlflow/runs/log-metric", object{"run_id": runID, "key": "f1", "value": 0.75, "timestamp": 1})
	upload(t, w, "0/"+runID+"/artifacts/model/MLmodel", "flavors:\n  python_function: {loader_module: notes}\n")
	w.Do(http.MethodPost, registered+"create", object{"name": "m"})
	list := []object{}
	for key, value := range tags {
		list = append(list, object{"key": key, "value": value})
	}
	v := w.OK(http.MethodPost, versioned+"create", object{
		"name": "m", "source": "mlflow-artifacts:/0/" + runID + "/artifacts/model", "run_id": runID, "tags": list,
	})["model_version"].(object)
	return v["version"].(string)
}

// stepsByName gives the steps of a validation by name.
func stepsByName(v object) map[string]object {
	steps := map[string]object{}
	for _, s := range v["steps"].([]any) {
		steps[s.(object)["name"].(string)] = s.(object)
	}
	return steps
}

func states(v object) object {
	got := object{}
	for name, s := range stepsByName(v) {
		got[name] = s["state"]
	}
	return got
}

func logOf(w *world.World, v object, step string) string {
	s := stepsByName(v)[step]
	return string(w.Do(http.MethodGet, fmt.Sprintf("/api/v1/validations/%v/log?step=%v", v["id"], s["index"]), nil).Body)
}

func timeOf(t *testing.T, s object, field string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s[field].(string))
	require.NoError(t, err)
	return at
}

// waits is a command that says in its folder that it has begun, and ends when
// it is let go: a step sees no other folder.
const waits = "touch here; while ! test -e go; do sleep 0.02; done"

// waiting gives the folders of the commands that wait.
func waiting(t *testing.T, w *world.World) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(w.Dir, "work", "validations", "*", "*", "here"))
	require.NoError(t, err)
	for i := range found {
		found[i] = filepath.Dir(found[i])
	}
	return found
}

// wait blocks until so many commands wait.
func wait(t *testing.T, w *world.World, n int) []string {
	t.Helper()
	var found []string
	w.Eventually(30*time.Second, fmt.Sprintf("%d commands wait", n), func() bool {
		found = waiting(t, w)
		return len(found) == n
	})
	return found
}

// letGo ends commands that wait.
func letGo(t *testing.T, folders []string) {
	t.Helper()
	for _, dir := range folders {
		require.NoError(t, os.Remove(filepath.Join(dir, "here")))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "go"), nil, 0o644))
	}
}

// newest gives a version's newest validation.
func newest(w *world.World, version string) object {
	return w.OK(http.MethodGet, "/api/v1/models/m/versions/"+version+"/validations", nil)["items"].([]any)[0].(object)
}

func TestStepsWithoutNeedsOfEachOtherRunAtOnce(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	applyPipeline(w, "m", "    - {name: one, needs: [], run: '"+waits+"'}\n    - {name: two, needs: [], run: '"+waits+"'}\n"+
		"    - {name: both, needs: [one, two], run: 'true'}\n    - {name: last, run: 'true'}\n")
	version := registerNotes(t, w, nil)
	letGo(t, wait(t, w, 2))
	v := validated(w, "m", version)
	require.Equal(t, "passed", v["state"], "%v", v)
	s := stepsByName(v)
	require.True(t, timeOf(t, s["one"], "started_at").Before(timeOf(t, s["two"], "ended_at")))
	require.True(t, timeOf(t, s["two"], "started_at").Before(timeOf(t, s["one"], "ended_at")))
	for _, need := range []string{"one", "two"} {
		require.False(t, timeOf(t, s["both"], "started_at").Before(timeOf(t, s[need], "ended_at")))
	}
	require.False(t, timeOf(t, s["last"], "started_at").Before(timeOf(t, s["both"], "ended_at")))
	require.Contains(t, string(w.Do(http.MethodGet, fmt.Sprintf("/api/v1/validations/%v/report.html", v["id"]), nil).Body), "<th class=\"n\">Began</th>")
}

func TestNoMoreStepsRunAtOnceThanTheServerAllows(t *testing.T) {
	t.Parallel()
	w := world.Start(t, func(c *config.Config) { c.StepsParallel = 1 })
	applyPipeline(w, "m", "    - {name: a, needs: [], run: '"+waits+"'}\n    - {name: b, needs: [], run: '"+waits+"'}\n")
	version := registerNotes(t, w, nil)
	for _, want := range []object{{"a": "running", "b": "pending"}, {"a": "passed", "b": "running"}} {
		folders := wait(t, w, 1)
		require.Equal(t, want, states(newest(w, version)))
		letGo(t, folders)
	}
	require.Equal(t, "passed", validated(w, "m", version)["state"])
}

func TestLatencyIsMeasuredAlone(t *testing.T) {
	t.Parallel()
	needServe(t)
	w := world.Start(t, func(c *config.Config) { c.StepsParallel = 4 })
	applyPipeline(w, "m", "    - {name: hold, needs: [], run: '"+waits+"'}\n    - {check: latency, needs: [], requests: 20, rounds: 2, warmup: 1, starts: 1}\n    - {name: after, needs: [], run: 'true'}\n")
	version := registerShapes(t, w, "m", "v1", nil)
	folders := wait(t, w, 1)
	require.Equal(t, object{"hold": "running", "latency": "pending", "after": "pending"}, states(newest(w, version)))
	letGo(t, folders)
	v := validated(w, "m", version)
	require.Equal(t, "passed", v["state"], "%v", v)
	s := stepsByName(v)
	require.False(t, timeOf(t, s["latency"], "started_at").Before(timeOf(t, s["hold"], "ended_at")))
	require.False(t, timeOf(t, s["after"], "started_at").Before(timeOf(t, s["latency"], "ended_at")))
}

func TestAGuardIsWaitedForWhateverAStepNeeds(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	applyPipeline(w, "m", "    - check: unsafe-code\n    - {name: eager, needs: [], if: always(), run: 'true'}\n")
	runID := run(w)
	upload(t, w, "0/"+runID+"/artifacts/model/MLmodel", "flavors:\n  python_function: {loader_module: notes}\n")
	upload(t, w, "0/"+runID+"/artifacts/model/model.pkl", "cos\nsystem\n(S'true'\ntR.")
	w.Do(http.MethodPost, registered+"create", object{"name": "m"})
	version := w.OK(http.MethodPost, versioned+"create", object{"name": "m", "source": "mlflow-artifacts:/0/" + runID + "/artifacts/model", "run_id": runID})["model_version"].(object)["version"].(string)
	v := validated(w, "m", version)
	require.Equal(t, object{"unsafe-code": "failed", "eager": "skipped"}, states(v))
	require.NotContains(t, stepsByName(v)["eager"], "started_at")
}

func TestConditionsDecideWhatRuns(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	applyPipeline(w, "m", `    - {name: bad, run: exit 3, needs: []}
    - {name: good, run: "echo '{\"score\": 0.9}' > $SLIPWAY_OUTPUT_DIR/measurements.json", needs: []}
    - {name: after-bad, run: 'true', needs: bad}
    - {name: after-that, run: 'true', needs: after-bad}
    - {name: on-failure, run: 'true', needs: bad, if: failure()}
    - {name: always, run: 'true', needs: [bad, after-bad], if: always()}
    - {name: not-now, run: 'true', needs: good, if: "version.tags.stage != 'Candidate'"}
    - {name: after-not-now, run: 'true', needs: not-now}
    - {name: scored, run: 'true', needs: good, if: "${{ steps.good.measurements.score > 0.5 && run.metrics.f1 == 0.75 && run.params.lr == '0.5' }}"}
    - {name: no-tag, run: 'true', needs: good, if: version.tags.missing == ''}
    - {name: instead, run: 'true', needs: good, if: (version.tags.missing || 'x') == 'x'}
    - {name: last, run: 'true', if: success()}
    - {name: told, run: 'test "$HOW" = failure/skipped/success', if: failure(), env: {HOW: "${{ steps.bad.outcome }}/${{ steps['after-bad'].conclusion }}/${{ steps.good.outcome }}"}}
`)
	v := validated(w, "m", registerNotes(t, w, object{"stage": "candidate"}))
	require.Equal(t, "failed", v["state"])
	require.Equal(t, object{
		"bad": "failed", "good": "passed", "after-bad": "skipped", "after-that": "skipped", "on-failure": "passed", "always": "passed",
		"not-now": "skipped", "after-not-now": "skipped", "scored": "passed", "no-tag": "errored", "instead": "passed", "last": "skipped", "told": "passed",
	}, states(v))
	s := stepsByName(v)
	require.Equal(t, "not run, since it needs bad, which did not pass", s["after-bad"]["reason"])
	require.Equal(t, "not run, since it needs after-bad, which was not run", s["after-that"]["reason"])
	require.Equal(t, "its if is false", s["not-now"]["reason"])
	require.Equal(t, true, s["not-now"]["excused"])
	require.Equal(t, true, s["after-not-now"]["excused"])
	require.NotContains(t, s["after-bad"], "excused")
	require.Equal(t, "its if could not be answered: there is no version.tags.missing", s["no-tag"]["reason"])
	require.Equal(t, "bad: it ended with exit code 3; no-tag: its if could not be answered: there is no version.tags.missing", v["reason"])
}

func TestWhatIsExcusedKeepsNothingFromPassing(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	applyPipeline(w, "m", `    - {name: try, run: exit 1, continue_on_error: true}
    - {name: after, run: 'test "$HOW" = failure/success', needs: try, env: {HOW: "${{ steps.try.outcome }}/${{ steps.try.conclusion }}"}}
    - {name: never, run: 'false', if: false}
`)
	version := registerNotes(t, w, nil)
	v := validated(w, "m", version)
	require.Equal(t, "passed", v["state"], "%v", v)
	require.Equal(t, true, v["accepted"])
	require.Equal(t, object{"try": "failed", "after": "passed", "never": "skipped"}, states(v))
	at := fmt.Sprintf("/api/v1/validations/%v", v["id"])
	require.NotContains(t, string(w.Do(http.MethodGet, at+"/report.xml", nil).Body), "<failure")
	require.Contains(t, string(w.Do(http.MethodGet, at+"/report.xml", nil).Body), "continue_on_error, so it counts for nothing")
	require.Contains(t, string(w.Do(http.MethodGet, at+"/report.html", nil).Body), "counts for nothing")

	// A waiver of what failed beside it accepts the validation.
	applyPipeline(w, "m", "    - {name: try, run: exit 1, continue_on_error: true}\n    - {name: bad, run: exit 1}\n    - {name: never, run: 'false', if: false}\n")
	v = validate(w, version, object{})
	require.Equal(t, "failed", v["state"])
	waive := func(step string) world.Response {
		return w.Do(http.MethodPost, fmt.Sprintf("/api/v1/validations/%v/steps/%s/waive", v["id"], step), object{"reason": "known", "expires_in": "1h"})
	}
	require.Equal(t, http.StatusConflict, waive("try").Status)
	waived := waive("bad")
	require.Equal(t, http.StatusOK, waived.Status, "%s", waived.Body)
	require.Equal(t, true, waived.JSON(t)["accepted"])
}

func TestAMatrixRunsEachLeg(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	applyPipeline(w, "m", `    - name: test
      run: 'echo leg ${{ matrix.size }}/$PYTHON; test "${{ matrix.size }}/$PYTHON" != 2/3.11'
      env: {PYTHON: "${{ matrix.python }}"}
      matrix: {python: ["3.10", "3.11"], size: [1, 2]}
    - {name: all, run: 'true', needs: test}
    - {name: told, run: 'true', if: "steps.test.outcome == 'failure' && steps['test (3.10, 1)'].outcome == 'success'"}
`)
	v := validated(w, "m", registerNotes(t, w, nil))
	require.Equal(t, object{
		"test (3.10, 1)": "passed", "test (3.10, 2)": "passed", "test (3.11, 1)": "passed", "test (3.11, 2)": "failed",
		"all": "skipped", "told": "passed",
	}, states(v))
	require.Contains(t, logOf(w, v, "test (3.10, 2)"), "leg 2/3.10\n")
	require.Contains(t, stepsByName(v)["all"]["reason"], "needs test (3.11, 2), which did not pass")
}

func TestAStepIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	applyPipeline(w, "m", `    - {name: bad, retry: 1, run: exit 4}
    - {name: good, retry: 5, run: 'true'}
    - {name: flaky, retry: 4, run: '`+waits+`; echo "it is $READY"; test "$READY" = 3', env: {READY: "${{ model.tags.ready || 0 }}"}}
`)
	version := registerNotes(t, w, nil)
	for i := range 3 {
		folders := wait(t, w, 1)
		w.OK(http.MethodPost, registered+"set-tag", object{"name": "m", "key": "ready", "value": fmt.Sprint(i + 2)})
		letGo(t, folders)
	}
	v := validated(w, "m", version)
	require.Equal(t, object{"bad": "failed", "good": "passed", "flaky": "passed"}, states(v))
	s := stepsByName(v)
	require.Equal(t, "3 of 5", s["flaky"]["facts"].(object)["attempts"])
	require.Equal(t, "2 of 2", s["bad"]["facts"].(object)["attempts"])
	require.Equal(t, "1 of 6", s["good"]["facts"].(object)["attempts"])
	found := s["flaky"]["findings"].([]any)[0].(object)
	require.Equal(t, "flaky", found["rule"])
	require.Equal(t, "it is flaky: it passed in attempt 3 of 5; before, failed: it ended with exit code 1", found["message"])
	log := logOf(w, v, "flaky")
	for _, part := range []string{"\nit is 0\n", "\n--- attempt 2 of 5 ---\n", "\nit is 2\n", "\n--- attempt 3 of 5 ---\n", "\nit is 3\n"} {
		require.Contains(t, log, part)
		_, log, _ = strings.Cut(log, part)
	}
	require.Contains(t, string(w.Do(http.MethodGet, fmt.Sprintf("/api/v1/validations/%v/report.html", v["id"]), nil).Body), "it is flaky")
}

func TestAKilledServerGoesOnWithStepsThatRanAtOnce(t *testing.T) {
	t.Parallel()
	p := world.StartProcess(t, t.TempDir())
	applyPipeline(p.World, "m", "    - {name: first, run: 'echo once'}\n    - {name: one, needs: first, run: '"+waits+"'}\n    - {name: two, needs: first, run: '"+waits+"'}\n    - {name: last, run: 'true'}\n")
	version := registerNotes(t, p.World, nil)
	wait(t, p.World, 2)
	p.Kill()
	for _, dir := range waiting(t, p.World) {
		require.NoError(t, os.Remove(filepath.Join(dir, "here")))
	}
	p = world.StartProcess(t, p.Dir)
	letGo(t, wait(t, p.World, 2))
	v := validated(p.World, "m", version)
	require.Equal(t, "passed", v["state"], "%v", v)
	const again = "the server was started again: the step begins anew"
	require.Equal(t, 1, strings.Count(logOf(p.World, v, "first"), "\nonce\n"), "what had ended was not done again")
	require.NotContains(t, logOf(p.World, v, "first"), again)
	for _, name := range []string{"one", "two"} {
		require.Contains(t, logOf(p.World, v, name), again)
	}
	left, err := os.ReadDir(filepath.Join(p.Dir, "work", "validations"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestThreeStepsThatRunAreCancelled(t *testing.T) {
	t.Parallel()
	w := world.Start(t, func(c *config.Config) { c.StepsParallel = 3 })
	step := "needs: [], run: \"trap '' TERM; setsid sleep 600 & touch here; sleep 601; sleep 602\"}\n"
	applyPipeline(w, "m", "    - {name: a, "+step+"    - {name: b, "+step+"    - {name: c, "+step+"    - {name: d, run: 'true'}\n")
	version := registerNotes(t, w, nil)
	wait(t, w, 3)
	require.Equal(t, http.StatusAccepted, w.Do(http.MethodPost, fmt.Sprintf("/api/v1/validations/%v/cancel", newest(w, version)["id"]), object{"reason": "enough"}).Status)
	w.Eventually(5*time.Second, "nothing is left of them", func() bool { return started(t, w.Dir) == 0 })
	v := validated(w, "m", version)
	require.Equal(t, "cancelled", v["state"])
	require.Equal(t, `cancelled during steps "a", "b", "c"`, v["reason"])
	require.Equal(t, object{"a": "cancelled", "b": "cancelled", "c": "cancelled", "d": "skipped"}, states(v))
	left, err := os.ReadDir(filepath.Join(w.Dir, "work", "validations"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestTheLogOfAStepIsCut(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	applyPipeline(w, "m", "    - {name: loud, run: 'yes 0123456789 | head -c 1073741824; echo; exit 1'}\n")
	v := validated(w, "m", registerNotes(t, w, nil))
	require.Equal(t, "failed", v["state"], "%v", v)
	log := logOf(w, v, "loud")
	require.Less(t, len(log), 17<<20)
	require.Regexp(t, `--- \d{10} bytes more were written and not kept: a log has at most \d+ ---\n$`, log)
	begin := time.Now()
	page := w.Do(http.MethodGet, fmt.Sprintf("/api/v1/validations/%v/report.html", v["id"]), nil)
	require.Equal(t, http.StatusOK, page.Status)
	require.Less(t, len(page.Body), 1<<20)
	require.Less(t, time.Since(begin), 5*time.Second)
}

func TestAPipelineNamesWhatIsNotThere(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	text := "model: m\nvalidation:\n  steps:\n    - run: pytest\n      env:\n        URL: ${{ vars.NOWHERE }}/x\n"
	r := w.Do(http.MethodPut, "/api/v1/models/m/pipeline", []byte(text))
	require.Equal(t, http.StatusBadRequest, r.Status)
	require.Contains(t, string(r.Body), "line 6, column 18: there is no vars.NOWHERE")
	found := w.OK(http.MethodPost, "/api/v1/pipelines/lint", []byte(text))
	require.Equal(t, false, found["valid"])
	require.Equal(t, 6.0, found["findings"].([]any)[0].(object)["line"])
}
