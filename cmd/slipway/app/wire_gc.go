package app

import (
	v1 "github.com/slipway-ml/slipway/api/v1"
	"github.com/slipway-ml/slipway/services/gc"
)

// wireGC builds what removes what nobody needs any more.
func (a *App) wireGC(p *parts) error {
	metrics, err := gc.NewMetrics(a.metrics)
	if err != nil {
		return err
	}
	service := &gc.Service{
		DB: a.data, Blobs: p.blobs, Builds: p.images, Roots: a.roots(), Log: a.log, Metrics: metrics,
	}
	p.own.Garbage = v1.Garbage{Service: service}
	p.workers = append(p.workers, gc.Worker{Service: service})
	return nil
}
