package app

import (
	"context"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	v1 "github.com/slipway-ml/slipway/api/v1"
	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/dataset"
	"github.com/slipway-ml/slipway/services/dataset/cache"
	"github.com/slipway-ml/slipway/services/pipeline"
	"github.com/slipway-ml/slipway/services/report"
	"github.com/slipway-ml/slipway/services/validation"
	"github.com/slipway-ml/slipway/services/validation/checks"
)

// wireValidation builds what judges versions: pipelines, data sets and
// validations.
func (a *App) wireValidation(p *parts) error {
	grammar, err := pipeline.NewGrammar(checks.Declared())
	if err != nil {
		return err
	}
	work, err := filepath.Abs(filepath.Join(a.cfg.DataDir, "work"))
	if err != nil {
		return err
	}
	datasets := &dataset.Service{DB: a.data, Blobs: p.blobs, Near: !strings.Contains(a.cfg.ArtifactsDestination, "://")}
	if a.cfg.DatasetCache > 0 {
		if datasets.Cache, err = cache.Open(filepath.Join(a.cfg.DataDir, "cache", "datasets"), int64(a.cfg.DatasetCache)<<30, time.Now); err != nil {
			return err
		}
	}
	validations := &validation.Service{
		DB: a.data, Blobs: p.blobs, Files: p.artifacts, Datasets: datasets, Runner: p.runner, Steps: a.stepRunners(p), Checks: checks.All(),
		Settings: validation.Settings{
			Work: work, Serve: a.binary("slipway-serve"), Runtime: a.binary("libonnxruntime.so"), Python: a.cfg.Python,
			URL: a.URL(), Parallel: runtime.GOMAXPROCS(0), Server: a.db.ServerID(),
			ServeMemory: a.cfg.Validation.Memory << 20, Answer: a.cfg.Validation.Answer,
			Version: Version, LogToRuns: a.cfg.LogToRuns,
		},
	}
	p.own.Pipelines = v1.Pipelines{Service: &pipeline.Service{DB: a.data, Grammar: grammar}}
	p.own.Datasets = v1.Datasets{Service: datasets}
	p.own.Validations = v1.Validations{Service: validations, Reports: report.Service{Source: validations, Version: Version}}
	p.workers = append(p.workers, validation.Registered{Service: validations}, validation.Validate{Service: validations})
	p.work = append(p.work, a.cleanRuns(p))
	return nil
}

// stepRunners are those that run: steps may use.
func (a *App) stepRunners(p *parts) map[string]deploy.Runner {
	allowed := map[string]deploy.Runner{}
	for _, on := range a.cfg.AllowSteps {
		if on == models.StepsProcess {
			allowed[on] = p.runner
		}
	}
	return allowed
}

// cleanTime bounds the wait for runs of an earlier life, which end by
// themselves when their server has gone.
const cleanTime = 10 * time.Second

// cleanRuns waits at the start until nothing of an earlier life writes into
// the folders of steps that are begun anew.
func (a *App) cleanRuns(p *parts) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, cleanTime)
		defer cancel()
		if err := p.runner.Clean(ctx, a.db.ServerID()); err != nil {
			a.log.WarnContext(ctx, "earlier runs are still ending", "error", err)
		}
		return nil
	}
}
