package v1

import (
	"strconv"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/openapi/server"
)

func wirePromotion(p models.Promotion) server.Promotion {
	wire := server.Promotion{
		Id: p.ID, Model: p.Model, Environment: p.Environment, Version: strconv.FormatInt(p.Version, 10),
		State: server.PromotionState(p.State), Reason: p.Reason, Trigger: server.PromotionTrigger(p.Cause),
		RequestedBy: p.RequestedBy, RequestedReason: p.RequestReason, Release: p.Release, FromRelease: p.Stable,
		ImageDigest: p.ImageDigest, Strategy: p.Spec.Rollout.Strategy, Step: p.Step, PausedBy: p.PausedBy,
		CreatedAt: p.RequestedAt, UpdatedAt: p.UpdatedAt, EndedAt: timeOr(p.EndedAt),
		Gates: make([]server.Gate, 0, len(p.Gates)), Steps: make([]server.RolloutStep, 0, len(p.Steps)),
		Analysis: make([]server.Analysis, 0, len(p.Analysis)),
	}
	for _, g := range p.Gates {
		state := server.GateStateRefused
		if g.Passed {
			state = server.GateStatePassed
		}
		wire.Gates = append(wire.Gates, server.Gate{Name: g.Gate, State: state, Reason: g.Reason, CheckedAt: g.At})
	}
	for _, s := range p.Steps {
		wire.Steps = append(wire.Steps, server.RolloutStep{
			Weight: s.Weight, HoldSeconds: s.Hold.Seconds(), ExpectedSeconds: s.Expected.Seconds(),
			StartedAt: timeOr(s.StartedAt), EndedAt: timeOr(s.EndedAt),
		})
	}
	for _, a := range p.Analysis {
		wire.Analysis = append(wire.Analysis, wireAnalysis(a))
	}
	return wire
}

func wireAnalysis(a models.Analysis) server.Analysis {
	wire := server.Analysis{
		Metric: a.Metric, Rule: a.Rule, Step: a.Step, At: a.At, Verdict: server.AnalysisVerdict(a.Verdict),
		Samples: a.New.Requests, StableSamples: a.Stable.Requests,
	}
	if a.New.Requests > 0 {
		rate := a.New.Rate()
		wire.Value = &rate
	}
	if a.Stable.Requests > 0 {
		rate := a.Stable.Rate()
		wire.StableValue = &rate
	}
	if a.Rule == models.RuleSequence {
		wire.Delta, wire.Confidence = a.Delta, 1-a.Alpha
		wire.Estimate, wire.Lower, wire.Upper = &a.Estimate, &a.Lower, &a.Upper
	}
	return wire
}

// timeOr gives the zero time for none, which the wire leaves out.
func timeOr(at *time.Time) time.Time {
	if at == nil {
		return time.Time{}
	}
	return *at
}
