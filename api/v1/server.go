// Package v1 answers Slipway's own API: it implements what the generator makes
// of openapi/slipway.yaml, and decides nothing.
//
// To add or change an operation: write it into openapi/slipway.yaml, run
// `make generate`, and write its method in the file of its noun, on that noun's
// handlers (datasets.go: type Datasets, with the services it calls as fields).
// The method decodes, calls one service method, encodes; it returns its error
// as it is, which api/reply turns into the answer. Where the noun is new, add it
// to Server below. What the document says of a request (types, patterns,
// required and unknown fields) has been checked before the method is called;
// Wait and Events follow long work, page.go cuts lists.
package v1

import (
	"context"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/api/reply"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/openapi/server"
)

// Server is every operation: one field a noun. A method that stands in two of
// them does not compile.
type Server struct {
	About
	Audit
	Images
	Datasets
	Pipelines
	Validations
	Environments
	Promotions
	Releases
	Garbage
	Verifications
	Variables
	Secrets
}

var _ server.StrictServerInterface = (*Server)(nil)

// Route is one operation, ready to be put into the table of routes.
type Route struct {
	Method string
	Path   string // as gin writes it
	Handle func(*gin.Context) error
}

// Common is what operations share.
type Common struct {
	Keys Once            // remembers requests that carry an Idempotency-Key
	Up   context.Context // ends when the server begins to stop, which waits for no follower of long work
}

// Routes gives every operation of the document that is not routed by hand.
func Routes(s server.StrictServerInterface, common Common) ([]Route, error) {
	check, err := newChecker()
	if err != nil {
		return nil, err
	}
	strict := server.NewStrictHandlerWithOptions(s, nil, server.StrictGinServerOptions{
		RequestErrorHandlerFunc:  malformed,
		HandlerErrorFunc:         reply.Error,
		ResponseErrorHandlerFunc: reply.Error,
	})
	found := &collector{}
	server.RegisterHandlersWithOptions(found, strict, server.GinServerOptions{
		ErrorHandler: func(c *gin.Context, err error, _ int) { malformed(c, err) },
	})
	for i, r := range found.routes {
		op, ok := check.operations[r.Method+" "+r.Path]
		if !ok {
			return nil, fmt.Errorf("%s %s is not in openapi/slipway.yaml: run make generate", r.Method, r.Path)
		}
		handle := r.Handle
		if op.once {
			handle = once(common.Keys, handle)
		}
		if op.follows {
			handle = common.whileUp(handle)
		}
		found.routes[i].Handle = func(c *gin.Context) error {
			if err := check.request(c, op); err != nil {
				return err
			}
			return handle(c)
		}
	}
	return found.routes, nil
}

// malformed answers a request that could not be decoded. What the decoder says
// is about the request alone, so the caller reads it.
func malformed(c *gin.Context, err error) {
	if models.KindOf(err) == models.KindInternal && !tooLarge(err) {
		err = invalid(undecoded(err))
	}
	reply.Error(c, err)
}

// collector takes the routes that the generated code registers, so that they
// can stand in the one table with the rights they need.
type collector struct {
	gin.IRouter
	routes []Route
}

func (r *collector) add(method, path string, handlers []gin.HandlerFunc) gin.IRoutes {
	r.routes = append(r.routes, Route{method, path, func(c *gin.Context) error {
		for _, h := range handlers {
			h(c)
		}
		return nil
	}})
	return r
}

func (r *collector) GET(path string, h ...gin.HandlerFunc) gin.IRoutes {
	return r.add(http.MethodGet, path, h)
}

func (r *collector) POST(path string, h ...gin.HandlerFunc) gin.IRoutes {
	return r.add(http.MethodPost, path, h)
}

func (r *collector) PUT(path string, h ...gin.HandlerFunc) gin.IRoutes {
	return r.add(http.MethodPut, path, h)
}

func (r *collector) DELETE(path string, h ...gin.HandlerFunc) gin.IRoutes {
	return r.add(http.MethodDelete, path, h)
}
