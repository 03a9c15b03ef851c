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
	deliveries, err := webhook.NewDeliveries(a.metrics)
	if err != nil {
		return err
	}
	service := &webhook.Service{
		DB: a.data, Vault: keys, Guard: dial.Guard{AllowPrivate: a.cfg.WebhookAllowPrivateIPs}, Schemes: a.cfg.WebhookAllowedSchemes,
		Retries: a.cfg.WebhookMaxRetries, Timeout: time.Duration(a.cfg.WebhookTimeoutSeconds) * time.Second, Now: time.Now, Log: a.log, Deliveries: deliveries,
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
