package app

import (
	"time"

	v1 "github.com/slipway-ml/slipway/api/v1"
	"github.com/slipway-ml/slipway/services/delivery"
	"github.com/slipway-ml/slipway/services/gateway"
)

// wireDelivery builds what brings releases to environments, and the traffic's
// front.
func (a *App) wireDelivery(p *parts) error {
	traffic, err := gateway.New(gateway.Config{Now: time.Now, Log: a.log, Metrics: a.metrics, Send: a.spans.Transport, TraceID: a.spans.Names()})
	if err != nil {
		return err
	}
	counts, err := delivery.NewMetrics(a.metrics)
	if err != nil {
		return err
	}
	service := delivery.New(delivery.Config{
		DB: a.data, Builder: p.images, Images: p.images, Files: p.artifacts, Traffic: traffic, Targets: p.targets,
		Bound: []string{"process"}, Log: a.log, Metrics: counts, Now: time.Now,
	})
	p.registry.Promoter = service
	p.handlers.Gateway = traffic
	p.own.Environments = v1.Environments{Delivery: service}
	p.own.Promotions = v1.Promotions{Delivery: service}
	p.own.Releases = v1.Releases{Delivery: service}
	p.workers = append(p.workers, service.Workers()...)
	p.work = append(p.work, service.Start)
	p.stop = append(p.stop, service.Stop)
	return nil
}
