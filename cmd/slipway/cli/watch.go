package cli

import (
	"context"
	"errors"
)

// Watch is the command slipway watch.
type Watch struct {
	Remote
	Model   string `arg:"" help:"The registered model."`
	Version string `arg:"" optional:"" help:"Follow the newest validation of this version."`
	Env     string `help:"Follow the promotion in this environment."`
}

// Help tells more.
func (*Watch) Help() string {
	return `Exits as slipway validate --watch and slipway promote --wait do: with 0 when the
version passed, or is live.`
}

// Run follows.
func (w *Watch) Run(ctx context.Context, s *Streams) error {
	if (w.Version == "") == (w.Env == "") {
		return errors.New("name one of VERSION, for its validation, and --env, for the promotion there")
	}
	api, err := w.api()
	if err != nil {
		return err
	}
	if w.Env != "" {
		promotion, err := lastPromotion(ctx, api, w.Model, w.Env)
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
