package secret

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/mask"
	"github.com/slipway-ml/slipway/storage"
)

// Value is a variable or an opened secret, as it applies in a scope.
type Value struct {
	Name     string // as it was given
	Scope    models.Scope
	Text     string
	Revision int64 // counts how often it was set in its scope
	Readable bool  // false for a secret whose key is lost: then Text is empty
}

// Values are what ${{ vars.NAME }} and ${{ secrets.NAME }} stand for in a
// scope, by their names in capitals. They are for what runs: Secrets must not
// be written, logged or answered; what comes out of a run that had them goes
// through Mask.
type Values struct {
	Vars, Secrets map[string]Value
}

// Var gives a variable by its name in any case.
func (v Values) Var(name string) (Value, bool) {
	value, ok := v.Vars[strings.ToUpper(name)]
	return value, ok
}

// Secret gives a secret by its name in any case. One that is not there, or
// that cannot be read, is an error that says what to do.
func (v Values) Secret(name string) (Value, error) {
	value, ok := v.Secrets[strings.ToUpper(name)]
	switch {
	case !ok:
		return value, models.Errorf(models.KindNotFound, "there is no secrets.%s: set it by slipway secret set %s", name, name)
	case !value.Readable:
		return value, models.Errorf(models.KindConflict, "secrets.%s (%s) cannot be read, since the key that sealed it is lost: set it anew", value.Name, value.Scope)
	}
	return value, nil
}

// Mask hides every secret of the scope, also those that a run was not given:
// it may have come by them otherwise.
func (v Values) Mask() *mask.Mask {
	var texts []string
	for value := range maps.Values(v.Secrets) {
		texts = append(texts, value.Text)
	}
	return mask.New(texts...)
}

// Resolve gives what applies in an environment of a model, secrets opened: the
// environment's own, else the model's, else what is global. A validation's
// steps run in no environment: theirs is "". A model that is not registered has
// what is global. It is for what starts a run or an instance, at that moment;
// lint asks Names.
func (s *Service) Resolve(ctx context.Context, model, environment string) (Values, error) {
	return s.applying(ctx, model, environment, func(v models.NamedValue) Value {
		value := Value{Name: v.Name, Scope: v.Scope, Text: v.Value, Revision: v.Revision, Readable: true}
		if v.Kind == models.ValueSecret {
			text, err := s.open(v)
			value.Text, value.Readable = text, err == nil
		}
		return value
	})
}

// Names gives what an expression may name in an environment of a model, for
// lint and apply: as they were given, sorted. No secret is opened.
func (s *Service) Names(ctx context.Context, model, environment string) (vars, secrets []string, err error) {
	values, err := s.applying(ctx, model, environment, func(v models.NamedValue) Value { return Value{Name: v.Name} })
	return names(values.Vars), names(values.Secrets), err
}

func names(values map[string]Value) []string {
	list := make([]string, 0, len(values))
	for _, v := range values {
		list = append(list, v.Name)
	}
	slices.Sort(list)
	return list
}

func (s *Service) applying(ctx context.Context, model, environment string, value func(models.NamedValue) Value) (Values, error) {
	var all []models.NamedValue
	err := s.DB.View(ctx, func(tx storage.Tx) error {
		id, err := modelOf(tx, models.Scope{Model: model})
		if err != nil && !models.IsKind(err, models.KindNotFound) {
			return err
		}
		all, err = tx.NamedValues().Applying(id, environment)
		return err
	})
	if err != nil {
		return Values{}, err
	}
	narrowest := map[models.ValueKind]map[string]models.NamedValue{models.ValueVariable: {}, models.ValueSecret: {}}
	for _, v := range all { // the narrower scope comes later
		narrowest[v.Kind][strings.ToUpper(v.Name)] = v
	}
	values := Values{Vars: map[string]Value{}, Secrets: map[string]Value{}}
	for name, v := range narrowest[models.ValueVariable] {
		values.Vars[name] = value(v)
	}
	for name, v := range narrowest[models.ValueSecret] {
		values.Secrets[name] = value(v)
	}
	return values, nil
}
