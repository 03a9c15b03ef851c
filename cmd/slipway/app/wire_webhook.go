package app

import (
	"path/filepath"
	"time"

	"github.com/slipway-ml/slipway/api/mlflow"
	"github.com/slipway-ml/slipway/services/dial"
	"github.com/slipway-ml/slipway/services/vault"
	"github.com/slipway-ml/slipway/services/webhook"
)

// wireWebhooks builds what tells others of the registry's events.
func (a *App) wireWebhooks(p *parts) error {
	keys, err := a.vault()
	if err != nil {
		return err
	}
	metrics, err := webhook.NewMetrics(a.metrics)
	if err != nil {
		return err
	}
	guard, timeout := dial.Guard{AllowPrivate: a.cfg.WebhookAllowPrivateIPs}, time.Duration(a.cfg.WebhookTimeoutSeconds)*time.Second
	service := &webhook.Service{
		DB: a.data, Vault: keys, Guard: guard, Client: guard.Client(timeout), Schemes: a.cfg.WebhookAllowedSchemes,
		Retries: a.cfg.WebhookMaxRetries, Timeout: timeout, Now: time.Now, Log: a.log, Metrics: metrics,
	}
	p.registry.Events = service
	p.workers = append(p.workers, webhook.Worker{Service: service})
	p.handlers.Webhooks = mlflow.Webhooks{Service: service}
	return nil
}

// vault seals secrets by the operator's key, or one of the data folder's own.
func (a *App) vault() (*vault.Vault, error) {
	if a.cfg.SecretKey != "" {
		return vault.New(a.cfg.SecretKey)
	}
	return vault.Open(filepath.Join(a.cfg.DataDir, "secret.key"))
}
