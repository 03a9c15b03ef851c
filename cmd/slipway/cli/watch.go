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
version passed, or is live. What is about to begin by itself is waited for: the
validation after a registration, the promotion where the pipeline says
promote: auto.`
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
		promotion, err := soon(ctx, func() (client.Promotion, error) { return w.promotion(ctx, api) })
		if err != nil {
			return err
		}
		return followPromotion(ctx, s, api, promotion)
	}
	validation, err := soon(ctx, func() (client.Validation, error) { return latestValidation(ctx, api, w.Model, w.Version) })
	if err != nil {
		return err
	}
	return followValidation(ctx, s, api, validation)
}

// promotion finds the newest one in the environment, of the version where one
// is named.
func (w *Watch) promotion(ctx context.Context, api *client.Client) (client.Promotion, error) {
	list, err := answer[client.PromotionList](api.ListPromotions(ctx, w.Model, w.Env, &client.ListPromotionsParams{}))
	if err != nil {
		return client.Promotion{}, err
	}
	for _, p := range list.Items {
		if w.Version == "" || p.Version == w.Version {
			return p, nil
		}
	}
	return client.Promotion{}, fmt.Errorf("no promotion of %s to %s has begun: %w", w.Model+" "+or(w.Version, "(any version)"), w.Env, errNone)
}

// soon asks for what the server may be about to begin by itself, for ten
// seconds at most.
func soon[T any](ctx context.Context, find func() (T, error)) (T, error) {
	for range 50 {
		if found, err := find(); !errors.Is(err, errNone) {
			return found, err
		}
		select {
		case <-ctx.Done():
			var none T
			return none, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
	return find()
}
