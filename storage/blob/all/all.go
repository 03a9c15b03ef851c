// Package all opens an artifact store by its address.
package all

import (
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage/blob"
	"github.com/slipway-ml/slipway/storage/blob/local"
	"github.com/slipway-ml/slipway/storage/blob/mem"
)

// Open opens the store at address: a folder ("slipway-data/artifacts",
// "file:///srv/artifacts"), or "mem:" for one that is gone with the process.
func Open(address string, now func() time.Time) (blob.Store, error) {
	scheme, rest, ok := strings.Cut(address, ":")
	switch {
	case !ok || strings.Contains(scheme, "/"):
		return local.New(address)
	case scheme == "mem":
		return mem.New(now), nil
	case scheme == "file":
		u, err := url.Parse(address)
		if err != nil || u.Host != "" && u.Host != "localhost" || !filepath.IsAbs(u.Path) {
			return nil, models.Errorf(models.KindInvalid, "artifacts-destination %q: write file:///path", "file:"+rest)
		}
		return local.New(u.Path)
	}
	return nil, models.Errorf(models.KindInvalid, "artifacts-destination %q: %s is not known, use a folder, file:///path or mem:", address, scheme)
}
