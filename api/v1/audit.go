package v1

import (
	"context"
	"strconv"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/openapi/server"
)

// AuditReader reads decisions, newest first.
type AuditReader interface {
	AuditRecords(ctx context.Context, f models.AuditFilter) ([]models.AuditRecord, error)
}

// Audit answers what was decided.
type Audit struct {
	Records AuditReader
}

// ListAudit lists decisions, newest first.
func (a Audit) ListAudit(ctx context.Context, r server.ListAuditRequestObject) (server.ListAuditResponseObject, error) {
	before, err := pageAfter(r.Params.PageToken)
	if err != nil {
		return nil, err
	}
	size := pageSize(r.Params.MaxResults)
	records, err := a.Records.AuditRecords(ctx, models.AuditFilter{
		Model: r.Params.Model, Environment: r.Params.Environment, Action: r.Params.Action, BeforeID: before, Limit: size,
	})
	if err != nil {
		return nil, err
	}
	page := server.ListAudit200JSONResponse{Items: make([]server.AuditRecord, 0, len(records))}
	for _, rec := range records {
		page.Items = append(page.Items, auditRecord(rec))
		page.NextPageToken = pageToken(len(records), size, rec.ID)
	}
	return page, nil
}

func auditRecord(rec models.AuditRecord) server.AuditRecord {
	wire := server.AuditRecord{
		Id: rec.ID, At: rec.At.UTC(), Principal: rec.Principal, From: rec.From, Action: rec.Action,
		Model: rec.Model, Environment: rec.Environment, Reason: rec.Reason, Details: rec.Details,
	}
	if rec.Version != 0 {
		wire.Version = strconv.FormatInt(rec.Version, 10)
	}
	return wire
}
