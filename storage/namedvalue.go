package storage

import "github.com/slipway-ml/slipway/models"

// NamedValueStore keeps variables and secrets, and the mark by which the key is
// known that seals the secrets. Names are found without regard to case; one
// that is not there is not_found.
type NamedValueStore interface {
	// Set makes a value, or changes the one of its kind, scope and name, and
	// gives it with its revision and time.
	Set(v models.NamedValue) (models.NamedValue, error)
	Get(kind models.ValueKind, modelID int64, environment, name string) (models.NamedValue, error)
	Delete(kind models.ValueKind, modelID int64, environment, name string) error
	// List gives the values of one scope in the order of their names without
	// case, from after a name.
	List(kind models.ValueKind, modelID int64, environment, after string, limit int) ([]models.NamedValue, error)
	// Applying gives the values of both kinds that apply in an environment of a
	// model, those of wider scopes first; environment "" leaves out those of
	// environments, model 0 those of models.
	Applying(modelID int64, environment string) ([]models.NamedValue, error)

	// Secrets gives every secret with an id above after, in the order of ids.
	Secrets(after int64, limit int) ([]models.NamedValue, error)
	// Rewrap keeps a secret's key as another key sealed it.
	Rewrap(id int64, dataKey []byte) error
	// KeyMark gives what the key in use has sealed, nil where no secret was
	// ever kept.
	KeyMark() ([]byte, error)
	SetKeyMark(mark []byte) error
}
