package cli

import (
	"context"
	"fmt"

	"github.com/slipway-ml/slipway/openapi/client"
)

// Rollback is the command slipway rollback.
type Rollback struct {
	Remote
	Model   string `arg:"" help:"The registered model."`
	Env     string `required:"" help:"The environment to roll back."`
	Release int64  `help:"The release to bring back (default: the one that was live before)."`
	Reason  string `help:"Why; it stands in the audit log."`
	Wait    bool   `default:"true" negatable:"" help:"Wait until it has the traffic."`
}

// Help tells more.
func (*Rollback) Help() string {
	return `Brings a release back as it was: the same image and configuration, not a rebuild.
While it is warm that takes less than a second. The version that is left is
quarantined in the environment; slipway lift allows it again.`
}

// Run rolls back.
func (r *Rollback) Run(ctx context.Context, s *Streams) error {
	api, err := r.api()
	if err != nil {
		return err
	}
	p, err := answer[client.Promotion](api.RollBack(ctx, r.Model, r.Env, &client.RollBackParams{IdempotencyKey: once()},
		client.RollbackCreate{Release: r.Release, Reason: r.Reason}))
	if err != nil {
		return err
	}
	switch {
	case p.State == client.PromotionStateSucceeded:
		s.printf("%s %s is back in %s as release %d", p.Model, p.Version, p.Environment, p.Release)
		return nil
	case !r.Wait:
		s.printf("promotion %d brings %s %s back in %s; follow it by: slipway watch %s --env %s", p.Id, p.Model, p.Version, p.Environment, p.Model, p.Environment)
		return nil
	}
	if err := followPromotion(ctx, s, api, p); err != nil {
		return fmt.Errorf("rollback: %w", err)
	}
	return nil
}
