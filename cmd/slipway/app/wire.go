package app

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/api"
	v1 "github.com/slipway-ml/slipway/api/v1"
	"github.com/slipway-ml/slipway/deploy"
	targets "github.com/slipway-ml/slipway/deploy/all"
	"github.com/slipway-ml/slipway/openapi/server"
	"github.com/slipway-ml/slipway/services/access"
	"github.com/slipway-ml/slipway/services/artifact"
	"github.com/slipway-ml/slipway/services/audit"
	"github.com/slipway-ml/slipway/services/idempotency"
	"github.com/slipway-ml/slipway/services/image"
	"github.com/slipway-ml/slipway/services/job"
	"github.com/slipway-ml/slipway/services/monitor"
	"github.com/slipway-ml/slipway/services/registry"
	"github.com/slipway-ml/slipway/services/secret"
	"github.com/slipway-ml/slipway/storage/blob"
)

// Version is what the programs call themselves.
const Version = "0.1.0"

// parts is what wire builds: the back-ends, the handlers of the edge, the
// workers of jobs, what starts with the server and what stops with it.
type parts struct {
	blobs   blob.Store
	runner  deploy.Runner            // of inference
	steps   map[string]deploy.Runner // of run: steps
	targets targets.Targets

	artifacts *artifact.Service
	registry  *registry.Service
	images    *image.Service
	secrets   *secret.Service
	doors     *api.Doors

	handlers api.Handlers
	own      *v1.Server // Slipway's own operations, a field a noun
	workers  []job.Worker
	start    []func(context.Context) error // returns at once; the context ends with the server
	work     []func(context.Context) error // as start, of a server that does more than keep files
	stop     []func(context.Context) error
}

// wire builds the services on the back-ends, each knowing the others only by
// the small interfaces it declares. Each capability has a function here.
func (a *App) wire(ctx context.Context) (*parts, error) {
	p := &parts{doors: &api.Doors{Tokens: access.NewSteps(a.data), Log: a.log}}
	if err := a.wireStore(ctx, p); err != nil {
		return nil, err
	}
	if err := a.wireRunners(p); err != nil {
		return nil, err
	}
	var err error
	if p.targets, err = targets.New(targets.Options{
		Dir: filepath.Join(a.cfg.DataDir, "instances"), DockerHost: a.cfg.DockerHost, Now: time.Now,
	}); err != nil {
		return nil, err
	}
	p.own = &v1.Server{
		About: v1.About{
			Version: Version, MLflowVersion: api.MLflowVersion, StartedAt: time.Now(),
			Targets: slices.Sorted(maps.Keys(p.targets)), Runtime: a.runtime(),
		},
		Audit: v1.Audit{Records: audit.Service{DB: a.data}},
	}
	p.handlers = api.Handlers{Database: a.db, Registry: a.metrics, V1: p.own, Common: v1.Common{Keys: idempotency.Service{DB: a.data}, Up: a.up}}
	a.wireTracking(p)
	if err := a.wirePages(p); err != nil {
		return nil, err
	}
	if err := a.wireSecrets(ctx, p); err != nil {
		return nil, err
	}
	a.wireRegistry(p)
	if err := a.wireWebhooks(p); err != nil {
		return nil, err
	}
	a.wireImages(p)
	if err := a.wireGC(p); err != nil {
		return nil, err
	}
	if err := a.wireValidation(p); err != nil {
		return nil, err
	}
	if err := a.wireDelivery(p); err != nil {
		return nil, err
	}
	disks := monitor.Disks{"data": a.cfg.DataDir}
	if !strings.Contains(a.cfg.ArtifactsDestination, "://") {
		disks["artifacts"] = a.cfg.ArtifactsDestination
	}
	if err := a.metrics.Register(disks); err != nil {
		return nil, err
	}
	return p, a.metrics.Register(monitor.Collector{DB: a.data, Log: a.log})
}

// binary is where a program or library of the serving runtime is.
func (a *App) binary(name string) string { return filepath.Join(a.cfg.RuntimeDir, name) }

// runtime tells whether models can be run here.
func (a *App) runtime() server.Runtime {
	r := server.Runtime{Serve: a.binary("slipway-serve"), Onnxruntime: a.binary("libonnxruntime.so")}
	for _, path := range []string{r.Serve, r.Onnxruntime} {
		if _, err := os.Stat(path); err != nil {
			r.Reason = "no " + path + ": set --runtime-dir to the folder that has it"
			return r
		}
	}
	r.Available = true
	return r
}
