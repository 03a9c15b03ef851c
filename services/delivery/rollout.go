package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// carry takes a promotion from where it stands to its end. It is the work of
// job `promote` and may be begun anew at any point: each step reads the
// database first, and does nothing twice.
func (s *Service) carry(ctx context.Context, id int64) error {
	for {
		p, err := s.Promotion(ctx, id)
		if err != nil {
			return err
		}
		switch p.State {
		case gated:
			err = s.begin(ctx, p)
		case building:
			err = s.build(ctx, p)
		case deploying:
			err = s.deploy(ctx, p)
		case shifting, paused:
			err = s.attend(ctx, p)
		default:
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && !s.movedOn(ctx, p) {
			return err
		}
	}
}

// movedOn tells whether somebody else has moved the promotion meanwhile, so
// that what failed is of no interest.
func (s *Service) movedOn(ctx context.Context, was models.Promotion) bool {
	is, err := s.Promotion(ctx, was.ID)
	return err == nil && (is.State != was.State || is.Step != was.Step)
}

// begin starts the rollout. An older one of the environment is superseded; a
// newer one supersedes this.
func (s *Service) begin(ctx context.Context, p models.Promotion) error {
	var newer error
	var older []models.Promotion
	_, err := s.change(ctx, p.ID, build, "building the image", func(tx storage.Tx, p *models.Promotion) error {
		newer, older = nil, nil
		env, err := tx.Environments().Get(p.EnvironmentID)
		if err != nil {
			return err
		}
		p.StableID = env.Stable
		others, err := tx.Promotions().List(models.PromotionFilter{EnvironmentID: p.EnvironmentID, Unfinished: true, Limit: 1000})
		if err != nil {
			return err
		}
		for _, o := range others {
			switch {
			case o.ID == p.ID:
			case o.ID > p.ID || o.Cause == models.CauseRollback:
				newer = fmt.Errorf("promotion %d of version %d goes first", o.ID, o.Version)
				return newer
			default:
				if err := s.move(tx, &o, supersede, fmt.Sprintf("promotion %d of version %d is newer", p.ID, p.Version)); err != nil {
					return err
				}
				older = append(older, o)
			}
		}
		return nil
	})
	if newer != nil {
		_, err = s.change(ctx, p.ID, supersede, newer.Error(), nil)
		return err
	}
	if err == nil {
		s.Metrics.count(older...)
	}
	return err
}

// build has the image built and makes the release that pins it.
func (s *Service) build(ctx context.Context, p models.Promotion) error {
	img, err := s.image(ctx, p)
	if err != nil {
		return s.giveUp(ctx, p, s.BuildTime, "the image could not be built", err)
	}
	if err := s.room(ctx, p.Spec); err != nil {
		return s.giveUp(ctx, p, 0, "there is no room for the new release", err)
	}
	_, err = s.change(ctx, p.ID, built, "starting the instances", func(tx storage.Tx, p *models.Promotion) error {
		r, err := tx.Releases().Create(models.Release{
			EnvironmentID: p.EnvironmentID, VersionID: p.VersionID, ImageDigest: img.Digest, Target: p.Spec.Target,
			Serving: p.Spec.Serving, PromotionID: p.ID,
			ReleaseLife: models.ReleaseLife{State: models.ReleaseStarting, Generation: 1},
		})
		p.ReleaseID, p.Release = r.ID, r.Number
		return err
	})
	s.fleet.poke()
	return err
}

func (s *Service) image(ctx context.Context, p models.Promotion) (models.Image, error) {
	ctx, cancel := s.whileIn(ctx, p, s.BuildTime)
	defer cancel()
	return s.Builder.Build(ctx, p.VersionID)
}

// whileIn gives a context that ends when the promotion leaves its state, or
// after a time.
func (s *Service) whileIn(ctx context.Context, p models.Promotion, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	go func() {
		tick := time.NewTicker(s.Tick)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if s.movedOn(ctx, p) {
					cancel()
					return
				}
			}
		}
	}()
	return ctx, cancel
}

// giveUp ends a promotion that cannot come up. What trying again can help with
// is left to the job's next run, for the time limit allows.
func (s *Service) giveUp(ctx context.Context, p models.Promotion, limit time.Duration, what string, cause error) error {
	if ctx.Err() != nil || s.movedOn(ctx, p) {
		return ctx.Err()
	}
	kind := models.KindOf(cause)
	passing := kind == models.KindUnavailable || kind == models.KindInternal
	if passing && limit > 0 {
		now, err := s.DB.Now(ctx)
		if err != nil {
			return err
		}
		if now.Sub(p.StateAt) < limit {
			return cause
		}
	}
	_, err := s.change(ctx, p.ID, fail, what+": "+message(cause), nil)
	return err
}

