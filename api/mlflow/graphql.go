package mlflow

import (
	"context"
	_ "embed"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/api/graphql"
	"github.com/slipway-ml/slipway/api/reply"
)

//go:embed graphql.sdl
var graphSchema string

// GraphQL answers what MLflow's web UI asks by GraphQL: what the REST calls of
// the same names answer, and no change of anything.
type GraphQL struct {
	schema *graphql.Schema
}

// NewGraphQL makes the queries of the handlers' calls.
func NewGraphQL(t Tracking, r Registry, a Artifacts) (GraphQL, error) {
	runs, datasets := resolve(t.searchRuns), resolve(t.searchDatasets)
	schema, err := graphql.New(graphSchema, map[string]graphql.Resolver{
		"Query.mlflowGetExperiment":                resolve(t.getExperiment),
		"Query.mlflowGetRun":                       resolve(t.getRun),
		"Query.mlflowGetMetricHistoryBulkInterval": resolve(t.bulkInterval),
		"Query.mlflowListArtifacts":                resolve(a.listRun),
		"Query.mlflowSearchModelVersions":          resolve(r.searchVersions),
		"Query.mlflowSearchRuns":                   runs,
		"Query.mlflowSearchDatasets":               datasets,
		"Mutation.mlflowSearchRuns":                runs,
		"Mutation.mlflowSearchDatasets":            datasets,
		"MlflowRunExtension.experiment":            t.experimentOfRun,
		"MlflowRunExtension.modelVersions":         r.versionsOfRun,
	})
	return GraphQL{schema}, err
}

// resolve makes a field of a call.
func resolve[In any](call func(context.Context, In) (any, error)) graphql.Resolver {
	return func(ctx context.Context, _, input map[string]any) (any, error) {
		var in In
		if err := (decoder{}).into(&in, input); err != nil {
			return nil, err
		}
		return call(ctx, in)
	}
}

// infoOfRun reads a text of a run's info.
func infoOfRun(run map[string]any, name string) string {
	info, _ := run["info"].(map[string]any)
	text, _ := info[name].(string)
	return text
}

func (t Tracking) experimentOfRun(ctx context.Context, run, _ map[string]any) (any, error) {
	found, err := t.getExperiment(ctx, experimentRef{ID: infoOfRun(run, "experiment_id")})
	if err != nil {
		return nil, err
	}
	return found.(experimentAnswer).Experiment, nil
}

func (r Registry) versionsOfRun(ctx context.Context, run, _ map[string]any) (any, error) {
	found, err := r.searchVersions(ctx, searchRequest{Filter: "run_id = '" + infoOfRun(run, "run_id") + "'"})
	if err != nil {
		return nil, err
	}
	return found.(versionsReply).Versions, nil
}

// Answer handles GET and POST /graphql. What is wrong with a query is told in
// the answer, beside null data; only a request without one is refused.
func (g GraphQL) Answer(c *gin.Context) error {
	in, err := graphRequest(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	return answer(c, g.schema.Do(ctx, in, func(err error) string {
		_, body := reply.Of(ctx, c.GetHeader(reply.RequestID), err)
		return body.Message
	}))
}

// graphRequest reads a query from a body, or from the URL of a GET, where the
// variables are JSON in one parameter.
func graphRequest(c *gin.Context) (in graphql.Request, err error) {
	tree, lax, err := readTree(c)
	if err != nil {
		return in, err
	}
	variables := tree["variables"]
	if lax {
		if variables, err = parseJSON([]byte(c.DefaultQuery("variables", "null"))); err != nil {
			return in, invalid("variables", c.Query("variables"), "it is not JSON: %s", explain(err))
		}
	}
	var ok bool
	if in.Variables, ok = variables.(map[string]any); !ok && variables != nil {
		return in, invalid("variables", variables, "expected an object")
	}
	var named struct {
		Query     string `json:"query" mlflow:"required"`
		Operation string `json:"operationName"`
	}
	err = decoder{lax: lax}.into(&named, tree)
	in.Query, in.Operation = named.Query, named.Operation
	return in, err
}
