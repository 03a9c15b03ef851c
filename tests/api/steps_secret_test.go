package api_test

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

// loud writes the secrets that it has in every way and to every place.
const loud = `      run: |
        set -x
        echo "plain $KEY and $OTHER"
        set +x
        printf '%s' "$KEY" | head -c 9; sleep 0.3; printf '%s\n' "$KEY" | tail -c +10
        printf '%s' "$KEY" | base64
        printf '{"key": "%s"}\n' "$KEY"
        printf '%s\n' "$LINES_KEY" | head -n 1
        printf '<testsuite><testcase classname="%s" name="t"><failure message="%s">%s</failure></testcase></testsuite>' "$KEY" "$KEY" "$(head -c 70000 /dev/zero | tr '\0' .)$KEY" > $SLIPWAY_OUTPUT_DIR/report.xml
        printf '{"%s": 1}' "$OTHER" > $SLIPWAY_OUTPUT_DIR/measurements.json
        printf 'kept %s' "$KEY" > $SLIPWAY_OUTPUT_DIR/kept.txt
        exit 1
`

func TestSecretsOfAStepAreShownNowhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := world.StartProcess(t, dir)
	w := p.World
	createModel(w, "m")
	secrets := map[string]string{"KEY": "hunter2-correct-horse", "OTHER": "swordfish-9000", "UNUSED": "never-given-away", "LINES": "first line of it\nsecond line of it"}
	for name, value := range secrets {
		path := base + "/secrets/"
		if name == "OTHER" {
			path = base + "/models/m/secrets/"
		}
		w.OK(http.MethodPut, path+name, object{"value": value})
	}
	w.OK(http.MethodPut, base+"/variables/WHERE", object{"value": "staging place"})
	applyPipeline(w, "m", "    - name: loud\n      env: {KEY: \"${{ secrets.KEY }}\", OTHER: \"x ${{ secrets.other }}\", LINES_KEY: \"${{ secrets.LINES }}\", WHERE: \"${{ vars.WHERE }}\"}\n"+loud+
		"    - {name: quiet, run: 'echo at $WHERE, never-$(echo given)-away', env: {WHERE: \"${{ vars.where }}\"}}\n")
	version := registerNotes(t, w, nil)
	v := validated(w, "m", version)
	require.Equal(t, "failed", v["state"], "%v", v)
	log := logOf(w, v, "loud")
	require.Contains(t, log, "plain *** and x ***\n")
	require.GreaterOrEqual(t, strings.Count(log, "***"), 8, "%s", log)
	require.Contains(t, logOf(w, v, "quiet"), "at staging place, ***\n", "a secret that the step was not given is masked as well")

	at := fmt.Sprintf("%s/validations/%v", base, v["id"])
	shown := map[string]string{"log": log, "json": fmt.Sprint(v)}
	for _, path := range []string{"", "/log", "/report.html", "/report.xml", "/report.sarif", "/events"} {
		r := w.Do(http.MethodGet, at+path, nil)
		require.Equal(t, http.StatusOK, r.Status, path)
		shown[path] = string(r.Body)
	}
	for _, a := range stepsByName(v)["loud"]["attachments"].([]any) {
		name := a.(object)["name"].(string)
		r := w.Do(http.MethodGet, at+"/steps/loud/attachments/"+name, nil)
		require.Equal(t, http.StatusOK, r.Status)
		shown["attachment "+name] = string(r.Body)
	}
	require.Contains(t, shown["attachment kept.txt"], "kept ***")
	for _, path := range []string{"/audit", "/models/m/pipeline"} {
		shown[path] = string(w.Do(http.MethodGet, base+path, nil).Body)
	}
	require.Contains(t, shown["/models/m/pipeline"], "secrets.KEY", "the pipeline keeps the expression")
	var hidden []string
	for _, value := range secrets {
		line, _, _ := strings.Cut(value, "\n")
		hidden = append(hidden, line, base64.StdEncoding.EncodeToString([]byte(line))[:len(line)])
	}
	hidden = append(hidden, "hunter2", "correct-horse")
	for where, text := range shown {
		for _, secret := range hidden {
			require.NotContains(t, text, secret, where)
		}
	}
	p.Term()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, secret := range hidden {
			require.NotContains(t, string(text), secret, path)
		}
		return err
	}))
}

func TestASecretThatIsGoneIsAnErrorOfItsStep(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	createModel(w, "m")
	text := "model: m\nvalidation:\n  steps:\n    - name: keyed\n      run: 'true'\n      env: {KEY: \"${{ secrets.KEY }}\"}\n"
	r := w.Do(http.MethodPut, base+"/models/m/pipeline", []byte(text))
	require.Equal(t, http.StatusBadRequest, r.Status)
	require.Contains(t, string(r.Body), "line 6, column 23: there is no secrets.KEY: slipway secret set makes one")
	w.OK(http.MethodPut, base+"/secrets/key", object{"value": "a key that goes"})
	w.OK(http.MethodPut, base+"/models/m/pipeline", []byte(text))
	version := registerNotes(t, w, nil)
	require.Equal(t, "passed", validated(w, "m", version)["state"])
	require.Equal(t, http.StatusNoContent, w.Do(http.MethodDelete, base+"/secrets/KEY", nil).Status)
	v := validate(w, version, object{})
	require.Equal(t, "errored", v["state"])
	require.Equal(t, "keyed: env.KEY: there is no secrets.KEY", v["reason"])

	for field, says := range map[string]string{
		"if: secrets.KEY == 'x'": "a secret decides nothing", "run: echo ${{ secrets.KEY }}": "in run it would be a part of the script",
	} {
		if !strings.HasPrefix(field, "run") {
			field += "\n      run: 'true'"
		}
		r := w.Do(http.MethodPut, base+"/models/m/pipeline", []byte("model: m\nvalidation:\n  steps:\n    - name: x\n      "+field+"\n"))
		require.Equal(t, http.StatusBadRequest, r.Status)
		require.Contains(t, string(r.Body), says)
	}
}
