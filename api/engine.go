package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/slipway-ml/slipway/api/middleware"
	"github.com/slipway-ml/slipway/api/mlflow"
	"github.com/slipway-ml/slipway/api/pace"
	"github.com/slipway-ml/slipway/api/reply"
	"github.com/slipway-ml/slipway/api/ui"
	v1 "github.com/slipway-ml/slipway/api/v1"
	"github.com/slipway-ml/slipway/models"
)

// MLflowVersion is the release of MLflow whose API is spoken here; its clients
// ask for it by GET /version.
const MLflowVersion = "3.17.2"

// Pinger tells whether what is behind it answers.
type Pinger interface {
	Ping(ctx context.Context) error
}

// Gateway forwards inference requests. The error it returns is for the caller,
// and nothing of an answer has been written then.
type Gateway interface {
	Serve(w http.ResponseWriter, r *http.Request) error
}

// Handlers is what the routes call.
type Handlers struct {
	Database   Pinger
	Registry   *prometheus.Registry
	V1         *v1.Server
	Tracking   mlflow.Tracking
	Traces     mlflow.Traces
	Models     mlflow.Registry
	Evaluation mlflow.Evaluation
	Webhooks   mlflow.Webhooks
	Artifacts  mlflow.Artifacts
	Common     v1.Common
	Gateway    Gateway
	Pages      ui.Pages
}

// Options are the edge's settings.
type Options struct {
	AllowedHosts  []string
	ArtifactsOnly bool          // of MLflow's and our routes only those of mlflow-artifacts answer
	Stall         time.Duration // a body may pause for so long; 0: for ever
	Now           func() time.Time
	Log           *slog.Logger
	Steps         middleware.Tokens            // reads the tokens of steps; nil: there are none
	Trace         gin.HandlerFunc              // makes spans of requests; nil: none
	TraceID       func(context.Context) string // of a request, for exemplars; nil: none
}

// New makes the engine that answers every request.
func New(h Handlers, o Options) (*gin.Engine, error) {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.ContextWithFallback = true // a handler's context is its request's
	engine.RedirectTrailingSlash, engine.HandleMethodNotAllowed = false, false
	measure, err := middleware.Measure(h.Registry, o.Log, o.TraceID)
	if err != nil {
		return nil, err
	}
	engine.Use(middleware.Identify())
	if o.Trace != nil {
		engine.Use(o.Trace)
	}
	engine.Use(measure, middleware.Recover(o.Log), middleware.Hosts(o.AllowedHosts))
	if o.Steps != nil {
		engine.Use(middleware.Steps(o.Steps))
	}
	if o.Stall > 0 {
		engine.Use(pace.Bodies(o.Stall, o.Now))
	}
	table, err := routes(h)
	if err != nil {
		return nil, err
	}
	if err := checkStepRights(table); err != nil {
		return nil, err
	}
	missing := reply.NoRoute
	if o.ArtifactsOnly {
		table, missing = artifactsOnly(table), reply.ArtifactsOnly
	}
	register(engine, table, missing)
	return engine, nil
}

// Health answers OK while the database does.
func (h Handlers) Health(c *gin.Context) error {
	if err := h.Database.Ping(c.Request.Context()); err != nil {
		return models.Errorf(models.KindUnavailable, "the database does not answer").Because(err)
	}
	c.String(http.StatusOK, "OK")
	return nil
}

// Version answers the release of MLflow that is spoken.
func (h Handlers) Version(c *gin.Context) error {
	c.String(http.StatusOK, MLflowVersion)
	return nil
}

// Metrics answers Prometheus.
func (h Handlers) Metrics(c *gin.Context) error {
	promhttp.HandlerFor(h.Registry, promhttp.HandlerOpts{Registry: h.Registry, EnableOpenMetrics: true}).ServeHTTP(c.Writer, c.Request)
	return nil
}

// Serve answers for the model that an environment runs.
func (h Handlers) Serve(c *gin.Context) error { return h.Gateway.Serve(c.Writer, c.Request) }
