package v1

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/openapi/server"
	"github.com/slipway-ml/slipway/services/report"
	"github.com/slipway-ml/slipway/services/validation"
)

// Validations answers what was found about versions, and starts new looks.
type Validations struct {
	Service *validation.Service
	Reports report.Service
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
		wire, err := v.wire(ctx, f)
		if err != nil {
			return nil, err
		}
		page.Items = append(page.Items, wire)
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
	var ask validation.Ask
	if r.Body != nil {
		ask = validation.Ask{Priority: priorities[r.Body.Priority], Fresh: r.Body.Fresh, RepeatOf: r.Body.Repeat}
	}
	created, err := v.Service.Create(ctx, r.Model, number, ask)
	if err != nil {
		return nil, err
	}
	wire, err := v.wire(ctx, created)
	return server.CreateValidation202JSONResponse(wire), err
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
		if err != nil {
			return server.Validation{}, false, err
		}
		wire, err := v.wire(ctx, found)
		return wire, found.State.Final(), err
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
	wire, err := v.wire(ctx, cancelled)
	return server.CancelValidation202JSONResponse(wire), err
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
			if err := v.emitLog(ctx, step, sent, emit); err != nil && !models.IsKind(err, models.KindUnavailable) {
				return err // a store that is away keeps its logs, and no verdict
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
