// Package api is the HTTP edge: it decodes, calls one service method, encodes,
// and decides nothing. Every route stands on this page with the right it needs;
// what is not here does not exist.
package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/api/mlflow"
	"github.com/slipway-ml/slipway/api/reply"
)

// Right is what a route asks of its caller.
type Right string

// The rights, from none to all.
const (
	Public  Right = "public"  // probes
	Read    Right = "read"    // look at anything
	Write   Right = "write"   // track, register, upload, apply pipelines, push data sets
	Deliver Right = "deliver" // promote, roll back, lift a quarantine
	Infer   Right = "infer"   // send requests to a model
)

// Route is one line of the table.
type Route struct {
	Method string
	Path   string
	Right  Right
	Handle func(*gin.Context) error
}

// routes is the table.
func routes(h Handlers) ([]Route, error) {
	table := []Route{
		{http.MethodGet, "/health", Public, h.Health},
		{http.MethodGet, "/version", Public, h.Version},
		{http.MethodGet, "/metrics", Read, h.Metrics},
	}
	table = append(table, trackingRoutes(h.Tracking)...)
	own, err := ownRoutes(h)
	if err != nil {
		return nil, err
	}
	return append(table, own...), nil
}

// trackingRoutes are MLflow's for experiments, runs and logged models.
func trackingRoutes(t mlflow.Tracking) []Route {
	const a2, a3 = "2.0/mlflow/", "3.0/mlflow/"
	return twins([]Route{
		{http.MethodGet, a3 + "server-info", Public, t.ServerInfo},

		{http.MethodPost, a2 + "experiments/create", Write, t.CreateExperiment},
		{http.MethodGet, a2 + "experiments/get", Read, t.GetExperiment},
		{http.MethodGet, a2 + "experiments/get-by-name", Read, t.GetExperimentByName},
		{http.MethodPost, a2 + "experiments/search", Read, t.SearchExperiments},
		{http.MethodGet, a2 + "experiments/search", Read, t.SearchExperiments},
		{http.MethodPost, a2 + "experiments/update", Write, t.UpdateExperiment},
		{http.MethodPost, a2 + "experiments/delete", Write, t.DeleteExperiment},
		{http.MethodPost, a2 + "experiments/restore", Write, t.RestoreExperiment},
		{http.MethodPost, a2 + "experiments/set-experiment-tag", Write, t.SetExperimentTag},
		{http.MethodPost, a2 + "experiments/delete-experiment-tag", Write, t.DeleteExperimentTag},
		{http.MethodPost, a2 + "experiments/search-datasets", Read, t.SearchDatasets},
		// MLflow registers this one without its slash.
		{http.MethodPost, "2.0mlflow/experiments/search-datasets", Read, t.SearchDatasets},

		{http.MethodPost, a2 + "runs/create", Write, t.CreateRun},
		{http.MethodGet, a2 + "runs/get", Read, t.GetRun},
		{http.MethodPost, a2 + "runs/update", Write, t.UpdateRun},
		{http.MethodPost, a2 + "runs/delete", Write, t.DeleteRun},
		{http.MethodPost, a2 + "runs/restore", Write, t.RestoreRun},
		{http.MethodPost, a2 + "runs/search", Read, t.SearchRuns},
		{http.MethodPost, a2 + "runs/log-metric", Write, t.LogMetric},
		{http.MethodPost, a2 + "runs/log-parameter", Write, t.LogParam},
		{http.MethodPost, a2 + "runs/set-tag", Write, t.SetTag},
		{http.MethodPost, a2 + "runs/delete-tag", Write, t.DeleteTag},
		{http.MethodPost, a2 + "runs/log-batch", Write, t.LogBatch},
		{http.MethodPost, a2 + "runs/log-inputs", Write, t.LogInputs},
		{http.MethodPost, a2 + "runs/outputs", Write, t.LogOutputs},
		{http.MethodPost, a2 + "runs/log-model", Write, t.LogModel},
		{http.MethodGet, a2 + "metrics/get-history", Read, t.GetMetricHistory},
		{http.MethodGet, a2 + "metrics/get-history-bulk", Read, t.GetMetricHistoryBulk},
		{http.MethodGet, a2 + "metrics/get-history-bulk-interval", Read, t.GetMetricHistoryBulkInterval},

		{http.MethodPost, a2 + "logged-models", Write, t.CreateLoggedModel},
		{http.MethodPost, a2 + "logged-models/search", Read, t.SearchLoggedModels},
		{http.MethodGet, a2 + "logged-models/:model_id", Read, t.GetLoggedModel},
		{http.MethodPatch, a2 + "logged-models/:model_id", Write, t.FinalizeLoggedModel},
		{http.MethodDelete, a2 + "logged-models/:model_id", Write, t.DeleteLoggedModel},
		{http.MethodPost, a2 + "logged-models/:model_id/params", Write, t.LogModelParams},
		{http.MethodPatch, a2 + "logged-models/:model_id/tags", Write, t.SetModelTags},
		{http.MethodDelete, a2 + "logged-models/:model_id/tags/:tag_key", Write, t.DeleteModelTag},
	})
}

// twins gives each of MLflow's routes under /api its twin under /ajax-api,
// which browsers use.
func twins(table []Route) []Route {
	all := make([]Route, 0, 2*len(table))
	for _, r := range table {
		api, ajax := r, r
		api.Path, ajax.Path = "/api/"+r.Path, "/ajax-api/"+r.Path
		all = append(all, api, ajax)
	}
	return all
}

// register adds the table to an engine.
func register(engine *gin.Engine, table []Route) {
	for _, r := range table {
		engine.Handle(r.Method, r.Path, reply.Handle(r.Handle))
	}
	engine.NoRoute(func(c *gin.Context) { c.JSON(http.StatusNotFound, reply.NoRoute(c.Request.URL.Path)) })
}
