package v1

import (
	"context"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/openapi/server"
	"github.com/slipway-ml/slipway/services/secret"
)

// Variables keeps what anybody may read by name, in each scope.
type Variables struct {
	Service *secret.Service
}

func (v Variables) list(ctx context.Context, scope models.Scope, token string, size int) (page server.VariableList, err error) {
	after, err := pageAfterName(token)
	if err != nil {
		return page, err
	}
	size = pageSize(size)
	found, err := v.Service.List(ctx, models.ValueVariable, scope, after, size)
	page.Items = make([]server.Variable, 0, len(found))
	for _, f := range found {
		page.Items = append(page.Items, wireVariable(f))
		page.NextPageToken = namePageToken(len(found), size, f.Name)
	}
	return page, err
}

func (v Variables) get(ctx context.Context, scope models.Scope, name string) (server.Variable, error) {
	found, err := v.Service.Get(ctx, models.ValueVariable, scope, name)
	return wireVariable(found), err
}

func (v Variables) set(ctx context.Context, scope models.Scope, name, value string) (server.Variable, error) {
	kept, _, err := v.Service.Set(ctx, models.ValueVariable, scope, name, value)
	return wireVariable(kept), err
}

func wireVariable(v models.NamedValue) server.Variable {
	return server.Variable{
		Name: v.Name, Scope: server.VariableScope(v.Scope.Name()), Model: v.Scope.Model, Environment: v.Scope.Environment,
		Value: v.Value, Revision: v.Revision, UpdatedAt: v.UpdatedAt, UpdatedBy: v.UpdatedBy,
	}
}

// ListVariables lists those global.
func (v Variables) ListVariables(ctx context.Context, r server.ListVariablesRequestObject) (server.ListVariablesResponseObject, error) {
	page, err := v.list(ctx, models.Scope{}, r.Params.PageToken, r.Params.MaxResults)
	return server.ListVariables200JSONResponse(page), err
}

// GetVariable gives one global.
func (v Variables) GetVariable(ctx context.Context, r server.GetVariableRequestObject) (server.GetVariableResponseObject, error) {
	wire, err := v.get(ctx, models.Scope{}, r.Name)
	return server.GetVariable200JSONResponse(wire), err
}

// PutVariable sets one global.
func (v Variables) PutVariable(ctx context.Context, r server.PutVariableRequestObject) (server.PutVariableResponseObject, error) {
	wire, err := v.set(ctx, models.Scope{}, r.Name, r.Body.Value)
	return server.PutVariable200JSONResponse(wire), err
}

// DeleteVariable deletes one global.
func (v Variables) DeleteVariable(ctx context.Context, r server.DeleteVariableRequestObject) (server.DeleteVariableResponseObject, error) {
	return server.DeleteVariable204Response{}, v.Service.Delete(ctx, models.ValueVariable, models.Scope{}, r.Name)
}

// ListModelVariables lists those of a model.
func (v Variables) ListModelVariables(ctx context.Context, r server.ListModelVariablesRequestObject) (server.ListModelVariablesResponseObject, error) {
	page, err := v.list(ctx, models.Scope{Model: r.Model}, r.Params.PageToken, r.Params.MaxResults)
	return server.ListModelVariables200JSONResponse(page), err
}

// GetModelVariable gives one of a model.
func (v Variables) GetModelVariable(ctx context.Context, r server.GetModelVariableRequestObject) (server.GetModelVariableResponseObject, error) {
	wire, err := v.get(ctx, models.Scope{Model: r.Model}, r.Name)
	return server.GetModelVariable200JSONResponse(wire), err
}

// PutModelVariable sets one of a model.
func (v Variables) PutModelVariable(ctx context.Context, r server.PutModelVariableRequestObject) (server.PutModelVariableResponseObject, error) {
	wire, err := v.set(ctx, models.Scope{Model: r.Model}, r.Name, r.Body.Value)
	return server.PutModelVariable200JSONResponse(wire), err
}

// DeleteModelVariable deletes one of a model.
func (v Variables) DeleteModelVariable(ctx context.Context, r server.DeleteModelVariableRequestObject) (server.DeleteModelVariableResponseObject, error) {
	return server.DeleteModelVariable204Response{}, v.Service.Delete(ctx, models.ValueVariable, models.Scope{Model: r.Model}, r.Name)
}

// ListEnvironmentVariables lists those of an environment.
func (v Variables) ListEnvironmentVariables(ctx context.Context, r server.ListEnvironmentVariablesRequestObject) (server.ListEnvironmentVariablesResponseObject, error) {
	page, err := v.list(ctx, models.Scope{Model: r.Model, Environment: r.Environment}, r.Params.PageToken, r.Params.MaxResults)
	return server.ListEnvironmentVariables200JSONResponse(page), err
}

// GetEnvironmentVariable gives one of an environment.
func (v Variables) GetEnvironmentVariable(ctx context.Context, r server.GetEnvironmentVariableRequestObject) (server.GetEnvironmentVariableResponseObject, error) {
	wire, err := v.get(ctx, models.Scope{Model: r.Model, Environment: r.Environment}, r.Name)
	return server.GetEnvironmentVariable200JSONResponse(wire), err
}

// PutEnvironmentVariable sets one of an environment.
func (v Variables) PutEnvironmentVariable(ctx context.Context, r server.PutEnvironmentVariableRequestObject) (server.PutEnvironmentVariableResponseObject, error) {
	wire, err := v.set(ctx, models.Scope{Model: r.Model, Environment: r.Environment}, r.Name, r.Body.Value)
	return server.PutEnvironmentVariable200JSONResponse(wire), err
}

// DeleteEnvironmentVariable deletes one of an environment.
func (v Variables) DeleteEnvironmentVariable(ctx context.Context, r server.DeleteEnvironmentVariableRequestObject) (server.DeleteEnvironmentVariableResponseObject, error) {
	return server.DeleteEnvironmentVariable204Response{}, v.Service.Delete(ctx, models.ValueVariable, models.Scope{Model: r.Model, Environment: r.Environment}, r.Name)
}
