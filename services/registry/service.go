package registry

import (
	"context"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/blob"
)

// Promoter turns an alias of an environment's name into a request to promote.
type Promoter interface {
	// AliasRequested asks to point alias at a version. handled says that the
	// model has an environment of that name and that the promotion will move
	// the alias; a conflict gives the reason why not, not found that there is
	// no such version.
	AliasRequested(ctx context.Context, model, alias string, version int64) (handled bool, err error)
}

// Events hears what happens, in the transaction in which it happens.
type Events interface {
	Emit(tx storage.Tx, event models.WebhookEvent, data any) error
}

// Service keeps the registry. Without a Promoter aliases and stages are plain
// MLflow.
type Service struct {
	DB       storage.DB
	Blobs    blob.Store
	Roots    models.ArtifactRoots
	Promoter Promoter
	Events   Events
}

func (s *Service) requested(ctx context.Context, model, alias string, version int64) (bool, error) {
	if s.Promoter == nil {
		return false, nil
	}
	return s.Promoter.AliasRequested(ctx, model, alias, version)
}
