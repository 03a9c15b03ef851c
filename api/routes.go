// Package api is the HTTP edge: it decodes, calls one service method, encodes,
// and decides nothing. Every route stands on this page with the right it needs;
// what is not here does not exist.
package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

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
	own, err := ownRoutes(h)
	if err != nil {
		return nil, err
	}
	return append(table, own...), nil
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
