package validation

import (
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// barred says why a step is not to be run: files that a guard did not pass are
// no files to run, nor to judge by what they do. "" where nothing is in its way.
// Other steps do not need each other unless they say so, so that one look finds
// all there is.
func (s *Service) barred(steps []models.StepResult, index int) string {
	if s.guards(steps[index].Check) {
		return ""
	}
	for _, earlier := range steps[:index] {
		if s.guards(earlier.Check) && earlier.Verdict != models.VerdictPassed {
			return "not run, since " + earlier.Name + " did not pass: what it guards against is not to be run"
		}
	}
	return ""
}

// guards tells whether later steps need a check's pass.
func (s *Service) guards(check string) bool {
	return slices.ContainsFunc(s.Checks, func(c Check) bool {
		declared := c.Declare()
		return declared.Guard && declared.Name == check
	})
}

// outcome is how a validation ends whose steps all have a verdict, and why. One
// that failed is not good enough, whatever another could not look at; one that
// is excused counts for nothing.
func outcome(steps []models.StepResult) (models.ValidationState, string) {
	state := models.ValidationPassed
	var reasons []string
	for _, s := range steps {
		if s.Excused {
			continue
		}
		switch s.Verdict {
		case models.VerdictFailed:
			state = models.ValidationFailed
		case models.VerdictErrored:
			if state == models.ValidationPassed {
				state = models.ValidationErrored
			}
		case models.VerdictPassed, models.VerdictSkipped:
			continue
		}
		reasons = append(reasons, s.Name+": "+s.Reason)
	}
	return state, clean(strings.Join(reasons, "; "))
}
