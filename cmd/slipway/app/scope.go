package app

import (
	"context"

	"github.com/slipway-ml/slipway/services/secret"
	"github.com/slipway-ml/slipway/services/validation"
)

// scope gives steps the variables and secrets of their model.
type scope struct{ *secret.Service }

// Resolve implements validation.Scope.
func (s scope) Resolve(ctx context.Context, model, environment string) (validation.Resolved, error) {
	out := validation.Resolved{Vars: map[string]string{}, Secrets: map[string]string{}, Unreadable: map[string]error{}}
	values, err := s.Service.Resolve(ctx, model, environment)
	for _, v := range values.Vars {
		out.Vars[v.Name] = v.Text
	}
	for name, v := range values.Secrets {
		if _, why := values.Secret(name); why != nil {
			out.Unreadable[v.Name] = why
			continue
		}
		out.Secrets[v.Name] = v.Text
	}
	return out, err
}
