package app

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/gc"
	"github.com/slipway-ml/slipway/storage/blob"
	blobs "github.com/slipway-ml/slipway/storage/blob/all"
	"github.com/slipway-ml/slipway/storage/blob/metered"
	"github.com/slipway-ml/slipway/storage/blob/s3"
)

// wireStore opens the artifact store.
func (a *App) wireStore(ctx context.Context, p *parts) error {
	c := a.cfg
	retried, err := metered.Retries(a.metrics)
	if err != nil {
		return err
	}
	store, err := blobs.Open(ctx, c.ArtifactsDestination, blobs.Options{Now: time.Now, S3: s3.Options{
		Endpoint: c.S3Endpoint, Region: c.S3Region, PathStyle: c.S3PathStyle, Checksums: c.S3Checksums, SSE: c.S3SSE, KMSKeyID: c.S3KMSKeyID,
		PartSize: int64(c.S3PartSize) << 20, Parallel: c.S3Parallel, Timeout: c.S3Timeout, Retries: c.S3Retries, Retried: retried,
	}})
	if err != nil {
		return err
	}
	if p.blobs, err = metered.New(store, a.metrics, time.Now); err != nil {
		return err
	}
	p.blobs = a.spans.Store(p.blobs)
	p.start = append(p.start, func(ctx context.Context) error {
		go a.lookAtStore(ctx, store)
		return nil
	})
	return nil
}

// lookAtStore says at the start what is wrong with a store that is far away,
// and removes what uploads that were cut off have left there. The server goes
// on without it: artifacts then answer why.
func (a *App) lookAtStore(ctx context.Context, store blob.Store) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if remote, ok := store.(interface {
		Ping(ctx context.Context) error
	}); ok {
		if err := remote.Ping(ctx); err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "the artifact store is not usable", "error", err)
			return
		}
	}
	if sweeper, ok := blob.As[blob.Sweeper](store); ok {
		n, err := sweeper.Sweep(ctx, time.Now().Add(-gc.StaleUpload), false)
		if err != nil || n > 0 {
			a.log.InfoContext(ctx, "uploads that were cut off are removed", "count", n, "error", err)
		}
	}
}

// roots are the addresses that mean the store.
func (a *App) roots() models.ArtifactRoots {
	r := models.ArtifactRoots{Default: a.cfg.DefaultArtifactRoot, Store: a.cfg.ArtifactsDestination}
	if !strings.Contains(r.Store, ":") {
		if folder, err := filepath.Abs(r.Store); err == nil {
			r.Store = folder
		}
	}
	return r
}
