package v1

import (
	"context"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/openapi/server"
	"github.com/slipway-ml/slipway/services/artifact"
)

// Verifications answers verifications of versions' files, and starts them.
type Verifications struct {
	Service *artifact.Service
}

// CreateVerification starts one.
func (v Verifications) CreateVerification(ctx context.Context, r server.CreateVerificationRequestObject) (server.CreateVerificationResponseObject, error) {
	started, err := v.Service.Verify(ctx, r.Body.Model, r.Body.Version)
	if err != nil {
		return nil, err
	}
	return server.CreateVerification202JSONResponse(wireVerification(started)), nil
}

// GetVerification gives one with what it found.
func (v Verifications) GetVerification(ctx context.Context, r server.GetVerificationRequestObject) (server.GetVerificationResponseObject, error) {
	wire, err := Wait(ctx, r.Params.Wait, func(ctx context.Context) (server.Verification, bool, error) {
		found, err := v.Service.Verification(ctx, r.Id)
		return wireVerification(found), found.State.Final(), err
	})
	if err != nil {
		return nil, err
	}
	return server.GetVerification200JSONResponse(wire), nil
}

// ListVerifications lists them, newest first.
func (v Verifications) ListVerifications(ctx context.Context, r server.ListVerificationsRequestObject) (server.ListVerificationsResponseObject, error) {
	below, err := pageAfter(r.Params.PageToken)
	if err != nil {
		return nil, err
	}
	size := pageSize(r.Params.MaxResults)
	found, err := v.Service.Verifications(ctx, below, size)
	if err != nil {
		return nil, err
	}
	page := server.ListVerifications200JSONResponse{Items: make([]server.Verification, 0, len(found))}
	for _, f := range found {
		f.Report.Findings = nil
		page.Items = append(page.Items, wireVerification(f))
		page.NextPageToken = pageToken(len(found), size, f.ID)
	}
	return page, nil
}

func wireVerification(v models.Verification) server.Verification {
	wire := server.Verification{
		Id: v.ID, Model: v.Model, Version: v.Version, State: server.VerificationState(v.State), Reason: v.Reason,
		Progress:        server.Progress{Done: v.Progress.Done, Total: v.Progress.Total, Unit: v.Progress.Unit},
		Versions:        v.Report.Versions,
		SkippedVersions: v.Report.Skipped, Files: v.Report.Files, Bytes: v.Report.Bytes,
		MissingFiles: v.Report.Missing, ChangedFiles: v.Report.Changed, ExtraFiles: v.Report.Extra,
		Findings:  make([]server.VerificationFinding, 0, len(v.Report.Findings)),
		CreatedAt: v.CreatedAt, CreatedBy: v.CreatedBy, StartedAt: orZero(v.StartedAt), EndedAt: orZero(v.EndedAt),
	}
	for _, f := range v.Report.Findings {
		wire.Findings = append(wire.Findings, server.VerificationFinding{
			Model: f.Model, Version: f.Version, Path: f.Path, Kind: server.VerificationFindingKind(f.Kind), Detail: f.Detail,
		})
	}
	return wire
}
