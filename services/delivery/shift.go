package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/delivery/analysis"
	"github.com/slipway-ml/slipway/storage"
)

// advance gives the new release its next share, or all of it for good at the
// last step. The promotion must still be at the step that p shows.
func (s *Service) advance(ctx context.Context, p models.Promotion, reason string, looks []models.Analysis) (models.Promotion, error) {
	on, last := shift, len(p.Steps)
	if p.Step >= last || p.Step == last-1 && p.Steps[last-1].Weight == 100 && p.Steps[last-1].Hold == 0 {
		on = succeed
	}
	expected := s.expected(p, p.Step)
	return s.change(ctx, p.ID, on, reason, func(tx storage.Tx, now *models.Promotion) error {
		if now.Step != p.Step || now.State != p.State {
			return models.Errorf(models.KindConflict, "promotion %d has moved on", p.ID)
		}
		if now.Step == 0 {
			if err := s.again(tx, now); err != nil {
				return err
			}
			r, err := tx.Releases().Get(now.ReleaseID)
			if err != nil {
				return err
			}
			r.State = models.ReleaseCandidate
			if err := tx.Releases().SetLife(r.ID, r.ReleaseLife); err != nil {
				return err
			}
		}
		if looks != nil {
			now.Analysis = looks
		}
		return step(tx, now, expected)
	})
}

// step moves to the next step; at the end of the last there is none.
func step(tx storage.Tx, p *models.Promotion, expected time.Duration) error {
	at, err := tx.Now()
	if err != nil {
		return err
	}
	if p.Step > 0 {
		p.Steps[p.Step-1].EndedAt = &at
	}
	p.Tally = nil
	if p.Step < len(p.Steps) {
		p.Step++
		p.Weight = p.Steps[p.Step-1].Weight
		p.Steps[p.Step-1].StartedAt, p.Steps[p.Step-1].Expected = &at, expected
	}
	return nil
}

// expected forecasts how long a step, counted from 0, will need for a verdict,
// from the last minute's requests; 0 where that cannot be told.
func (s *Service) expected(p models.Promotion, step int) time.Duration {
	if step >= len(p.Steps) {
		return 0
	}
	recent := s.Traffic.Recent(p.Model, p.Environment)
	var longest time.Duration
	for _, a := range p.Spec.Rollout.Analysis {
		need, ok := analysis.Forecast(float64(recent.Requests)/60, p.Steps[step].Weight, recent.Rate(), a.Delta, alphaOf(p, a))
		if !ok {
			return 0
		}
		longest = max(longest, need)
	}
	return longest
}

// alphaOf shares the chance of a wrong verdict among the steps that are judged.
func alphaOf(p models.Promotion, a models.AnalysisSpec) float64 {
	judged := 0
	for _, step := range p.Steps {
		if step.Weight < 100 {
			judged++
		}
	}
	return a.Alpha / float64(max(judged, 1))
}

// attend watches one step of a rollout until the promotion leaves it.
func (s *Service) attend(ctx context.Context, p models.Promotion) error {
	r, err := s.release(ctx, p.ReleaseID)
	if err != nil {
		return err
	}
	c, err := compare(p)
	if err != nil {
		return err
	}
	defer s.Traffic.Watch(p.Model, p.Environment, c.observe)()
	tick := time.NewTicker(s.Tick)
	defer tick.Stop()
	for at := p.Step; ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if p, err = s.Promotion(ctx, p.ID); err != nil {
			return err
		}
		if p.Step != at || p.State.Final() {
			return nil
		}
		p.Deaths = max(p.Deaths, s.fleet.state(r).deaths)
		if err := s.judge(ctx, p, c.tally()); err != nil {
			return err
		}
	}
}

