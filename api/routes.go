// Package api is the HTTP edge: it decodes, calls one service method, encodes,
// and decides nothing. Every route stands on this page with the right it needs;
// what is not here does not exist.
package api

import (
	"net/http"
	"net/url"
	"strings"

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
	Waive   Right = "waive"   // let pass what a validation found
	Operate Right = "operate" // what concerns the whole server: gc, values that apply everywhere
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
		{http.MethodGet, "/", Public, h.Pages.Index},
		{http.MethodHead, "/", Public, h.Pages.Index},
		{http.MethodGet, "/static-files/*path", Public, h.Pages.Static},
		{http.MethodHead, "/static-files/*path", Public, h.Pages.Static},
		{http.MethodGet, "/ajax-api/2.0/mlflow/gateway-proxy", Read, mlflow.NoGateway},
		{http.MethodGet, "/ajax-api/3.0/mlflow/ui-telemetry", Public, mlflow.NoTelemetry},
		{http.MethodGet, "/health", Public, h.Health},
		{http.MethodGet, "/version", Public, h.Version},
		{http.MethodGet, "/metrics", Read, h.Metrics},
		{http.MethodGet, "/serve/*path", Infer, h.Serve},
		{http.MethodHead, "/serve/*path", Infer, h.Serve},
		{http.MethodPost, "/serve/*path", Infer, h.Serve},
	}
	table = append(table, trackingRoutes(h.Tracking)...)
	table = append(table, traceRoutes(h.Traces)...)
	table = append(table, registryRoutes(h.Models)...)
	table = append(table, evaluationRoutes(h.Evaluation)...)
	table = append(table, webhookRoutes(h.Webhooks)...)
	table = append(table, artifactRoutes(h.Artifacts)...)
	graph, err := mlflow.NewGraphQL(h.Tracking, h.Models, h.Artifacts)
	if err != nil {
		return nil, err
	}
	table = append(table, Route{http.MethodGet, "/graphql", Read, graph.Answer}, Route{http.MethodPost, "/graphql", Read, graph.Answer})
	own, err := ownRoutes(h)
	if err != nil {
		return nil, err
	}
	return append(table, own...), nil
}

// trackingRoutes are MLflow's for experiments, runs and logged models.
func trackingRoutes(t mlflow.Tracking) []Route {
	const a2 = "2.0/mlflow/"
	return twins([]Route{
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
		{http.MethodDelete, a2 + "logged-models/:model_id/tags/*tag_key", Write, t.DeleteModelTag},
	})
}

// traceRoutes are MLflow's for traces: of API 3.0, of 2.0 for clients before
// it, and OpenTelemetry's own.
func traceRoutes(t mlflow.Traces) []Route {
	const a2, a3 = "2.0/mlflow/traces", "3.0/mlflow/traces"
	return append(twins([]Route{
		{http.MethodPost, a3, Write, t.StartTrace},
		{http.MethodGet, a3 + "/get", Read, t.GetTrace},
		{http.MethodGet, a3 + "/batchGet", Read, t.BatchGetTraces},
		{http.MethodPost, a3 + "/batchGetInfos", Read, t.BatchGetTraceInfos},
		{http.MethodPost, a3 + "/search", Read, t.SearchTraces},
		{http.MethodPost, a3 + "/metrics", Read, t.QueryTraceMetrics},
		{http.MethodPost, a3 + "/calculate-filter-correlation", Read, t.CorrelateTraces},
		{http.MethodPost, a3 + "/delete-traces", Write, t.DeleteTraces},
		{http.MethodGet, a3 + "/:trace_id", Read, t.GetTraceInfo},
		{http.MethodPatch, a3 + "/:trace_id/tags", Write, t.SetTraceTag},
		{http.MethodDelete, a3 + "/:trace_id/tags", Write, t.DeleteTraceTag},
		{http.MethodPost, a3 + "/:trace_id/assessments", Write, t.CreateAssessment},
		{http.MethodGet, a3 + "/:trace_id/assessments/:assessment_id", Read, t.GetAssessment},
		{http.MethodPatch, a3 + "/:trace_id/assessments/:assessment_id", Write, t.UpdateAssessment},
		{http.MethodDelete, a3 + "/:trace_id/assessments/:assessment_id", Write, t.DeleteAssessment},

		{http.MethodPost, a2, Write, t.StartTraceV2},
		{http.MethodGet, a2, Read, t.SearchTracesV2},
		{http.MethodPatch, a2 + "/:trace_id", Write, t.EndTraceV2},
		{http.MethodGet, a2 + "/:trace_id/info", Read, t.GetTraceInfoV2},
		{http.MethodPatch, a2 + "/:trace_id/tags", Write, t.SetTraceTag},
		{http.MethodDelete, a2 + "/:trace_id/tags", Write, t.DeleteTraceTag},
		{http.MethodPost, a2 + "/delete-traces", Write, t.DeleteTraces},
		{http.MethodPost, a2 + "/link-to-run", Write, t.LinkTracesToRun},
		{http.MethodPost, a2 + "/link-prompts", Write, t.LinkPromptsToTrace},
	}),
		Route{http.MethodGet, "/ajax-api/2.0/mlflow/get-trace-artifact", Read, t.GetTraceArtifact},
		Route{http.MethodGet, "/ajax-api/3.0/mlflow/get-trace-artifact", Read, t.GetTraceArtifact},
		Route{http.MethodPost, "/v1/traces", Write, t.ExportTraces},
	)
}

