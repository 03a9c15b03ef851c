package v1

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/openapi/server"
	"github.com/slipway-ml/slipway/services/pipeline"
)

// Pipelines answers what is known of pipelines, and keeps new ones.
type Pipelines struct {
	Service *pipeline.Service
}

// GetPipeline gives a model's pipeline.
func (p Pipelines) GetPipeline(ctx context.Context, r server.GetPipelineRequestObject) (server.GetPipelineResponseObject, error) {
	rev, err := p.Service.Get(ctx, r.Model, r.Params.Revision)
	if err != nil {
		return nil, err
	}
	return server.GetPipeline200JSONResponse(wirePipeline(rev)), nil
}

// PutPipeline applies a document.
func (p Pipelines) PutPipeline(ctx context.Context, r server.PutPipelineRequestObject) (server.PutPipelineResponseObject, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	rev, err := p.Service.Apply(ctx, r.Model, text, r.ContentType)
	if err != nil {
		return nil, err
	}
	return server.PutPipeline200JSONResponse(wirePipeline(rev)), nil
}

// ListPipelineRevisions lists the revisions of a model's pipeline.
func (p Pipelines) ListPipelineRevisions(ctx context.Context, r server.ListPipelineRevisionsRequestObject) (server.ListPipelineRevisionsResponseObject, error) {
	below, err := pageAfter(r.Params.PageToken)
	if err != nil {
		return nil, err
	}
	size := pageSize(r.Params.MaxResults)
	revisions, err := p.Service.Revisions(ctx, r.Model, below, size)
	if err != nil {
		return nil, err
	}
	page := server.ListPipelineRevisions200JSONResponse{Items: make([]server.PipelineRevision, 0, len(revisions))}
	for _, rev := range revisions {
		page.Items = append(page.Items, server.PipelineRevision{
			Revision: rev.Number, Digest: wireDigest(rev.Digest), CreatedAt: rev.CreatedAt, CreatedBy: rev.CreatedBy,
		})
		page.NextPageToken = pageToken(len(revisions), size, rev.Number)
	}
	return page, nil
}

// LintPipeline tells what is wrong with a document.
func (p Pipelines) LintPipeline(ctx context.Context, r server.LintPipelineRequestObject) (server.LintPipelineResponseObject, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	parsed, problems, err := p.Service.Lint(ctx, text, r.ContentType)
	if err != nil {
		return nil, err
	}
	report := server.LintPipeline200JSONResponse{Valid: len(problems) == 0, Model: parsed.Model, Findings: []server.LintFinding{}}
	for _, problem := range problems {
		report.Findings = append(report.Findings, server.LintFinding{
			Line: problem.Line, Column: problem.Column, Path: problem.Path, Message: problem.Message, Allowed: problem.Allowed,
		})
	}
	return report, nil
}

// GetPipelineSchema gives the JSON Schema of a document.
func (p Pipelines) GetPipelineSchema(context.Context, server.GetPipelineSchemaRequestObject) (server.GetPipelineSchemaResponseObject, error) {
	var schema server.GetPipelineSchema200JSONResponse
	if err := json.Unmarshal(p.Service.Grammar.Schema(), &schema); err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	return schema, nil
}

func wirePipeline(rev models.PipelineRevision) server.Pipeline {
	return server.Pipeline{
		Model: rev.Model, Revision: rev.Number, Digest: wireDigest(rev.Digest), Document: string(rev.Document),
		CreatedAt: rev.CreatedAt, CreatedBy: rev.CreatedBy,
	}
}

// wireDigest names the algorithm of a SHA-256 in hex.
func wireDigest(sha string) server.Digest { return "sha256:" + sha }
