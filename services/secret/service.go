// Package secret keeps variables and secrets, of everything, of a model, or of
// one of its environments. A secret is sealed by a key of its own, which is
// sealed by the server's, and its value is given to what runs and to nobody
// who asks.
package secret

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/mask"
	"github.com/slipway-ml/slipway/services/vault"
	"github.com/slipway-ml/slipway/storage"
)

// Service keeps variables and secrets.
type Service struct {
	DB    storage.DB
	Vault *vault.Vault
}

// TooShort is the warning about a secret that cannot be masked.
const TooShort = "too short to mask: a secret of less than 4 characters is not hidden in logs"

// Set makes a variable or secret, or changes it, and tells what its caller had
// better know. A model that is not registered yet is, as when a pipeline is
// applied: the pipeline names its secrets, and so they come first.
func (s *Service) Set(ctx context.Context, kind models.ValueKind, scope models.Scope, name, value string) (v models.NamedValue, warning string, err error) {
	if err := models.CheckNamedValue(kind, name, value); err != nil {
		return v, "", err
	}
	if err := models.CheckScope(scope); err != nil {
		return v, "", err
	}
	err = s.DB.InTx(ctx, func(tx storage.Tx) error {
		modelID, err := modelOf(tx, scope)
		if models.IsKind(err, models.KindNotFound) {
			var m models.RegisteredModel
			m, err = tx.RegisteredModels().Create(models.RegisteredModel{Name: scope.Model})
			modelID = m.ID
		}
		if err != nil {
			return err
		}
		v = models.NamedValue{Kind: kind, ModelID: modelID, Scope: scope, Name: name}
		if kind == models.ValueVariable {
			v.Value = value
		} else if err := s.seal(tx, &v, value); err != nil {
			return err
		}
		if v, err = tx.NamedValues().Set(v); err != nil {
			return err
		}
		return tx.Audit(record(v, "set"))
	})
	if kind == models.ValueSecret && utf8.RuneCountInString(value) < mask.Least {
		warning = TooShort
	}
	return v, warning, err
}

// record is what the audit log keeps of a change: never a value.
func record(v models.NamedValue, done string) models.AuditRecord {
	return models.AuditRecord{
		Action: string(v.Kind) + "." + done, Model: v.Scope.Model, Environment: v.Scope.Environment, Reason: v.Name,
		Details: map[string]any{"name": v.Name, "scope": v.Scope.Name()},
	}
}

// Get gives a variable, or what may be told of a secret.
func (s *Service) Get(ctx context.Context, kind models.ValueKind, scope models.Scope, name string) (v models.NamedValue, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		modelID, err := modelOf(tx, scope)
		if err != nil {
			return err
		}
		v, err = tx.NamedValues().Get(kind, modelID, scope.Environment, name)
		return missing(err, kind, scope, name)
	})
	return v, err
}

// List gives the values of a scope, from after a name and in the order of
// names without case.
func (s *Service) List(ctx context.Context, kind models.ValueKind, scope models.Scope, after string, limit int) (list []models.NamedValue, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		modelID, err := modelOf(tx, scope)
		if err != nil {
			return err
		}
		list, err = tx.NamedValues().List(kind, modelID, scope.Environment, after, limit)
		return err
	})
	return list, err
}

// Delete removes a variable or secret.
func (s *Service) Delete(ctx context.Context, kind models.ValueKind, scope models.Scope, name string) error {
	return s.DB.InTx(ctx, func(tx storage.Tx) error {
		modelID, err := modelOf(tx, scope)
		if err != nil {
			return err
		}
		v, err := tx.NamedValues().Get(kind, modelID, scope.Environment, name)
		if err != nil {
			return missing(err, kind, scope, name)
		}
		if err := tx.NamedValues().Delete(kind, modelID, scope.Environment, name); err != nil {
			return err
		}
		return tx.Audit(record(v, "deleted"))
	})
}

func modelOf(tx storage.Tx, scope models.Scope) (int64, error) {
	if scope.Model == "" {
		return 0, nil
	}
	m, err := tx.RegisteredModels().Get(scope.Model)
	return m.ID, err
}

func missing(err error, kind models.ValueKind, scope models.Scope, name string) error {
	if models.IsKind(err, models.KindNotFound) {
		return models.Errorf(models.KindNotFound, "there is no %s %s (%s)", kind, name, scope)
	}
	return err
}

// seal seals a secret by a new key of its own.
func (s *Service) seal(tx storage.Tx, v *models.NamedValue, value string) (err error) {
	key, text := vault.RandomKey()
	v.Sealed = key.Seal(place(*v), value)
	v.DataKey, err = s.Vault.Seal(tx, keyPlace(*v), text)
	return err
}

// open gives a secret's value.
func (s *Service) open(v models.NamedValue) (string, error) {
	text, err := s.Vault.Open(keyPlace(v), v.DataKey)
	if err != nil {
		return "", err
	}
	key, err := vault.NewKey(text)
	if err != nil {
		return "", err
	}
	return key.Open(place(v), v.Sealed)
}

// Readable tells whether a secret can still be opened.
func (s *Service) Readable(v models.NamedValue) bool {
	if v.Kind != models.ValueSecret {
		return true
	}
	_, err := s.open(v)
	return err == nil
}

// place is what a secret is sealed for: moved to another, it does not open.
func place(v models.NamedValue) string {
	return fmt.Sprintf("secret %d/%s/%s", v.ModelID, v.Scope.Environment, strings.ToLower(v.Name))
}

func keyPlace(v models.NamedValue) string { return "key of " + place(v) }
