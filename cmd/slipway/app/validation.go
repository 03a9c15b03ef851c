package app

import (
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	v1 "github.com/slipway-ml/slipway/api/v1"
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
	grammar.Steps = slices.Sorted(maps.Keys(p.steps))
	if grammar.Steps == nil {
		grammar.Steps = []string{} // none
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
	sources, err := a.sources(p)
	if err != nil {
		return err
	}
	validations := &validation.Service{
		DB: a.data, Blobs: p.blobs, Files: p.artifacts, Datasets: datasets, Runner: p.runner, Steps: p.steps, Checks: checks.All(), Doors: p.doors,
		Sources: sources, Scope: scope{p.secrets},
		Settings: validation.Settings{
			Work: work, Serve: a.binary("slipway-serve"), Runtime: a.binary("libonnxruntime.so"), Python: a.cfg.Python, StepImage: a.cfg.StepImage,
			Parallel: runtime.GOMAXPROCS(0), StepsParallel: a.cfg.StepsParallel, Server: a.db.ServerID(),
			ServeMemory: a.cfg.Validation.Memory << 20, Answer: a.cfg.Validation.Answer,
			Version: Version, LogToRuns: a.cfg.LogToRuns,
		},
	}
	p.own.Pipelines = v1.Pipelines{Service: &pipeline.Service{DB: a.data, Grammar: grammar, Scope: p.secrets}}
	p.own.Datasets = v1.Datasets{Service: datasets}
	p.own.Validations = v1.Validations{Service: validations, Reports: report.Service{Source: validations, Version: Version}}
	p.workers = append(p.workers, validation.Registered{Service: validations}, validation.Validate{Service: validations})
	return nil
}
