package v1

import (
	"context"
	"strconv"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/openapi/server"
)

// priorities are the numbers of the wire's words.
var priorities = map[server.ValidationPriority]models.Priority{
	server.ValidationPriorityHigh: models.PriorityHigh, server.ValidationPriorityNormal: models.PriorityNormal,
	server.ValidationPriorityLow: models.PriorityLow,
}

func wirePriority(p models.Priority) server.ValidationPriority {
	for word, is := range priorities {
		if is == p {
			return word
		}
	}
	return server.ValidationPriorityNormal
}

// wire gives a validation with what depends on the time and on others.
func (v Validations) wire(ctx context.Context, found models.Validation) (server.Validation, error) {
	now, err := v.Service.Now(ctx)
	if err != nil {
		return server.Validation{}, err
	}
	wire := wireValidation(found, now)
	repeat, err := v.Service.Repeat(ctx, found)
	if repeat != nil {
		wire.Repeat = server.ValidationRepeat{Of: repeat.Of, Compared: repeat.Compared, Differences: list(repeat.Differences)}
	}
	return wire, err
}

func wireValidation(v models.Validation, now time.Time) server.Validation {
	wire := server.Validation{
		Id: v.ID, Model: v.Model, Version: strconv.FormatInt(v.Version, 10), State: server.ValidationState(v.State), Reason: v.Reason,
		Trigger: server.ValidationTrigger(v.Trigger), PipelineRevision: v.Revision, RequestedBy: v.CreatedBy,
		Priority: wirePriority(v.Priority), Accepted: v.Accepted(now), Fresh: v.Fresh, Machine: v.Machine,
		CreatedAt: v.CreatedAt, StartedAt: orZero(v.StartedAt), EndedAt: orZero(v.EndedAt), Steps: []server.ValidationStep{},
	}
	if v.State == models.ValidationQueued {
		wire.State = server.ValidationStatePending
	}
	for _, step := range v.Steps {
		wire.Steps = append(wire.Steps, wireStep(step, now))
	}
	return wire
}

func wireStep(s models.StepResult, now time.Time) server.ValidationStep {
	wire := server.ValidationStep{
		Index: int64(s.Index) + 1, Name: s.Name, Kind: server.ValidationStepKindCheck, Check: s.Check, State: stepState(s), Reason: s.Reason,
		Facts: s.Facts, Inputs: s.Inputs, ReusedFrom: s.ReusedFrom, Excused: s.Excused, RemainingSeconds: s.Progress.Left.Seconds(),
		Progress:  server.Progress{Done: s.Progress.Done, Total: s.Progress.Total, Unit: s.Progress.Unit},
		StartedAt: orZero(s.StartedAt), EndedAt: orZero(s.EndedAt),
	}
	if s.Verdict != "" {
		wire.RemainingSeconds = 0
	}
	if s.Run != "" {
		wire.Kind = server.ValidationStepKindRun
	}
	if w := s.Waiver; w != nil {
		wire.Waiver = server.Waiver{Reason: w.Reason, By: w.By, At: w.At, ExpiresAt: w.ExpiresAt, Active: w.Holds(now)}
	}
	for _, m := range s.Measurements {
		measured := server.Measurement{Name: m.Name, Value: &m.Value, Threshold: m.Threshold, Champion: m.Champion}
		if m.Threshold != "" {
			passed := !m.Broken
			measured.Passed = &passed
		}
		wire.Measurements = append(wire.Measurements, measured)
	}
	for _, f := range s.Findings {
		wire.Findings = append(wire.Findings, server.Finding{
			Severity: server.FindingSeverity(f.Severity), Message: f.Message, Subject: f.Where, Remedy: f.Remedy, Rule: f.Rule,
		})
	}
	for _, a := range s.Attachments {
		wire.Attachments = append(wire.Attachments, server.Attachment{Name: a.Name, MediaType: a.MediaType, Size: a.Size, Sha256: a.SHA256})
	}
	return wire
}

// stepState tells a step's state of its verdict and its times.
func stepState(s models.StepResult) server.StepState {
	switch {
	case s.Verdict == models.VerdictSkipped && s.StartedAt != nil:
		return server.StepStateCancelled
	case s.Verdict != "":
		return server.StepState(s.Verdict)
	case s.StartedAt != nil:
		return server.StepStateRunning
	default:
		return server.StepStatePending
	}
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
