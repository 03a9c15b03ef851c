package app

import (
	"context"
	"time"

	"github.com/slipway-ml/slipway/api"
	v1 "github.com/slipway-ml/slipway/api/v1"
	"github.com/slipway-ml/slipway/services/audit"
	"github.com/slipway-ml/slipway/services/idempotency"
	"github.com/slipway-ml/slipway/services/job"
)

// Version is this build's; the linker sets it.
var Version = "0.1.0"

// services is what wire builds: the handlers of the edge, the workers of jobs,
// what starts with the server and what stops with it.
type services struct {
	handlers api.Handlers
	workers  []job.Worker
	start    []func(context.Context) error // return at once; the context ends with the server
	stop     []func(context.Context) error
}

// wire builds the services on the database and the stores, each knowing the
// others only by the small interfaces it declares.
func (a *App) wire() (services, error) {
	var s services
	own := &v1.Server{
		About: v1.About{Version: Version, MLflowVersion: api.MLflowVersion, StartedAt: time.Now()},
		Audit: v1.Audit{Records: audit.Service{DB: a.db}},
	}
	s.handlers = api.Handlers{Database: a.db, Registry: a.metrics, V1: own, Keys: idempotency.Service{DB: a.db}}
	return s, nil
}
