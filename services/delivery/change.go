package delivery

import (
	"context"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// change moves a promotion by an event in a transaction of its own and shows
// the gateway what has become of the weights: who reads the new state finds the
// traffic there. also, where not nil, sees the promotion as it is before the
// event and may refuse or amend it.
func (s *Service) change(ctx context.Context, id int64, on event, reason string, also func(storage.Tx, *models.Promotion) error) (models.Promotion, error) {
	var p models.Promotion
	s.push.Lock()
	defer s.push.Unlock()
	err := s.DB.InTx(ctx, func(tx storage.Tx) (err error) {
		if p, err = tx.Promotions().Lock(id); err != nil {
			return err
		}
		if also != nil {
			if err := also(tx, &p); err != nil {
				return err
			}
		}
		if err := s.move(tx, &p, on, reason); err != nil {
			return err
		}
		p, err = tx.Promotions().Get(id)
		return err
	})
	if err != nil {
		return p, err
	}
	s.Metrics.count(p)
	return p, s.pushRoutes(ctx)
}

// move applies an event within a transaction: the new state, what follows from
// it for releases, aliases and quarantine, and the audit record.
func (s *Service) move(tx storage.Tx, p *models.Promotion, on event, reason string) error {
	to, err := next(*p, on)
	if err != nil {
		return err
	}
	now, err := tx.Now()
	if err != nil {
		return err
	}
	was := *p
	p.State, p.Reason = to, reason
	if to != was.State || on == shift {
		p.StateAt = now
	}
	if to != paused {
		p.PausedBy = ""
	}
	if to.Final() {
		p.EndedAt = &now
		if p.Step > 0 {
			p.Steps[p.Step-1].EndedAt = &now
		}
		if err := s.end(tx, p, now); err != nil {
			return err
		}
	}
	if err := tx.Promotions().Save(*p); err != nil {
		return err
	}
	return tx.Audit(models.AuditRecord{
		Action: "promotion." + string(on), Model: p.Model, Environment: p.Environment, Version: p.Version, Reason: reason,
		Details: saw(*p, on),
	})
}

// saw is what the gates and the analysis had seen at a decision.
func saw(p models.Promotion, on event) map[string]any {
	details := map[string]any{"promotion": p.ID, "cause": p.Cause}
	if p.ReleaseID != 0 {
		details["release"] = p.Release
	}
	switch on {
	case pass, refuse:
		details["gates"] = p.Gates
	case shift, hold, rollBack, succeed, pause, resume:
		details["step"], details["weight"], details["analysis"] = p.Step, p.Weight, p.Analysis
	default:
	}
	return details
}
