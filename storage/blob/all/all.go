// Package all opens an artifact store by its address.
package all

import (
	"context"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage/blob"
	"github.com/slipway-ml/slipway/storage/blob/local"
	"github.com/slipway-ml/slipway/storage/blob/mem"
	"github.com/slipway-ml/slipway/storage/blob/s3"
)

// Options are what some stores need beside their address.
type Options struct {
	Now func() time.Time
	S3  s3.Options
}

// Open opens the store at address: a folder ("slipway-data/artifacts",
// "file:///srv/artifacts"), a bucket ("s3://bucket/prefix"), or "mem:" for one
// that is gone with the process.
func Open(ctx context.Context, address string, o Options) (blob.Store, error) {
	scheme, rest, ok := strings.Cut(address, ":")
	switch {
	case !ok || strings.Contains(scheme, "/"):
		return local.New(address)
	case scheme == "mem":
		return mem.New(o.Now), nil
	case scheme == "s3":
		return s3.New(ctx, address, o.S3)
	case scheme == "file":
		u, err := url.Parse(address)
		if err != nil || u.Host != "" && u.Host != "localhost" || !filepath.IsAbs(u.Path) {
			return nil, models.Errorf(models.KindInvalid, "artifacts-destination %q: write file:///path", "file:"+rest)
		}
		return local.New(u.Path)
	}
	return nil, models.Errorf(models.KindInvalid, "artifacts-destination %q: %s is not known, use a folder, file:///path, s3://bucket/prefix or mem:", address, scheme)
}
