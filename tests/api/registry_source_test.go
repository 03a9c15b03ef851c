package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

func TestSourcesOfVersions(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	createModel(w, "m")
	runID, other := run(w), run(w)
	logged := loggedModel(w, runID)
	upload(t, w, "0/"+runID+"/artifacts/model/MLmodel", "flavors: {}")
	upload(t, w, "0/models/"+logged+"/artifacts/MLmodel", "flavors: {}")
	w.OK(http.MethodPost, versioned+"create", object{"name": "m", "source": "models:/" + logged, "model_id": logged})
	w.OK(http.MethodPost, registered+"alias", object{"name": "m", "alias": "champion", "version": "1"})
	w.OK(http.MethodPost, registered+"create", object{"name": "p", "tags": []object{{"key": "mlflow.prompt.is_prompt", "value": "true"}}})
	w.OK(http.MethodPost, versioned+"create", object{"name": "p", "source": "dummy-source", "tags": []object{{"key": "mlflow.prompt.is_prompt", "value": "true"}}})

	for name, body := range map[string]object{
		"a file of the server":                  {"source": "file:///etc"},
		"a path of the server":                  {"source": "/etc"},
		"a path of the server, of a run":        {"source": "/etc/passwd", "run_id": runID},
		"a relative path":                       {"source": "../x"},
		"a bare name":                           {"source": "model"},
		"the web":                               {"source": "http://h/x"},
		"a way out of the store":                {"source": "mlflow-artifacts:/../../etc"},
		"a way out of the run":                  {"source": "mlflow-artifacts:/0/" + runID + "/artifacts/../../" + other + "/artifacts", "run_id": runID},
		"an encoded way out":                    {"source": "mlflow-artifacts:/0/" + runID + "/artifacts/%2e%2e/x", "run_id": runID},
		"one encoded twice":                     {"source": "s3://b/%252e%252e/x"},
		"NUL":                                   {"source": "s3://b/%00"},
		"nothing":                               {},
		"a run's files without the run":         {"source": "mlflow-artifacts:/0/" + runID + "/artifacts/model"},
		"another run's files":                   {"source": "mlflow-artifacts:/0/" + runID + "/artifacts/model", "run_id": other},
		"a name that begins as the run's root":  {"source": "mlflow-artifacts:/0/" + runID + "/artifacts2/model", "run_id": runID},
		"a run that is not named":               {"source": "runs:/" + runID + "/model"},
		"a run that is another":                 {"source": "runs:/" + runID + "/model", "run_id": other},
		"files of a run that does not exist":    {"source": "mlflow-artifacts:/0/nobody/artifacts/model", "run_id": "nobody"},
		"a logged model that is not named":      {"source": "models:/" + logged},
		"a logged model that is another":        {"source": "models:/" + logged, "model_id": "m-0123456789abcdef0123456789abcdef"},
		"a version and a run that do not agree": {"source": "models:/m/1", "run_id": other},
		"an address of no version":              {"source": "models:/m"},
		"another registry":                      {"source": "models://other/m/1"},
		"a prompt":                              {"source": "models:/p/1"},
		"a stage that is none":                  {"source": "models:/m/Live"},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			t.Parallel()
			body["name"] = "m"
			badRequest(t, w.Do(http.MethodPost, versioned+"create", body))
		})
	}
	for name, source := range map[string]string{"a version": "models:/m/99", "a model": "models:/nobody/1"} {
		t.Run(name+" that is not there", func(t *testing.T) {
			t.Parallel()
			missing(t, w.Do(http.MethodPost, versioned+"create", object{"name": "m", "source": source}))
		})
	}
	loggedURI := "mlflow-artifacts:/0/models/" + logged + "/artifacts"
	for name, c := range map[string]struct {
		body             object
		source, download string
		runID            string
	}{
		"a logged model":            {object{"source": "models:/" + logged, "model_id": logged}, "models:/" + logged, loggedURI, runID},
		"a logged model's folder":   {object{"source": loggedURI, "model_id": logged}, loggedURI, loggedURI, runID},
		"a run's folder":            {object{"source": "mlflow-artifacts:/0/" + runID + "/artifacts/model", "run_id": runID}, "mlflow-artifacts:/0/" + runID + "/artifacts/model", "mlflow-artifacts:/0/" + runID + "/artifacts/model", runID},
		"a run":                     {object{"source": "runs:/" + runID + "/model", "run_id": runID}, "runs:/" + runID + "/model", "runs:/" + runID + "/model", runID},
		"a run without a model":     {object{"source": "runs:/" + other + "/nothing", "run_id": other}, "runs:/" + other + "/nothing", "runs:/" + other + "/nothing", other},
		"a version":                 {object{"source": "models:/m/1"}, "models:/m/1", loggedURI, runID},
		"a version with its run":    {object{"source": "models:/m/1", "run_id": runID}, "models:/m/1", loggedURI, runID},
		"an alias":                  {object{"source": "models:/m@champion"}, "models:/m/1", loggedURI, runID},
		"a run of another server":   {object{"source": "runs:/elsewhere/model", "run_id": "elsewhere"}, "runs:/elsewhere/model", "runs:/elsewhere/model", "elsewhere"},
		"a bucket":                  {object{"source": "s3://bucket/a/b c"}, "s3://bucket/a/b c", "s3://bucket/a/b c", ""},
		"a bucket, of nobody's run": {object{"source": "gs://bucket/a", "run_id": "r"}, "gs://bucket/a", "gs://bucket/a", "r"},
	} {
		t.Run(name+" is taken", func(t *testing.T) {
			t.Parallel()
			c.body["name"] = "m"
			v := w.OK(http.MethodPost, versioned+"create", c.body)["model_version"].(object)
			require.Equal(t, c.source, v["source"])
			require.Equal(t, c.runID, v["run_id"])
			require.NotContains(t, v, "model_id")
			uri := w.OK(http.MethodGet, versioned+"get-download-uri?name=m&version="+v["version"].(string), nil)
			require.Equal(t, c.download, uri["artifact_uri"])
		})
	}
}

func TestALoggedModelKnowsItsVersions(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	createModel(w, "m")
	logged := loggedModel(w, run(w))
	for range 2 {
		w.OK(http.MethodPost, versioned+"create", object{"name": "m", "source": "models:/" + logged, "model_id": logged})
	}
	info := w.OK(http.MethodGet, "/api/2.0/mlflow/logged-models/"+logged, nil)["model"].(object)["info"].(object)
	require.Contains(t, info["tags"], object{"key": "mlflow.modelVersions", "value": `[{"name": "m", "version": 1}, {"name": "m", "version": 2}]`},
		"with the spaces that Python writes: clients compare the text")
}
