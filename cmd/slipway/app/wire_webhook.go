package app

import (
	"time"

	"github.com/slipway-ml/slipway/api/mlflow"
	"github.com/slipway-ml/slipway/services/dial"
	"github.com/slipway-ml/slipway/services/webhook"
)

// wireWebhooks builds what tells others of the registry's events.
func (a *App) wireWebhooks(p *parts) error {
	metrics, err := webhook.NewMetrics(a.metrics)
	if err != nil {
		return err
	}
	guard, timeout := dial.Guard{AllowPrivate: a.cfg.WebhookAllowPrivateIPs}, time.Duration(a.cfg.WebhookTimeoutSeconds)*time.Second
	service := &webhook.Service{
		DB: a.data, Vault: p.secrets.Vault, Guard: guard, Client: guard.Client(timeout), Schemes: a.cfg.WebhookAllowedSchemes,
		Retries: a.cfg.WebhookMaxRetries, Timeout: timeout, Now: time.Now, Log: a.log, Metrics: metrics,
	}
	p.registry.Events = service
	p.workers = append(p.workers, webhook.Worker{Service: service})
	p.handlers.Webhooks = mlflow.Webhooks{Service: service}
	return nil
}
