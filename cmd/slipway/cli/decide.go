package cli

import (
	"context"
	"fmt"
	"net/http"

	"github.com/slipway-ml/slipway/openapi/client"
)

// Rollout names the promotion that a person decides on: the one under way in an
// environment, or the last one there.
type Rollout struct {
	Remote
	Model  string `arg:"" help:"The registered model."`
	Env    string `required:"" help:"The environment."`
	Reason string `help:"Why; it stands in the audit log."`
}

// Pause is the command slipway pause.
type Pause struct{ Rollout }

// Resume is the command slipway resume.
type Resume struct{ Rollout }

// Skip is the command slipway skip.
type Skip struct{ Rollout }

// Cancel is the command slipway cancel.
type Cancel struct{ Rollout }

// Retry is the command slipway retry.
type Retry struct{ Rollout }

// Run pauses.
func (d *Pause) Run(ctx context.Context, s *Streams) error {
	return d.decide(ctx, s, func(api *client.Client, id int64, why client.Decision) (*http.Response, error) {
		return api.PausePromotion(ctx, id, &client.PausePromotionParams{IdempotencyKey: once()}, why)
	})
}

// Run resumes.
func (d *Resume) Run(ctx context.Context, s *Streams) error {
	return d.decide(ctx, s, func(api *client.Client, id int64, why client.Decision) (*http.Response, error) {
		return api.ResumePromotion(ctx, id, &client.ResumePromotionParams{IdempotencyKey: once()}, why)
	})
}

// Run skips.
func (d *Skip) Run(ctx context.Context, s *Streams) error {
	return d.decide(ctx, s, func(api *client.Client, id int64, why client.Decision) (*http.Response, error) {
		return api.SkipPromotionStep(ctx, id, &client.SkipPromotionStepParams{IdempotencyKey: once()}, why)
	})
}

// Run cancels.
func (d *Cancel) Run(ctx context.Context, s *Streams) error {
	return d.decide(ctx, s, func(api *client.Client, id int64, why client.Decision) (*http.Response, error) {
		return api.CancelPromotion(ctx, id, &client.CancelPromotionParams{IdempotencyKey: once()}, why)
	})
}

// Run retries.
func (d *Retry) Run(ctx context.Context, s *Streams) error {
	return d.decide(ctx, s, func(api *client.Client, id int64, why client.Decision) (*http.Response, error) {
		return api.RetryPromotion(ctx, id, &client.RetryPromotionParams{IdempotencyKey: once()}, why)
	})
}

func (r *Rollout) decide(ctx context.Context, s *Streams, do func(*client.Client, int64, client.Decision) (*http.Response, error)) error {
	api, err := r.api()
	if err != nil {
		return err
	}
	last, err := lastPromotion(ctx, api, r.Model, r.Env)
	if err != nil {
		return err
	}
	p, err := answer[client.Promotion](do(api, last.Id, client.Decision{Reason: r.Reason}))
	if err != nil {
		return err
	}
	s.printf("promotion %d of %s %s to %s: %s", p.Id, p.Model, p.Version, p.Environment, spaced(string(p.State)))
	return nil
}

func lastPromotion(ctx context.Context, api *client.Client, model, environment string) (client.Promotion, error) {
	list, err := answer[client.PromotionList](api.ListPromotions(ctx, model, environment, &client.ListPromotionsParams{MaxResults: set(1)}))
	if err != nil {
		return client.Promotion{}, err
	}
	if len(list.Items) == 0 {
		return client.Promotion{}, fmt.Errorf("nothing was promoted to %s of %s yet", environment, model)
	}
	return list.Items[0], nil
}

// Lift is the command slipway lift.
type Lift struct {
	Remote
	Model   string `arg:"" help:"The registered model."`
	Version string `arg:"" help:"The version that was taken back."`
	Env     string `required:"" help:"The environment."`
	Reason  string `required:"" help:"Why it may be promoted again; it stands in the audit log."`
}

// Run lifts a quarantine.
func (l *Lift) Run(ctx context.Context, s *Streams) error {
	api, err := l.api()
	if err != nil {
		return err
	}
	_, err = read(api.LiftQuarantine(ctx, l.Model, l.Env, l.Version,
		&client.LiftQuarantineParams{IdempotencyKey: once()}, client.ReasonedDecision{Reason: l.Reason}))
	if err != nil {
		return err
	}
	s.printf("%s %s may be promoted to %s again", l.Model, l.Version, l.Env)
	return nil
}
