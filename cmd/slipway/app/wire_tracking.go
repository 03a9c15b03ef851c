package app

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-ml/slipway/api/mlflow"
	"github.com/slipway-ml/slipway/api/ui"
	"github.com/slipway-ml/slipway/services/evaluation"
	"github.com/slipway-ml/slipway/services/trace"
	"github.com/slipway-ml/slipway/services/tracking"
)

// wireTracking builds what MLflow's clients log to.
func (a *App) wireTracking(p *parts) {
	service := &tracking.Service{
		DB: a.data, ArtifactRoot: a.cfg.DefaultArtifactRoot, Strict: a.cfg.RefuseLongValues, Now: time.Now, NewID: newID,
	}
	p.handlers.Tracking = mlflow.Tracking{Service: service}
	p.handlers.Traces.Service = &trace.Service{DB: a.data, Now: time.Now, NewID: newID}
	p.handlers.Evaluation = mlflow.Evaluation{Service: &evaluation.Service{DB: a.data, Now: time.Now, NewID: newID}}
	p.work = append(p.work, service.Init) // whose root of artifacts is the tracking server's
}

// newID makes 32 hex digits that grow with time, so that new rows stand
// together in an index.
func newID() string {
	id := uuid.Must(uuid.NewV7())
	return hex.EncodeToString(id[:])
}

// wirePages opens the folder of MLflow's web interface, where one is named.
func (a *App) wirePages(p *parts) (err error) {
	p.handlers.Pages, err = ui.Open(a.cfg.MLflowUI)
	if err != nil {
		return err
	}
	p.stop = append(p.stop, func(context.Context) error { return p.handlers.Pages.Close() })
	return nil
}
