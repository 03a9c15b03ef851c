package checks_test

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/tests/testbed/disk"
)

// log reads what a step wrote.
func (w *world) log(s models.StepResult) string {
	w.t.Helper()
	body, err := w.Log(w.t.Context(), s, 0)
	require.NoError(w.t, err)
	defer func() { _ = body.Close() }()
	text, err := io.ReadAll(body)
	require.NoError(w.t, err)
	return string(text)
}

func TestCommands(t *testing.T) {
	t.Parallel()
	const report = `cat > report.xml <<'XML'
<?xml version="1.0"?>
<testsuites><testsuite name="pytest">
<testcase classname="tests.test_yolo" name="test_boxes" time="0.1"/>
<testcase classname="tests.test_yolo" name="test_night" time="0.2"><failure message="assert 3 == 4">trace of it</failure></testcase>
<testcase classname="tests.test_yolo" name="test_gpu" time="0"><skipped message="no GPU"/></testcase>
</testsuite></testsuites>
XML
`
	tests := map[string]struct {
		command, more string
		state         models.ValidationState
		want          string
	}{
		"exit 0":                          {"true", "", models.ValidationPassed, ""},
		"an exit code":                    {"echo oh; exit 7", "", models.ValidationFailed, "it ended with exit code 7"},
		"a program that is not there":     {"no-such-program", "", models.ValidationErrored, "cannot be run (exit code 127)"},
		"a crash":                         {"kill -SEGV $$", "", models.ValidationErrored, "crashed"},
		"a crash of what it started":      {"sh -c 'kill -ABRT $$'; exit $?", "", models.ValidationErrored, "crashed: signal 6"},
		"a timeout":                       {"sleep 60", "      timeout: 500ms\n", models.ValidationErrored, "still running after 500ms"},
		"a failed case of JUnit":          {report + "exit 1", "", models.ValidationFailed, "error: tests.test_yolo::test_night: test_night failed after 0.2 s: assert 3 == 4\ntrace of it"},
		"a failed case beside exit 0":     {report, "", models.ValidationFailed, "test_night failed after 0.2 s"},
		"a report that is none":           {"echo '<testsuites>' > report.xml", "", models.ValidationErrored, "report.xml is no JUnit report"},
		"a report of another kind":        {"echo '<html/>' > report.xml", "", models.ValidationErrored, "it begins with <html>"},
		"an entity of a report":           {`echo '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><testsuite><testcase name="&e;"/></testsuite>' > report.xml`, "", models.ValidationErrored, "it has a document type"},
		"a billion laughs":                {"echo '<testsuite><testcase name=\"&lol9;\"/></testsuite>' > report.xml", "", models.ValidationErrored, "invalid character entity &lol9;"},
		"a report too deep":               {`python3 -c 'print("<testsuite>" * 1000)' > report.xml`, "", models.ValidationErrored, "more than 64 deep"},
		"a report too large":              {"head -c 20m /dev/zero > report.xml", "", models.ValidationErrored, "no plain file of at most"},
		"a report in another alphabet":    {`printf '<?xml version="1.0" encoding="iso-8859-1"?><testsuite><testcase name="fr\374h"><failure/></testcase></testsuite>' > report.xml`, "", models.ValidationFailed, "früh failed"},
		"a report that is a hard link":    {"echo '<testsuite/>' > x; ln x report.xml", "", models.ValidationErrored, "report.xml is no plain file"},
		"a report that is a folder":       {"mkdir report.xml", "", models.ValidationErrored, "report.xml is no plain file"},
		"a report that is a pipe":         {"mkfifo $SLIPWAY_OUTPUT_DIR/report.xml", "", models.ValidationErrored, "report.xml is no plain file"},
		"a report that is a link":         {"ln -s /etc/passwd report.xml", "", models.ValidationErrored, "report.xml is no plain file"},
		"pytest without tests":            {"pytest() { return 5; }; pytest", "", models.ValidationErrored, "there were no tests"},
		"its own measurements":            {`echo '{"accuracy": 0.93}' > $SLIPWAY_OUTPUT_DIR/measurements.json`, "      thresholds: {accuracy: \">= 0.95\"}\n", models.ValidationFailed, "accuracy is 0.93, asked for >= 0.95"},
		"measurements that are none":      {`echo '{"accuracy": "high"}' > measurements.json`, "", models.ValidationErrored, "measurements.json is no object of numbers"},
		"a measurement that is NaN":       {`echo '{"a": 1, "b": NaN}' > measurements.json`, "", models.ValidationErrored, "it has NaN, which JSON does not know"},
		"a measurement that is too large": {`echo '{"a": 1e999}' > measurements.json`, "", models.ValidationErrored, `"a" is 1e999, no number`},
		"a measurement that is nothing":   {`echo '{"a": null}' > measurements.json`, "", models.ValidationErrored, `"a" is null, no number`},
		"a measurement without a name":    {`echo '{"": 1}' > measurements.json`, "", models.ValidationErrored, `"" cannot name a figure`},
		"too many measurements":           {`python3 -c 'import json; json.dump({str(i): i for i in range(1001)}, open("measurements.json", "w"))'`, "", models.ValidationErrored, "has 1001 figures, at most 1000"},
		"the version's files":             {"test -s model.onnx && test -s $SLIPWAY_MODEL_DIR/MLmodel", "", models.ValidationPassed, ""},
		"the model's folder beside it":    {"test $PWD != $SLIPWAY_MODEL_DIR && cmp model.onnx $SLIPWAY_MODEL_DIR/model.onnx", "", models.ValidationPassed, ""},
		"the model's folder is to read": {
			"cd $SLIPWAY_MODEL_DIR; if echo x >> MLmodel || touch new || rm -f model.onnx || mv MLmodel other || chmod u+w MLmodel; then exit 1; fi; test -s model.onnx",
			"", models.ValidationPassed, "",
		},
		"the data set is to read": {
			"cd $SLIPWAY_DATASET_DIR; if echo x >> data.yaml || touch new || rm -f data.yaml; then exit 1; fi; test -s data.yaml",
			"      dataset: shapes-val@1\n", models.ValidationPassed, "",
		},
		"the version's name":          {"test $SLIPWAY_MODEL_URI = models:/m/1", "", models.ValidationPassed, ""},
		"the version being served":    {`python3 -c 'import os, urllib.request; print(urllib.request.urlopen(os.environ["SLIPWAY_SERVE_URL"] + "/version").read())'`, "", models.ValidationPassed, ""},
		"a data set":                  {"test $(ls $SLIPWAY_DATASET_DIR/val/images | wc -l) = 48", "      dataset: shapes-val@1\n", models.ValidationPassed, ""},
		"its own variables":           {`test "$CONFIDENCE" = 0.25`, "      env: {CONFIDENCE: 0.25}\n", models.ValidationPassed, ""},
		"nothing of the server's own": {`test -z "$SLIPWAY_TEST_SECRET$GOPATH" && test $HOME != /root`, "", models.ValidationPassed, ""},
		"writing where it works":      {"echo changed > model.onnx", "", models.ValidationPassed, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.needServe()
			if strings.Contains(tt.more, "dataset") {
				w.push(nil)
			}
			w.apply("    - run: |\n" + indent(tt.command) + tt.more + "    - check: integrity\n")
			v := w.validate(w.register(onnxFiles(t, "v1")))
			require.Equal(t, tt.state, v.State, "%s\n%s", v.Reason, w.log(v.Steps[0]))
			require.Contains(t, said(v.Steps[0]), tt.want)
		})
	}
}

func TestTheLogIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.needServe()
	w.apply("    - run: printf 'a\\000b'; echo to stderr >&2\n")
	v := w.validate(w.register(onnxFiles(t, "v1")))
	require.Equal(t, models.ValidationPassed, v.State, v.Reason)
	log := w.log(v.Steps[0])
	require.Contains(t, log, "a\uFFFDb")
	require.Contains(t, log, "to stderr")
	require.Contains(t, log, "$ printf")
}

// lacking is a runner on a machine that does not give all.
type lacking struct{ deploy.Runner }

// Lacks implements deploy.Runner.
func (lacking) Lacks() []string { return []string{"a run sees the neighbours"} }

func TestTheReportSaysWhatACommandWasNotKeptFrom(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.needServe()
	w.Steps[models.StepsProcess] = lacking{w.Steps[models.StepsProcess]}
	w.apply("    - run: \"true\"\n")
	v := w.validate(w.register(onnxFiles(t, "v1")))
	require.Equal(t, models.ValidationPassed, v.State, v.Reason)
	require.Equal(t, []models.Finding{{
		Severity: models.SeverityInfo, Where: "isolation", Message: "a run sees the neighbours", Remedy: "docs/isolation.md tells what gives the rest",
	}}, v.Steps[0].Findings)
	require.Contains(t, w.log(v.Steps[0]), "isolation: a run sees the neighbours\n")
}

func TestACommandThatFillsTheDiskIsEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.needServe()
	w.Settings.Work = disk.Small(t, 96)
	version := w.register(onnxFiles(t, "v1"))
	w.apply("    - run: dd if=/dev/zero of=$SLIPWAY_OUTPUT_DIR/big bs=1M count=200; sleep 600\n")
	v := w.validate(version)
	require.Equal(t, models.ValidationErrored, v.State)
	require.Contains(t, v.Reason, "MiB to its folders")
	w.apply("    - run: dd if=/dev/zero of=$SLIPWAY_OUTPUT_DIR/little bs=1M count=20\n")
	v = w.validate(version)
	require.Equal(t, models.ValidationPassed, v.State, v.Reason)
}

func TestCommandsMayBeForbidden(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Steps = nil
	w.apply("    - run: \"true\"\n")
	v := w.validate(w.register(onnxFiles(t, "v1")))
	require.Equal(t, models.ValidationErrored, v.State)
	require.Contains(t, v.Reason, "--allow-steps process")
}

// A file of gigabytes is not copied for each step, and no step changes the
// version by what it is given instead.
func TestALargeFileIsNoCopyThatChangesTheVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.needServe()
	version := onnxFiles(t, "v1")
	version["weights.bin"] = strings.Repeat("w", 33<<20)
	w.apply("    - run: |\n" + indent("test $(wc -c < weights.bin) = 34603008 && cmp weights.bin $SLIPWAY_MODEL_DIR/weights.bin\n"+
		"echo x >> weights.bin\ntest $(wc -c < $SLIPWAY_MODEL_DIR/weights.bin) = 34603008\nrm weights.bin && echo mine > weights.bin"))
	v := w.validate(w.register(version))
	require.Equal(t, models.ValidationPassed, v.State, "%s\n%s", v.Reason, w.log(v.Steps[0]))
}
