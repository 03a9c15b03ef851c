package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/slipway-ml/slipway/openapi/client"
)

// Promote is the command slipway promote.
type Promote struct {
	Remote
	Model   string `arg:"" help:"The registered model."`
	Version string `arg:"" optional:"" help:"The version to release; or name it by --alias."`
	Alias   string `help:"Release the version that this alias names."`
	Env     string `required:"" help:"The environment to release it in."`
	Reason  string `help:"Why; it stands in the audit log."`
	Wait    bool   `help:"Wait until it is live. Fails, with the reason, where it is refused or taken back."`
}

// Help tells more.
func (*Promote) Help() string {
	return `Asks the gates of the environment, then shifts its traffic to the version in the
steps of the pipeline, while the analysis compares it with the stable release.

  slipway promote shapes-detector 3 --env production --wait

exits with 0 when version 3 takes all the traffic, and with 1 and the reason in
one line when a gate refused it or the analysis took it back.`
}

// Run promotes.
func (p *Promote) Run(ctx context.Context, s *Streams) error {
	if (p.Version == "") == (p.Alias == "") {
		return errors.New("name one of VERSION and --alias")
	}
	api, err := p.api()
	if err != nil {
		return err
	}
	promotion, err := answer[client.Promotion](api.CreatePromotion(ctx, p.Model, p.Env,
		&client.CreatePromotionParams{IdempotencyKey: once()},
		client.PromotionCreate{Version: p.Version, Alias: p.Alias, Reason: p.Reason}))
	if err != nil {
		return err
	}
	if !p.Wait {
		s.printf("promotion %d of %s %s to %s: %s; follow it by: slipway watch %s --env %s",
			promotion.Id, p.Model, promotion.Version, p.Env, promotion.State, p.Model, p.Env)
		return nil
	}
	return followPromotion(ctx, s, api, promotion)
}

// followPromotion tells what a promotion does until it ends; nil when it is live.
func followPromotion(ctx context.Context, s *Streams, api *client.Client, p client.Promotion) error {
	s.notef("promotion %d: %s %s to %s", p.Id, p.Model, p.Version, p.Environment)
	said := ""
	err := follow(ctx, func() (*http.Response, error) { return api.GetPromotionEvents(ctx, p.Id) }, func(_ string, data []byte) error {
		p = client.Promotion{}
		if err := json.Unmarshal(data, &p); err != nil {
			return err
		}
		if line := stage(p); line != "" && line != said {
			said = line
			s.notef("  %s", line)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if p.State != client.PromotionStateSucceeded {
		return fmt.Errorf("%s %s is not live in %s (%s): %s", p.Model, p.Version, p.Environment, spaced(string(p.State)), or(p.Reason, "no reason was given"))
	}
	if p.Reason != "" {
		s.notef("  %s", oneLine(p.Reason))
	}
	s.printf("%s %s is live in %s as release %d", p.Model, p.Version, p.Environment, p.Release)
	return nil
}

// stage says in a line where a promotion is; "" where it has ended.
func stage(p client.Promotion) string {
	switch p.State {
	case client.PromotionStateShifting, client.PromotionStatePaused:
		line := fmt.Sprintf("step %d of %d", p.Step, len(p.Steps))
		if p.Step >= 1 && p.Step <= len(p.Steps) {
			step := p.Steps[p.Step-1]
			line += fmt.Sprintf(": %d %% of the traffic, held for %s", step.Weight, seconds(step.HoldSeconds))
			if p.State == client.PromotionStateShifting && unjudged(p, step) {
				line += "; waits for more requests, not enough yet for a verdict"
			}
		}
		if p.State == client.PromotionStatePaused {
			line = "paused at " + line + ": " + or(p.Reason, "by "+or(p.PausedBy, "the analysis"))
		}
		return line
	case client.PromotionStatePending, client.PromotionStateGated, client.PromotionStateBuilding, client.PromotionStateDeploying:
		return string(p.State)
	default:
		return ""
	}
}

// unjudged tells whether the analysis has no verdict on a step whose hold is over.
func unjudged(p client.Promotion, step client.RolloutStep) bool {
	over := step.StartedAt.Add(time.Duration(step.HoldSeconds * float64(time.Second)))
	return slices.ContainsFunc(p.Analysis, func(a client.Analysis) bool {
		return a.Verdict == client.AnalysisVerdictNotYet && a.Step == p.Step && a.At.After(over)
	})
}
