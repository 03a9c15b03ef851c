package v1

import (
	"context"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/openapi/server"
	"github.com/slipway-ml/slipway/services/secret"
)

// Secrets keeps what nobody may read by name, in each scope. No answer has a
// value.
type Secrets struct {
	Service *secret.Service
}

func (s Secrets) list(ctx context.Context, scope models.Scope, token string, size int) (page server.SecretList, err error) {
	after, err := pageAfterName(token)
	if err != nil {
		return page, err
	}
	size = pageSize(size)
	found, err := s.Service.List(ctx, models.ValueSecret, scope, after, size)
	page.Items = make([]server.Secret, 0, len(found))
	for _, f := range found {
		page.Items = append(page.Items, s.wire(f))
		page.NextPageToken = namePageToken(len(found), size, f.Name)
	}
	return page, err
}

func (s Secrets) get(ctx context.Context, scope models.Scope, name string) (server.Secret, error) {
	found, err := s.Service.Get(ctx, models.ValueSecret, scope, name)
	return s.wire(found), err
}

func (s Secrets) set(ctx context.Context, scope models.Scope, name, value string) (server.Secret, error) {
	kept, warning, err := s.Service.Set(ctx, models.ValueSecret, scope, name, value)
	wire := s.wire(kept)
	wire.Warning = warning
	return wire, err
}

func (s Secrets) wire(v models.NamedValue) server.Secret {
	return server.Secret{
		Name: v.Name, Scope: server.SecretScope(v.Scope.Name()), Model: v.Scope.Model, Environment: v.Scope.Environment,
		Readable: s.Service.Readable(v), Revision: v.Revision, UpdatedAt: v.UpdatedAt, UpdatedBy: v.UpdatedBy,
	}
}

// RotateSecretKey replaces the key that seals them.
func (s Secrets) RotateSecretKey(ctx context.Context, _ server.RotateSecretKeyRequestObject) (server.RotateSecretKeyResponseObject, error) {
	r, err := s.Service.Rotate(ctx)
	return server.RotateSecretKey200JSONResponse{Rewrapped: r.Rewrapped, Unreadable: r.Unreadable}, err
}

// ListSecrets lists those global.
func (s Secrets) ListSecrets(ctx context.Context, r server.ListSecretsRequestObject) (server.ListSecretsResponseObject, error) {
	page, err := s.list(ctx, models.Scope{}, r.Params.PageToken, r.Params.MaxResults)
	return server.ListSecrets200JSONResponse(page), err
}

// GetSecret gives one global.
func (s Secrets) GetSecret(ctx context.Context, r server.GetSecretRequestObject) (server.GetSecretResponseObject, error) {
	wire, err := s.get(ctx, models.Scope{}, r.Name)
	return server.GetSecret200JSONResponse(wire), err
}

// PutSecret sets one global.
func (s Secrets) PutSecret(ctx context.Context, r server.PutSecretRequestObject) (server.PutSecretResponseObject, error) {
	wire, err := s.set(ctx, models.Scope{}, r.Name, r.Body.Value)
	return server.PutSecret200JSONResponse(wire), err
}

// DeleteSecret deletes one global.
func (s Secrets) DeleteSecret(ctx context.Context, r server.DeleteSecretRequestObject) (server.DeleteSecretResponseObject, error) {
	return server.DeleteSecret204Response{}, s.Service.Delete(ctx, models.ValueSecret, models.Scope{}, r.Name)
}

// ListModelSecrets lists those of a model.
func (s Secrets) ListModelSecrets(ctx context.Context, r server.ListModelSecretsRequestObject) (server.ListModelSecretsResponseObject, error) {
	page, err := s.list(ctx, models.Scope{Model: r.Model}, r.Params.PageToken, r.Params.MaxResults)
	return server.ListModelSecrets200JSONResponse(page), err
}

// GetModelSecret gives one of a model.
func (s Secrets) GetModelSecret(ctx context.Context, r server.GetModelSecretRequestObject) (server.GetModelSecretResponseObject, error) {
	wire, err := s.get(ctx, models.Scope{Model: r.Model}, r.Name)
	return server.GetModelSecret200JSONResponse(wire), err
}

// PutModelSecret sets one of a model.
func (s Secrets) PutModelSecret(ctx context.Context, r server.PutModelSecretRequestObject) (server.PutModelSecretResponseObject, error) {
	wire, err := s.set(ctx, models.Scope{Model: r.Model}, r.Name, r.Body.Value)
	return server.PutModelSecret200JSONResponse(wire), err
}

// DeleteModelSecret deletes one of a model.
func (s Secrets) DeleteModelSecret(ctx context.Context, r server.DeleteModelSecretRequestObject) (server.DeleteModelSecretResponseObject, error) {
	return server.DeleteModelSecret204Response{}, s.Service.Delete(ctx, models.ValueSecret, models.Scope{Model: r.Model}, r.Name)
}

// ListEnvironmentSecrets lists those of an environment.
func (s Secrets) ListEnvironmentSecrets(ctx context.Context, r server.ListEnvironmentSecretsRequestObject) (server.ListEnvironmentSecretsResponseObject, error) {
	page, err := s.list(ctx, models.Scope{Model: r.Model, Environment: r.Environment}, r.Params.PageToken, r.Params.MaxResults)
	return server.ListEnvironmentSecrets200JSONResponse(page), err
}

// GetEnvironmentSecret gives one of an environment.
func (s Secrets) GetEnvironmentSecret(ctx context.Context, r server.GetEnvironmentSecretRequestObject) (server.GetEnvironmentSecretResponseObject, error) {
	wire, err := s.get(ctx, models.Scope{Model: r.Model, Environment: r.Environment}, r.Name)
	return server.GetEnvironmentSecret200JSONResponse(wire), err
}

// PutEnvironmentSecret sets one of an environment.
func (s Secrets) PutEnvironmentSecret(ctx context.Context, r server.PutEnvironmentSecretRequestObject) (server.PutEnvironmentSecretResponseObject, error) {
	wire, err := s.set(ctx, models.Scope{Model: r.Model, Environment: r.Environment}, r.Name, r.Body.Value)
	return server.PutEnvironmentSecret200JSONResponse(wire), err
}

// DeleteEnvironmentSecret deletes one of an environment.
func (s Secrets) DeleteEnvironmentSecret(ctx context.Context, r server.DeleteEnvironmentSecretRequestObject) (server.DeleteEnvironmentSecretResponseObject, error) {
	return server.DeleteEnvironmentSecret204Response{}, s.Service.Delete(ctx, models.ValueSecret, models.Scope{Model: r.Model, Environment: r.Environment}, r.Name)
}
