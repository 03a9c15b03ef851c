package v1

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/slipway-ml/slipway/openapi"
	"github.com/slipway-ml/slipway/openapi/docs"
	"github.com/slipway-ml/slipway/openapi/server"
)

// About answers what this server is.
type About struct {
	Version       string
	Commit        string
	MLflowVersion string
	StartedAt     time.Time
	Targets       []string
	Runtime       server.Runtime
}

// GetServer tells what this server is and can do.
func (a About) GetServer(context.Context, server.GetServerRequestObject) (server.GetServerResponseObject, error) {
	return server.GetServer200JSONResponse{
		Version: a.Version, Commit: a.Commit, Api: "v1", MlflowVersion: a.MLflowVersion,
		StartedAt: a.StartedAt.UTC(), Targets: list(a.Targets), Runtime: a.Runtime,
	}, nil
}

// GetOpenAPI gives the document.
func (a About) GetOpenAPI(context.Context, server.GetOpenAPIRequestObject) (server.GetOpenAPIResponseObject, error) {
	doc := openapi.Document()
	return server.GetOpenAPI200ApplicationyamlResponse{Body: bytes.NewReader(doc), ContentLength: int64(len(doc))}, nil
}

// GetDocs gives the document as a page, which may load nothing.
func (About) GetDocs(context.Context, server.GetDocsRequestObject) (server.GetDocsResponseObject, error) {
	page, err := docs.Page()
	return docsPage(page), err
}

type docsPage []byte

// VisitGetDocsResponse implements server.GetDocsResponseObject.
func (p docsPage) VisitGetDocsResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	_, err := w.Write(p)
	return err
}
