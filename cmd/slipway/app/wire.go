package app

import (
	"context"

	"github.com/slipway-ml/slipway/api"
	"github.com/slipway-ml/slipway/services/job"
)

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
	s.handlers = api.Handlers{Database: a.db, Registry: a.metrics}
	return s, nil
}