// registryRoutes are MLflow's for registered models and model versions.
func registryRoutes(r mlflow.Registry) []Route {
	const m, v = "2.0/mlflow/registered-models/", "2.0/mlflow/model-versions/"
	return twins([]Route{
		{http.MethodPost, m + "create", Write, r.CreateModel},
		{http.MethodGet, m + "get", Read, r.GetModel},
		{http.MethodPost, m + "rename", Write, r.RenameModel},
		{http.MethodPatch, m + "update", Write, r.UpdateModel},
		{http.MethodDelete, m + "delete", Write, r.DeleteModel},
		{http.MethodGet, m + "search", Read, r.SearchModels},
		{http.MethodPost, m + "get-latest-versions", Read, r.LatestVersions},
		{http.MethodGet, m + "get-latest-versions", Read, r.LatestVersions},
		{http.MethodPost, m + "set-tag", Write, r.SetModelTag},
		{http.MethodDelete, m + "delete-tag", Write, r.DeleteModelTag},
		{http.MethodPost, m + "alias", Write, r.SetAlias},
		{http.MethodGet, m + "alias", Read, r.GetByAlias},
		{http.MethodDelete, m + "alias", Write, r.DeleteAlias},

		{http.MethodPost, v + "create", Write, r.CreateVersion},
		{http.MethodGet, v + "get", Read, r.GetVersion},
		{http.MethodPatch, v + "update", Write, r.UpdateVersion},
		{http.MethodDelete, v + "delete", Write, r.DeleteVersion},
		{http.MethodGet, v + "search", Read, r.SearchVersions},
		{http.MethodGet, v + "get-download-uri", Read, r.GetDownloadURI},
		{http.MethodPost, v + "transition-stage", Write, r.TransitionStage},
		{http.MethodPost, v + "set-tag", Write, r.SetVersionTag},
		{http.MethodDelete, v + "delete-tag", Write, r.DeleteVersionTag},
	})
}

// evaluationRoutes are MLflow's for evaluation datasets, issues and scorers.
func evaluationRoutes(e mlflow.Evaluation) []Route {
	const d, i, s = "3.0/mlflow/datasets/", "3.0/mlflow/issues", "3.0/mlflow/scorers/"
	return twins([]Route{
		{http.MethodPost, d + "create", Write, e.CreateDataset},
		{http.MethodPost, d + "search", Read, e.SearchDatasets},
		{http.MethodGet, d + "search", Read, e.SearchDatasets},
		{http.MethodGet, d + ":dataset_id", Read, e.GetDataset},
		{http.MethodDelete, d + ":dataset_id", Write, e.DeleteDataset},
		{http.MethodPatch, d + ":dataset_id/tags", Write, e.SetDatasetTags},
		{http.MethodDelete, d + ":dataset_id/tags/*key", Write, e.DeleteDatasetTag},
		{http.MethodPost, d + ":dataset_id/records", Write, e.SaveRecords},
		{http.MethodGet, d + ":dataset_id/records", Read, e.GetRecords},
		{http.MethodDelete, d + ":dataset_id/records", Write, e.DeleteRecords},
		{http.MethodGet, d + ":dataset_id/experiment-ids", Read, e.GetDatasetExperiments},
		{http.MethodPost, d + ":dataset_id/add-experiments", Write, e.AddDataset},
		{http.MethodPost, d + ":dataset_id/remove-experiments", Write, e.RemoveDataset},

		{http.MethodPost, i, Write, e.CreateIssue},
		{http.MethodPost, i + "/search", Read, e.SearchIssues},
		{http.MethodGet, i + "/:issue_id", Read, e.GetIssue},
		{http.MethodPatch, i + "/:issue_id", Write, e.UpdateIssue},

		{http.MethodPost, s + "register", Write, e.RegisterScorer},
		{http.MethodGet, s + "list", Read, e.ListScorers},
		{http.MethodGet, s + "versions", Read, e.ListScorerVersions},
		{http.MethodGet, s + "get", Read, e.GetScorer},
		{http.MethodDelete, s + "delete", Write, e.DeleteScorer},
		{http.MethodGet, s + "online-configs", Read, e.ListOnlineScorings},
		{http.MethodPut, s + "online-config", Write, e.SetOnlineScoring},
	})
}

