package v1

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/openapi"
)

// maxBytes is the largest body of an operation that says nothing of x-max-bytes
// in the document. A body of raw bytes has no limit here: its service knows how
// long it may be.
const maxBytes = 1 << 20

// checker holds requests against the document before they are decoded.
type checker struct {
	operations map[string]operation // by method and gin's path
}

type operation struct {
	route   *routers.Route
	query   []string // names of its query parameters
	limit   int64    // of the body; 0: none
	checked bool     // whether the document says what the body looks like
	once    bool     // whether it takes an Idempotency-Key
	follows bool     // whether it follows long work, and so may take long
}

func newChecker() (*checker, error) {
	doc, err := openapi3.NewLoader().LoadFromData(openapi.Document())
	if err != nil {
		return nil, fmt.Errorf("openapi/slipway.yaml: %w", err)
	}
	c := &checker{operations: map[string]operation{}}
	for path, item := range doc.Paths.Map() {
		ginPath := strings.NewReplacer("{", ":", "}", "").Replace(path)
		for method, o := range item.Operations() {
			op := operation{route: &routers.Route{Spec: doc, Path: path, PathItem: item, Method: method, Operation: o}, limit: maxBytes}
			for _, p := range slices.Concat(item.Parameters, o.Parameters) {
				switch {
				case p.Value.In == openapi3.ParameterInQuery:
					op.query = append(op.query, p.Value.Name)
					op.follows = op.follows || p.Value.Name == "wait"
				case p.Value.Name == keyHeader:
					op.once = true
				}
			}
			if n, ok := o.Extensions["x-max-bytes"].(float64); ok {
				op.limit = int64(n)
			}
			if o.RequestBody != nil {
				content := o.RequestBody.Value.Content
				_, byService := o.Extensions["x-checked-by-service"]
				op.checked = content["application/json"] != nil && !byService
				if content["application/octet-stream"] != nil {
					op.limit = 0
				}
			}
			if ok := o.Responses.Status(http.StatusOK); ok != nil && ok.Value.Content["text/event-stream"] != nil {
				op.follows = true
			}
			c.operations[method+" "+ginPath] = op
		}
	}
	return c, nil
}

func (c *checker) request(g *gin.Context, op operation) error {
	if op.limit > 0 {
		if g.Request.ContentLength > op.limit {
			return &http.MaxBytesError{Limit: op.limit}
		}
		g.Request.Body = http.MaxBytesReader(g.Writer, g.Request.Body, op.limit)
	}
	query := g.Request.URL.Query()
	for name := range query {
		if !slices.Contains(op.query, name) {
			return invalid(models.Detail{Field: name, Message: "no such query parameter here; known: " + known(op.query)})
		}
	}
	params := make(map[string]string, len(g.Params))
	for _, p := range g.Params {
		params[p.Key] = p.Value
	}
	err := openapi3filter.ValidateRequest(g.Request.Context(), &openapi3filter.RequestValidationInput{
		Request: g.Request, PathParams: params, QueryParams: query, Route: op.route,
		Options: &openapi3filter.Options{
			MultiError: true, ExcludeRequestBody: !op.checked, SkipSettingDefaults: false,
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
		},
	})
	var big *http.MaxBytesError
	var said *models.Error
	switch {
	case err == nil && op.checked && g.Request.Body != nil:
		return refuseNUL(g.Request)
	case err == nil:
		return nil
	case errors.As(err, &big):
		return big
	case errors.As(err, &said): // by what reads the body
		return said
	}
	return invalid(faults(err)...)
}

// faults names each field that the document's check found at fault.
func faults(err error) []models.Detail {
	var all openapi3.MultiError
	if m, ok := err.(openapi3.MultiError); ok { //nolint:errorlint // its Unwrap is of one error only
		all = m
	} else {
		all = openapi3.MultiError{err}
	}
	var found []models.Detail
	for _, e := range all {
		var r *openapi3filter.RequestError
		if !errors.As(e, &r) {
			found = append(found, fault("", e))
			continue
		}
		field := "body"
		if r.Parameter != nil {
			field = r.Parameter.Name
		}
		if r.Err == nil {
			found = append(found, models.Detail{Field: field, Message: r.Reason})
			continue
		}
		inner, ok := r.Err.(openapi3.MultiError) //nolint:errorlint // as above
		if !ok {
			inner = openapi3.MultiError{r.Err}
		}
		for _, e := range inner {
			found = append(found, fault(field, e))
		}
	}
	return found
}

func fault(field string, err error) models.Detail {
	var s *openapi3.SchemaError
	if !errors.As(err, &s) {
		return models.Detail{Field: field, Message: firstLine(err.Error())}
	}
	if at := strings.Join(s.JSONPointer(), "."); at != "" {
		field = at
	}
	message := s.Reason
	var name string
	if _, err := fmt.Sscanf(s.Reason, "property %q is unsupported", &name); err == nil {
		field, message = name, "no such field here; known: "+known(slices.Sorted(maps.Keys(s.Schema.Properties)))
	}
	if s.SchemaField == "pattern" {
		message = strings.TrimSpace(fmt.Sprintf("%q does not match %s. %s", s.Value, s.Schema.Pattern, strings.TrimSpace(s.Schema.Description)))
	}
	return models.Detail{Field: field, Message: message}
}

const unknownField = "json: unknown field "

// undecoded names what the JSON decoder found at fault, in JSON's words.
func undecoded(err error) models.Detail {
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong) && wrong.Field != "":
		return models.Detail{Field: wrong.Field, Message: "a value of another type is expected here, not: " + wrong.Value}
	case wrong != nil:
		return models.Detail{Field: "body", Message: "value must be an object"}
	case strings.HasPrefix(err.Error(), unknownField):
		return models.Detail{Field: strings.Trim(strings.TrimPrefix(err.Error(), unknownField), `"`), Message: "no such field here"}
	case errors.Is(err, io.EOF):
		return models.Detail{Field: "body", Message: "value is required but missing"}
	}
	return models.Detail{Field: "body", Message: firstLine(err.Error())}
}

// invalid makes the error of a request whose fields are at fault.
func invalid(details ...models.Detail) error {
	e := models.Errorf(models.KindInvalid, "%s: %s", details[0].Field, details[0].Message)
	if len(details) > 1 {
		e.Message += fmt.Sprintf(" (and %d more; see details)", len(details)-1)
	}
	e.Details = details
	return e
}

func tooLarge(err error) bool {
	var big *http.MaxBytesError
	return errors.As(err, &big)
}

func known(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
