package validation

import (
	"github.com/slipway-ml/slipway/services/checkout"
	"github.com/slipway-ml/slipway/services/pyenv"
)

// Sources bring what a run: step works with; nil where this server has none.
type Sources struct {
	Git    *checkout.Service
	Python *pyenv.Service
}

// Used names something that a step was done with and that is known only once it
// was: the commit of a branch, the lock of its packages. It stands among the
// step's inputs.
func (s *Subject) Used(name, value string) { s.used[name] = value }