// room asks the target whether the new release fits beside what runs.
func (s *Service) room(ctx context.Context, spec models.EnvironmentSpec) error {
	target, err := s.target(spec.Target)
	if err != nil {
		return err
	}
	left, err := target.Capacity(ctx)
	if err != nil {
		return err
	}
	n := max(spec.Serving.Replicas, 1)
	if need := spec.Serving.MemoryBytes * int64(n); left.MemoryBytes > 0 && need > left.MemoryBytes {
		return models.Errorf(models.KindConflict, "%d instances need %d MiB of memory, target %s has %d MiB left", n, need>>20, spec.Target, left.MemoryBytes>>20)
	}
	if need := spec.Serving.CPU * float64(n); left.CPU > 0 && need > left.CPU {
		return models.Errorf(models.KindConflict, "%d instances need %.1f cores, target %s has %.1f left", n, need, spec.Target, left.CPU)
	}
	return nil
}

// deploy waits for the instances, tries them, and gives the release its first
// traffic: all of it, where there is no stable release to compare with.
func (s *Service) deploy(ctx context.Context, p models.Promotion) error {
	r, err := s.release(ctx, p.ReleaseID)
	if err != nil {
		return err
	}
	c, err := s.awaitReady(ctx, p, r)
	if err != nil {
		return s.giveUp(ctx, p, 0, "the new release did not come up", err)
	}
	tried, err := s.smoke(ctx, p, r, c.instances)
	if err != nil {
		return s.giveUp(ctx, p, 0, "the smoke test failed", err)
	}
	if p.Cause == models.CauseRollback {
		_, err = s.change(ctx, p.ID, succeed, p.Reason, nil)
		return err
	}
	env, err := s.environment(ctx, p.EnvironmentID)
	if err != nil {
		return err
	}
	var refusal *refusedError
	if env.Stable == 0 {
		_, err = s.change(ctx, p.ID, succeed, "the first release here: live after its smoke test ("+tried+")", s.again)
	} else {
		_, err = s.advance(ctx, p, "smoke test passed ("+tried+")", nil)
	}
	if errors.As(err, &refusal) {
		_, err = s.change(ctx, p.ID, refuse, refusal.reason, func(_ storage.Tx, p *models.Promotion) error {
			p.Gates = refusal.results
			return nil
		})
	}
	return err
}

// awaitReady waits until every instance answers.
func (s *Service) awaitReady(ctx context.Context, p models.Promotion, r models.Release) (condition, error) {
	tick := time.NewTicker(s.Tick)
	defer tick.Stop()
	burst := p.Spec.Rollout.Burst.Deaths
	for {
		c := s.fleet.state(r)
		if c.ready == len(s.fleet.instanceIDs(r)) {
			return c, nil
		}
		if c.reason == "" {
			c.reason = "its instances started and did not answer their health check"
		}
		if burst > 0 && c.deaths >= burst {
			return c, models.Errorf(models.KindInvalid, "an instance died %d times: %s", c.deaths, c.reason)
		}
		now, err := s.DB.Now(ctx)
		if err != nil {
			return c, err
		}
		if now.Sub(p.StateAt) > s.ReadyTime {
			return c, models.Errorf(models.KindInvalid, "not ready within %s: %s", s.ReadyTime, c.reason)
		}
		select {
		case <-ctx.Done():
			return c, ctx.Err()
		case <-tick.C:
		}
		if s.movedOn(ctx, p) {
			return c, models.Errorf(models.KindConflict, "promotion %d has moved on", p.ID)
		}
	}
}

// refusedError is a gate's no at the moment when traffic was about to shift.
type refusedError struct {
	reason  string
	results []models.GateResult
}

func (e *refusedError) Error() string { return e.reason }

// again asks the gates once more, in the transaction that shifts traffic.
func (s *Service) again(tx storage.Tx, p *models.Promotion) error {
	env, err := tx.Environments().Get(p.EnvironmentID)
	if err != nil {
		return err
	}
	results, err := ask(tx, p.Spec, env.ModelID, p.VersionID)
	if err != nil {
		return err
	}
	if reason := no(results); reason != "" {
		return &refusedError{reason, results}
	}
	p.Gates = results
	return nil
}
