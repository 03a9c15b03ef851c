package registry

import (
	"context"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/blob"
)

// Promoter turns an alias of an environment's name into a request to promote.
type Promoter interface {
	// AliasRequested asks to point alias at a version (0: to delete it).
	// handled says that the model has an environment of that name and that the
	// promotion will move the alias; a conflict gives the reason why not.
	AliasRequested(ctx context.Context, model, alias string, version int64) (handled bool, err error)
}

// Holder refuses to let go of what releases need.
type Holder interface {
	// Held is a conflict with the reason while a release needs the version, or
	// with version 0 any version of the model; else nil. It runs in the
	// transaction that would delete.
	Held(tx storage.Tx, model models.RegisteredModel, version int64) error
}

// Service keeps the registry. Without a Promoter aliases and stages are plain
// MLflow; without a Holder everything may be deleted.
type Service struct {
	DB       storage.DB
	Blobs    blob.Store
	Promoter Promoter
	Holder   Holder
}

func (s *Service) held(tx storage.Tx, m models.RegisteredModel, version int64) error {
	if s.Holder == nil {
		return nil
	}
	return s.Holder.Held(tx, m, version)
}

func (s *Service) requested(ctx context.Context, model, alias string, version int64) (bool, error) {
	if s.Promoter == nil {
		return false, nil
	}
	return s.Promoter.AliasRequested(ctx, model, alias, version)
}