// webhookRoutes are MLflow's for webhooks of the registry.
func webhookRoutes(w mlflow.Webhooks) []Route {
	const a2 = "2.0/mlflow/webhooks"
	return twins([]Route{
		{http.MethodPost, a2, Write, w.Create},
		{http.MethodGet, a2, Read, w.List},
		{http.MethodGet, a2 + "/:webhook_id", Read, w.Get},
		{http.MethodPatch, a2 + "/:webhook_id", Write, w.Update},
		{http.MethodDelete, a2 + "/:webhook_id", Write, w.Delete},
		{http.MethodPost, a2 + "/:webhook_id/test", Write, w.Test},
	})
}

// artifactRoutes are MLflow's for files.
func artifactRoutes(a mlflow.Artifacts) []Route {
	const a2, proxy = "2.0/mlflow/", "2.0/mlflow-artifacts/"
	return append(twins([]Route{
		{http.MethodGet, "3.0/mlflow/server-info", Public, a.ServerInfo},

		{http.MethodGet, proxy + "artifacts", Read, a.Proxied(a.List)},
		{http.MethodGet, proxy + "artifacts/*path", Read, a.Proxied(a.Get)},
		{http.MethodPut, proxy + "artifacts/*path", Write, a.Proxied(a.Put)},
		{http.MethodDelete, proxy + "artifacts/*path", Write, a.Proxied(a.Delete)},
		{http.MethodPost, proxy + "mpu/create", Write, a.Proxied(a.MultipartCreate)},
		{http.MethodPost, proxy + "mpu/create/*folder", Write, a.Proxied(a.MultipartCreate)},
		{http.MethodPost, proxy + "mpu/complete", Write, a.Proxied(a.MultipartComplete)},
		{http.MethodPost, proxy + "mpu/complete/*folder", Write, a.Proxied(a.MultipartComplete)},
		{http.MethodPost, proxy + "mpu/abort", Write, a.Proxied(a.MultipartAbort)},
		{http.MethodPost, proxy + "mpu/abort/*folder", Write, a.Proxied(a.MultipartAbort)},
		{http.MethodGet, proxy + "presigned/*path", Read, a.Proxied(a.PresignedGet)},

		{http.MethodGet, a2 + "artifacts/list", Read, a.ListRun},
		{http.MethodPost, a2 + "artifacts/presigned-upload-url", Write, a.PresignedUpload},
		{http.MethodPost, a2 + "artifacts/presigned-download-url", Read, a.PresignedDownload},
		{http.MethodGet, a2 + "logged-models/:model_id/artifacts/directories", Read, a.ListLoggedModel},
		{http.MethodGet, a2 + "logged-models/:model_id/artifacts/files", Read, a.GetLoggedModel},
	}),
		Route{http.MethodGet, "/get-artifact", Read, a.GetRun},
		Route{http.MethodGet, "/model-versions/get-artifact", Read, a.GetVersion},
		Route{http.MethodPost, "/ajax-api/2.0/mlflow/upload-artifact", Write, a.Upload},
	)
}

// artifactsOnly are the routes of a server that keeps files and tracks nothing.
func artifactsOnly(table []Route) (kept []Route) {
	for _, r := range table {
		switch {
		case r.Path == "/health", r.Path == "/version", r.Path == "/metrics",
			strings.HasSuffix(r.Path, "/mlflow/server-info"), strings.Contains(r.Path, "/mlflow-artifacts/"):
			kept = append(kept, r)
		}
	}
	return kept
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

// register adds the table to an engine; missing answers what is not in it.
func register(engine *gin.Engine, table []Route, missing func(path string) reply.Body) {
	for _, r := range table {
		engine.Handle(r.Method, r.Path, reply.Handle(func(c *gin.Context) error {
			if err := r.permit(c); err != nil {
				return err
			}
			return r.Handle(c)
		}))
	}
	engine.NoRoute(func(c *gin.Context) {
		if rest := strings.TrimLeft(c.Request.URL.Path, "/\\"); strings.HasPrefix(c.Request.URL.Path, "//") {
			// A base URL that ends in a slash, as MLflow's servers take it.
			to := url.URL{Path: "/" + rest, RawQuery: c.Request.URL.RawQuery}
			c.Redirect(http.StatusPermanentRedirect, to.String())
			return
		}
		c.JSON(http.StatusNotFound, missing(c.Request.URL.Path))
	})
}
