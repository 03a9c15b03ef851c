package app

import (
	"github.com/slipway-ml/slipway/api/mlflow"
	v1 "github.com/slipway-ml/slipway/api/v1"
	"github.com/slipway-ml/slipway/services/artifact"
	"github.com/slipway-ml/slipway/services/registry"
)

// wireRegistry builds the artifacts' and the registry's services.
func (a *App) wireRegistry(p *parts) {
	p.artifacts = artifact.New(a.data, p.blobs)
	p.artifacts.Roots = a.roots()
	p.registry = &registry.Service{DB: a.data, Blobs: p.blobs, Roots: a.roots()}
	p.workers = append(p.workers, registry.Hash{Service: p.registry}, artifact.Verifier{Service: p.artifacts, Log: a.log})
	p.own.Verifications = v1.Verifications{Service: p.artifacts}
	p.handlers.Models = mlflow.Registry{Service: p.registry}
	p.handlers.Artifacts = mlflow.Artifacts{
		Service: p.artifacts, Registry: p.registry,
		Served: a.cfg.ServeArtifacts, Presigned: a.cfg.Presigned, Redirects: a.cfg.RedirectDownloads,
	}
	p.handlers.Traces.Files = p.handlers.Artifacts
}
