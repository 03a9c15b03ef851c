package app

import (
	v1 "github.com/slipway-ml/slipway/api/v1"
	"github.com/slipway-ml/slipway/services/dataset"
	"github.com/slipway-ml/slipway/services/pipeline"
)

// wireValidation builds what judges versions: pipelines, data sets and
// validations.
func (a *App) wireValidation(p *parts) error {
	grammar, err := pipeline.NewGrammar()
	if err != nil {
		return err
	}
	datasets := &dataset.Service{DB: a.db, Blobs: p.blobs}
	p.own.Pipelines = v1.Pipelines{Service: &pipeline.Service{DB: a.db, Grammar: grammar}}
	p.own.Datasets = v1.Datasets{Service: datasets}
	return nil
}