// judge looks at a step once and does what follows.
func (s *Service) judge(ctx context.Context, p models.Promotion, tally analysis.Tally) error {
	now, err := s.DB.Now(ctx)
	if err != nil {
		return err
	}
	looks := looksAt(p, tally, now)
	verdict, reason := verdictOf(p, looks)
	started := now
	if at := p.Steps[p.Step-1].StartedAt; at != nil {
		started = *at
	}
	over := now.Sub(started) - p.Steps[p.Step-1].Hold
	noData := p.Spec.Rollout.NoData
	switch {
	case verdict == models.AnalysisWorse:
		return s.takeBack(ctx, p, looks, tally, reason)
	case p.State == paused && p.PausedBy != "" || over < 0:
		return s.remember(ctx, p, looks, tally, now)
	case verdict == models.AnalysisNoWorse:
		_, err = s.advance(ctx, p, reason, looks)
		return err
	case noData == models.NoDataPromote && over >= p.Spec.Rollout.MaxWait:
		_, err = s.advance(ctx, p, fmt.Sprintf("no verdict within %s, and no_data says promote: %s", p.Spec.Rollout.MaxWait, reason), looks)
		return err
	case noData == models.NoDataRollback && over >= p.Spec.Rollout.MaxWait:
		return s.takeBack(ctx, p, looks, tally, fmt.Sprintf("no verdict within %s, and no_data says rollback: %s", p.Spec.Rollout.MaxWait, reason))
	case noData == models.NoDataHold && p.State == shifting:
		_, err = s.change(ctx, p.ID, hold, "waiting for more requests: "+reason, s.note(p, looks, tally))
		return err
	}
	return s.remember(ctx, p, looks, tally, now)
}

// looksAt judges every metric of a step. With all the traffic on the new
// release there is nothing to compare it with; the burst rule goes on.
func looksAt(p models.Promotion, tally analysis.Tally, now time.Time) []models.Analysis {
	looks := []models.Analysis{}
	if reason, ok := analysis.Burst(tally, p.Deaths, p.Spec.Rollout.Burst); ok {
		looks = append(looks, models.Analysis{
			Metric: models.MetricErrorRate, Rule: models.RuleBurst, Verdict: models.AnalysisWorse, Reason: reason,
			New: tally.New, Stable: tally.Stable, Step: p.Step, At: now,
		})
	}
	if p.Weight == 100 {
		return looks
	}
	for _, a := range p.Spec.Rollout.Analysis {
		l := analysis.Judge(tally, a.Delta, alphaOf(p, a))
		l.Step, l.At = p.Step, now
		looks = append(looks, l)
	}
	return looks
}

// verdictOf is the verdict of all metrics together, with the reason of the one
// that decides.
func verdictOf(p models.Promotion, looks []models.Analysis) (models.AnalysisVerdict, string) {
	verdict, reason := models.AnalysisNoWorse, fmt.Sprintf("step %d is over", p.Step)
	for _, l := range looks {
		switch {
		case l.Verdict == models.AnalysisWorse:
			return l.Verdict, l.Reason
		case l.Verdict == models.AnalysisNotYet || verdict == models.AnalysisNoWorse:
			verdict, reason = l.Verdict, l.Reason
		}
	}
	return verdict, reason
}

func (s *Service) takeBack(ctx context.Context, p models.Promotion, looks []models.Analysis, tally analysis.Tally, reason string) error {
	_, err := s.change(ctx, p.ID, rollBack, reason, s.note(p, looks, tally))
	return err
}

// note keeps with a decision what it was made from.
func (s *Service) note(seen models.Promotion, looks []models.Analysis, tally analysis.Tally) func(storage.Tx, *models.Promotion) error {
	return func(_ storage.Tx, p *models.Promotion) error {
		if p.Step != seen.Step {
			return models.Errorf(models.KindConflict, "promotion %d has moved on", p.ID)
		}
		text, err := json.Marshal(tally)
		p.Analysis, p.Deaths, p.Tally = looks, seen.Deaths, text
		return err
	}
}

// rememberEvery is how much of the evidence a crash may cost.
const rememberEvery = time.Second

// remember keeps the present look, so that a restart goes on from it.
func (s *Service) remember(ctx context.Context, p models.Promotion, looks []models.Analysis, tally analysis.Tally, now time.Time) error {
	if now.Sub(p.UpdatedAt) < rememberEvery {
		return nil
	}
	return s.DB.InTx(ctx, func(tx storage.Tx) error {
		fresh, err := tx.Promotions().Lock(p.ID)
		if err != nil || fresh.State.Final() || fresh.Step != p.Step {
			return err
		}
		if err := s.note(p, looks, tally)(tx, &fresh); err != nil {
			return err
		}
		return tx.Promotions().Save(fresh)
	})
}
