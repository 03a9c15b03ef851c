package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/slipway-ml/slipway/openapi/client"
)

// Logs is the command slipway logs.
type Logs struct {
	Remote
	Model   string `arg:"" help:"The registered model."`
	Version string `arg:"" optional:"" help:"Print the log of this version's newest validation."`
	Step    int64  `help:"Only this step of it, counted from 1."`
	Env     string `help:"Print what the instances of this environment wrote."`
	Release int64  `help:"Of this release (default: the stable one)."`
}

// Run prints.
func (l *Logs) Run(ctx context.Context, s *Streams) error {
	if (l.Version == "") == (l.Env == "") {
		return errors.New("name one of VERSION, for its validation, and --env, for the instances there")
	}
	api, err := l.api()
	if err != nil {
		return err
	}
	resp, err := l.open(ctx, api)
	if err != nil {
		return unreachable(err)
	}
	if resp.StatusCode != http.StatusOK {
		_, err = read(resp, nil)
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(s.Out, resp.Body)
	return err
}

func (l *Logs) open(ctx context.Context, api *client.Client) (*http.Response, error) {
	if l.Env == "" {
		validation, err := latestValidation(ctx, api, l.Model, l.Version)
		if err != nil {
			return nil, err
		}
		return api.GetValidationLog(ctx, validation.Id, &client.GetValidationLogParams{Step: set(l.Step)})
	}
	if l.Release == 0 {
		environment, err := answer[client.Environment](api.GetEnvironment(ctx, l.Model, l.Env))
		if err != nil {
			return nil, err
		}
		if l.Release = environment.Release; l.Release == 0 {
			return nil, fmt.Errorf("nothing is live in %s of %s yet", l.Env, l.Model)
		}
	}
	return api.GetReleaseLog(ctx, l.Model, l.Env, l.Release)
}
