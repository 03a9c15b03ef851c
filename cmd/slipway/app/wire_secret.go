package app

import (
	"context"
	"path/filepath"

	v1 "github.com/slipway-ml/slipway/api/v1"
	"github.com/slipway-ml/slipway/services/secret"
	"github.com/slipway-ml/slipway/services/vault"
)

// wireSecrets builds what keeps variables and secrets.
func (a *App) wireSecrets(ctx context.Context, p *parts) error {
	keys, err := vault.Open(ctx, a.data, vault.Source{
		Key: a.cfg.SecretKey, Old: a.cfg.SecretKeyOld, File: filepath.Join(a.cfg.DataDir, "secret.key"), Lost: a.cfg.SecretKeyLost,
	})
	if err != nil {
		return err
	}
	if keys.Pending() {
		a.log.WarnContext(ctx, "an old secret key is still given: slipway secret rotate-key ends its use")
	}
	p.secrets = &secret.Service{DB: a.data, Vault: keys}
	p.own.Variables, p.own.Secrets = v1.Variables{Service: p.secrets}, v1.Secrets{Service: p.secrets}
	return nil
}
