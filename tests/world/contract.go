package world

import (
	"net/http"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/slipway-ml/slipway/openapi"
)

// contract finds the operation of a request in openapi/slipway.yaml.
var contract = sync.OnceValues(func() (routers.Router, error) {
	doc, err := openapi3.NewLoader().LoadFromData(openapi.Document())
	if err != nil {
		return nil, err
	}
	return legacy.NewRouter(doc)
})

// keepsContract holds an answer of Slipway's own API against the document, so
// that every black-box test is a test of it too.
func keepsContract(req *http.Request, r Response) error {
	if !strings.HasPrefix(req.URL.Path, "/api/v1/") {
		return nil
	}
	router, err := contract()
	if err != nil {
		return err
	}
	found := req.Clone(req.Context())
	found.URL.Scheme, found.URL.Host = "", "" // the document's server is "/"
	route, params, err := router.FindRoute(found)
	if err != nil {
		return nil //nolint:nilerr // no operation: ENDPOINT_NOT_FOUND is no operation's answer
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route},
		Status:                 r.Status, Header: r.Header,
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true, MultiError: true,
			ExcludeResponseBody: !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"),
		},
	}
	return openapi3filter.ValidateResponse(req.Context(), input.SetBodyBytes(r.Body))
}
