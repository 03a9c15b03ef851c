package v1

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/openapi/server"
	"github.com/slipway-ml/slipway/services/validation"
)

// Validations answers what was found about versions, and starts new looks.
type Validations struct {
	Service *validation.Service
}

// ListValidations lists a version's validations, newest first.
func (v Validations) ListValidations(ctx context.Context, r server.ListValidationsRequestObject) (server.ListValidationsResponseObject, error) {
	below, err := pageAfter(r.Params.PageToken)
	if err != nil {
		return nil, err
	}
	number, err := versionNumber(r.Version)
	if err != nil {
		return nil, err
	}
	size := pageSize(r.Params.MaxResults)
	found, err := v.Service.List(ctx, r.Model, number, below, size)
	if err != nil {
		return nil, err
	}
	page := server.ListValidations200JSONResponse{Items: make([]server.Validation, 0, len(found))}
	for _, f := range found {
		page.Items = append(page.Items, wireValidation(f))
		page.NextPageToken = pageToken(len(found), size, f.ID)
	}
	return page, nil
}

// CreateValidation starts one.
func (v Validations) CreateValidation(ctx context.Context, r server.CreateValidationRequestObject) (server.CreateValidationResponseObject, error) {
	number, err := versionNumber(r.Version)
	if err != nil {
		return nil, err
	}
	created, err := v.Service.Create(ctx, r.Model, number)
	if err != nil {
		return nil, err
	}
	return server.CreateValidation202JSONResponse(wireValidation(created)), nil
}

// GetValidation gives one with its report.
func (v Validations) GetValidation(ctx context.Context, r server.GetValidationRequestObject) (server.GetValidationResponseObject, error) {
	wire, err := Wait(ctx, r.Params.Wait, v.read(r.Id))
	if err != nil {
		return nil, err
	}
	return server.GetValidation200JSONResponse(wire), nil
}

func (v Validations) read(id int64) Read[server.Validation] {
	return func(ctx context.Context) (server.Validation, bool, error) {
		found, err := v.Service.Get(ctx, id)
		return wireValidation(found), found.State.Final(), err
	}
}

// CancelValidation cancels one.
func (v Validations) CancelValidation(ctx context.Context, r server.CancelValidationRequestObject) (server.CancelValidationResponseObject, error) {
	reason := ""
	if r.Body != nil {
		reason = r.Body.Reason
	}
	cancelled, err := v.Service.Cancel(ctx, r.Id, reason)
	if err != nil {
		return nil, err
	}
	return server.CancelValidation202JSONResponse(wireValidation(cancelled)), nil
}

// GetValidationEvents follows one: its states, and its steps' logs.
func (v Validations) GetValidationEvents(ctx context.Context, r server.GetValidationEventsRequestObject) (server.GetValidationEventsResponseObject, error) {
	sent := map[int]int64{}
	return Events(ctx, "validation", v.read(r.Id), func(ctx context.Context, emit Emit) error {
		found, err := v.Service.Get(ctx, r.Id)
		if err != nil {
			return err
		}
		for _, step := range found.Steps {
			if err := v.emitLog(ctx, step, sent, emit); err != nil {
				return err
			}
		}
		return nil
	})
}

// logChunk bounds the text of one event.
const logChunk = 64 << 10

func (v Validations) emitLog(ctx context.Context, step models.StepResult, sent map[int]int64, emit Emit) error {
	log, err := v.Service.Log(ctx, step, sent[step.Index])
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	for {
		chunk, err := io.ReadAll(io.LimitReader(log, logChunk))
		if len(chunk) == 0 || err != nil {
			return err
		}
		sent[step.Index] += int64(len(chunk))
		text := strings.ToValidUTF8(string(chunk), "\uFFFD")
		if err := emit("log", map[string]any{"step": step.Index + 1, "text": text}); err != nil {
			return err
		}
	}
}

// GetValidationLog gives what the steps wrote.
func (v Validations) GetValidationLog(ctx context.Context, r server.GetValidationLogRequestObject) (server.GetValidationLogResponseObject, error) {
	found, err := v.Service.Get(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	if r.Params.Step != 0 {
		if r.Params.Step > int64(len(found.Steps)) {
			return nil, models.Errorf(models.KindNotFound, "validation %d has %d steps, and no step %d", r.Id, len(found.Steps), r.Params.Step)
		}
		log, err := v.Service.Log(ctx, found.Steps[r.Params.Step-1], 0)
		return TextStream{log}, err
	}
	var parts []io.Reader
	for _, step := range found.Steps {
		log, err := v.Service.Log(ctx, step, 0)
		if err != nil {
			return nil, err
		}
		parts = append(parts, strings.NewReader(fmt.Sprintf("=== %d %s\n", step.Index+1, step.Name)), &closing{log})
	}
	return TextStream{io.MultiReader(parts...)}, nil
}

// closing closes a stream when it has been read.
type closing struct{ io.ReadCloser }

// Read implements io.Reader.
func (c *closing) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if err != nil {
		_ = c.Close()
	}
	return n, err
}

func versionNumber(version string) (int64, error) {
	number, err := strconv.ParseInt(version, 10, 64)
	if err != nil || number < 1 {
		return 0, invalid(models.Detail{Field: "version", Message: fmt.Sprintf("%q is no version number, such as 3", version)})
	}
	return number, nil
}

func wireValidation(v models.Validation) server.Validation {
	wire := server.Validation{
		Id: v.ID, Model: v.Model, Version: strconv.FormatInt(v.Version, 10), State: server.ValidationState(v.State), Reason: v.Reason,
		Trigger: server.ValidationTrigger(v.Trigger), PipelineRevision: v.Revision, RequestedBy: v.CreatedBy,
		CreatedAt: v.CreatedAt, StartedAt: orZero(v.StartedAt), EndedAt: orZero(v.EndedAt), Steps: []server.ValidationStep{},
	}
	if v.State == models.ValidationQueued {
		wire.State = server.ValidationStatePending
	}
	for _, step := range v.Steps {
		wire.Steps = append(wire.Steps, wireStep(step))
	}
	return wire
}

func wireStep(s models.StepResult) server.ValidationStep {
	wire := server.ValidationStep{
		Index: int64(s.Index) + 1, Name: s.Name, Kind: server.ValidationStepKindCheck, State: stepState(s), Reason: s.Reason, Facts: s.Facts,
		Progress:  server.Progress{Done: s.Progress.Done, Total: s.Progress.Total, Unit: s.Progress.Unit},
		StartedAt: orZero(s.StartedAt), EndedAt: orZero(s.EndedAt),
	}
	if s.Run != "" {
		wire.Kind = server.ValidationStepKindRun
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
			Severity: server.FindingSeverity(f.Severity), Message: f.Message, Subject: f.Where, Remedy: f.Remedy,
		})
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
