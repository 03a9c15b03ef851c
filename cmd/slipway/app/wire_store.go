package app

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/gc"
	"github.com/slipway-ml/slipway/storage/blob"
	blobs "github.com/slipway-ml/slipway/storage/blob/all"
	"github.com/slipway-ml/slipway/storage/blob/metered"
	"github.com/slipway-ml/slipway/storage/blob/s3"
)

// OpenStore opens the artifact store that settings name; retried counts what is
// sent to it again.
func OpenStore(ctx context.Context, c config.Store, retried func(reason string)) (blob.Store, error) {
	return blobs.Open(ctx, c.ArtifactsDestination, blobs.Options{Now: time.Now, S3: s3.Options{
		Endpoint: c.S3Endpoint, Region: c.S3Region, PathStyle: c.S3PathStyle, Checksums: c.S3Checksums, SSE: c.S3SSE, KMSKeyID: c.S3KMSKeyID,
		PartSize: int64(c.S3PartSize) << 20, Parallel: c.S3Parallel, Timeout: c.S3Timeout, Retries: c.S3Retries, Retried: retried,
	}})
}

// wireStore opens the artifact store.
func (a *App) wireStore(ctx context.Context, p *parts) error {
	retried, err := metered.Retries(a.metrics)
	if err != nil {
		return err
	}
	store, err := OpenStore(ctx, a.cfg.Store, retried)
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

// lookTime bounds the look at the store.
const lookTime = time.Minute

// lookAtStore says at the start which store it is and what is wrong with it,
// and removes what uploads that were cut off have left there. The server goes
// on without it: artifacts then answer why.
func (a *App) lookAtStore(ctx context.Context, store blob.Store) {
	looking, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	log := a.log
	if d, ok := store.(blob.Describer); ok {
		for _, f := range d.Facts() {
			log = log.With(f.Name, f.Value)
		}
	}
	reading, writing := blob.Probe(looking, store)
	log = log.With("readable", reading == nil, "writable", writing == nil)
	switch err := errors.Join(reading, writing); {
	case ctx.Err() != nil: // the server stops
		return
	case reading != nil && writing != nil:
		log.ErrorContext(ctx, "the artifact store is not usable", "error", reading)
		return
	case err != nil:
		log.ErrorContext(ctx, "the artifact store is usable in part", "error", err)
	default:
		log.InfoContext(ctx, "the artifact store is usable")
	}
	if sweeper, ok := blob.As[blob.Sweeper](store); ok {
		n, err := sweeper.Sweep(looking, time.Now().Add(-gc.StaleUpload), false)
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
