package validation

import (
	"cmp"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/models"
)

// StepRunner gives the runner of a run: step, by what the step says of where it
// runs. One that this server does not allow is an error of kind forbidden.
func (s *Subject) StepRunner() (deploy.Runner, error) {
	on := cmp.Or(s.Step.On, models.StepsProcess)
	runner, ok := s.steps[on]
	if !ok {
		return nil, models.Errorf(models.KindForbidden, "run: steps may not run on %s on this server (--allow-steps %s allows them)", on, on)
	}
	return runner, nil
}
