package v1

import (
	"bytes"
	"context"
	"time"

	"github.com/slipway-ml/slipway/openapi"
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
