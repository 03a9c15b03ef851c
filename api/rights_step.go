package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/api/middleware"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/artifact"
)

// stepRights says which routes a step's token may ask, and of what: the version
// that it looks at, its files, the run and the logged model that they came
// from, the step's data set. Besides these it may ask what is public.
var stepRights = map[string]func(ask, models.StepRights) bool{
	"/api/2.0/mlflow/registered-models/get":                         ofModel,
	"/api/2.0/mlflow/model-versions/get":                            ofVersion,
	"/api/2.0/mlflow/model-versions/get-download-uri":               ofVersion,
	"/model-versions/get-artifact":                                  ofVersion,
	"/api/2.0/mlflow-artifacts/artifacts":                           ofFolder,
	"/api/2.0/mlflow-artifacts/artifacts/*path":                     ofFiles,
	"/api/2.0/mlflow-artifacts/presigned/*path":                     ofFiles,
	"/api/2.0/mlflow/runs/get":                                      ofRun,
	"/api/2.0/mlflow/metrics/get-history":                           ofRun,
	"/api/2.0/mlflow/logged-models/:model_id":                       ofLogged,
	"/api/2.0/mlflow/logged-models/:model_id/artifacts/directories": ofLogged,
	"/api/2.0/mlflow/logged-models/:model_id/artifacts/files":       ofLogged,
	"/api/v1/datasets/:name":                                        ofDataset,
	"/api/v1/datasets/:name/versions/:version":                      ofDataset,
	"/api/v1/datasets/:name/versions/:version/files":                ofDataset,
	"/api/v1/datasets/:name/versions/:version/blobs/:digest":        ofDataset,
}

// ask is what a request says, by its path and its query alone: MLflow's handlers
// look at the body of a GET only where there is no query, and then nothing here
// is allowed.
type ask struct {
	*gin.Context
	query url.Values
}

// value gives a parameter of the query that is said once, else "".
func (a ask) value(name string) string {
	if list := a.query[name]; len(list) == 1 {
		return list[0]
	}
	return ""
}

func ofModel(a ask, s models.StepRights) bool { return a.value("name") == s.Version.Model }

func ofVersion(a ask, s models.StepRights) bool {
	return ofModel(a, s) && a.value("version") == strconv.FormatInt(s.Version.Number, 10)
}

// ofRun: clients say the run under its older name, too.
func ofRun(a ask, s models.StepRights) bool {
	for _, name := range []string{"run_id", "run_uuid", "runId", "runUuid"} {
		if a.query.Has(name) && a.value(name) != s.Version.RunID {
			return false
		}
	}
	return s.Version.RunID != "" && a.query.Has("run_id")
}

func ofLogged(a ask, s models.StepRights) bool {
	return s.Version.LoggedModelID != "" && a.Param("model_id") == s.Version.LoggedModelID
}

func ofFolder(a ask, s models.StepRights) bool { return within(a.value("path"), s) }

func ofFiles(a ask, s models.StepRights) bool {
	return within(strings.TrimPrefix(a.Param("path"), "/"), s)
}

// within tells whether a path of the artifact store is the version's. One that
// leaves its folder again is refused by who reads it.
func within(path string, s models.StepRights) bool {
	at, err := url.Parse(s.Version.DownloadURI)
	if err != nil || at.Scheme != "mlflow-artifacts" {
		return false
	}
	root := strings.Trim(at.Path, "/")
	return root != "" && (path == root || strings.HasPrefix(path, root+"/")) && artifact.CheckPath(path) == nil
}

func ofDataset(a ask, s models.StepRights) bool {
	version := a.Param("version")
	return s.Dataset != nil && a.Param("name") == s.Dataset.Name && (version == "" || version == strconv.FormatInt(s.Dataset.Version, 10))
}

// checkStepRights tells of a line of stepRights without a route.
func checkStepRights(table []Route) error {
	known := map[string]bool{}
	for _, r := range table {
		known[r.Path] = known[r.Path] || r.Method == http.MethodGet
	}
	for path := range stepRights {
		if !known[path] {
			return fmt.Errorf("api/rights_step.go names GET %s, which is no route", path)
		}
	}
	return nil
}

// permit lets a step ask what it may, and others all that the table has.
func (r Route) permit(c *gin.Context) error {
	step, ok := middleware.StepOf(c)
	if !ok || r.Right == Public {
		return nil
	}
	allowed, listed := stepRights[r.Path]
	if listed && r.Method == http.MethodGet && allowed(ask{c, c.Request.URL.Query()}, step) {
		return nil
	}
	data := ""
	if step.Dataset != nil {
		data = ", and its data set " + step.Dataset.String()
	}
	return models.Errorf(models.KindForbidden, "the token of step %q may only read %s, its files and the figures of its run%s: not %s %s",
		step.Name, step.Version.Ref(), data, c.Request.Method, c.Request.URL.Path)
}
