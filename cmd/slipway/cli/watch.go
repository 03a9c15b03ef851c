package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/slipway-ml/slipway/openapi/client"
)

// Watch is the command slipway watch.
type Watch struct {
	Remote
	Model   string `arg:"" help:"The registered model."`
	Version string `arg:"" optional:"" help:"Follow the newest validation of this version; with --env, its promotion there."`
	Env     string `help:"Follow the newest promotion in this environment."`
}

// Help tells more.
func (*Watch) Help() string {
	return `Exits as slipway validate --watch and slipway promote --wait do: with 0 when the
version passed, or is live. A promotion that is about to begin by itself, as where
the pipeline says promote: auto, is waited for.`
}

// Run follows.
func (w *Watch) Run(ctx context.Context, s *Streams) error {
	if w.Version == "" && w.Env == "" {
		return errors.New("name VERSION, for its validation, or --env, for the promotion there")
	}
	api, err := w.api()
	if err != nil {
		return err
	}
	if w.Env != "" {
		promotion, err := w.promotion(ctx, api)
		if err != nil {
			return err
		}
		return followPromotion(ctx, s, api, promotion)
	}
	validation, err := latestValidation(ctx, api, w.Model, w.Version)
	if err != nil {
		return err
	}
	return followValidation(ctx, s, api, validation)
}

// promotion finds the newest one in the environment, of the version where one
// is named.
func (w *Watch) promotion(ctx context.Context, api *client.Client) (client.Promotion, error) {
	for range 50 {
		list, err := answer[client.PromotionList](api.ListPromotions(ctx, w.Model, w.Env, &client.ListPromotionsParams{}))
		if err != nil {
			return client.Promotion{}, err
		}
		for _, p := range list.Items {
			if w.Version == "" || p.Version == w.Version {
				return p, nil
			}
		}
		select {
		case <-ctx.Done():
			return client.Promotion{}, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
	return client.Promotion{}, fmt.Errorf("no promotion of %s to %s has begun", w.Model+" "+or(w.Version, "(any version)"), w.Env)
}
