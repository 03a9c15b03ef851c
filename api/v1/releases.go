package v1

import (
	"context"
	"io"
	"strconv"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/openapi/server"
	"github.com/slipway-ml/slipway/services/delivery"
)

// Releases answers what was released.
type Releases struct {
	Delivery *delivery.Service
}

// ListReleases lists an environment's releases, newest first.
func (h Releases) ListReleases(ctx context.Context, r server.ListReleasesRequestObject) (server.ListReleasesResponseObject, error) {
	below, err := pageAfter(r.Params.PageToken)
	if err != nil {
		return nil, err
	}
	size := pageSize(r.Params.MaxResults)
	releases, err := h.Delivery.Releases(ctx, r.Model, r.Environment, below, size)
	if err != nil {
		return nil, err
	}
	page := server.ListReleases200JSONResponse{Items: make([]server.Release, 0, len(releases))}
	for _, rel := range releases {
		page.Items = append(page.Items, wireRelease(rel))
		page.NextPageToken = pageToken(len(releases), size, rel.Number)
	}
	return page, nil
}

// GetReleaseLog gives the last lines that a release's instances wrote.
func (h Releases) GetReleaseLog(ctx context.Context, r server.GetReleaseLogRequestObject) (server.GetReleaseLogResponseObject, error) {
	rel, err := h.Delivery.Release(ctx, r.Model, r.Environment, r.Release)
	if err != nil {
		return nil, err
	}
	reader, writer := io.Pipe()
	go func() { _ = writer.CloseWithError(h.Delivery.Logs(ctx, rel, writer)) }()
	return TextStream{reader}, nil
}

func wireRelease(r models.ReleaseStatus) server.Release {
	return server.Release{
		Release: r.Number, Model: r.Model, Environment: r.Environment, Version: strconv.FormatInt(r.Version, 10),
		ImageDigest: r.ImageDigest, State: server.ReleaseState(r.State), Weight: r.Weight, PromotionId: r.PromotionID,
		CreatedAt: r.CreatedAt, LiveAt: timeOr(r.LiveAt), WarmUntil: timeOr(r.WarmUntil), RetiredAt: timeOr(r.RetiredAt),
		Serving: server.ServingConfig{
			Replicas: max(r.Serving.Replicas, 1), Cpu: r.Serving.CPU, MemoryBytes: r.Serving.MemoryBytes, Threads: r.Serving.Threads,
			TimeoutSeconds: r.Serving.Timeout.Seconds(), Env: r.Serving.Env,
		},
	}
}
