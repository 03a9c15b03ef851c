package delivery

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// gates are the conditions a pipeline may name.
var gates = map[string]func(tx storage.Tx, modelID int64, v models.Version) (passed bool, reason string, err error){
	models.GateValidated: validated,
	models.GateStaging:   throughStaging,
}

// ask asks every gate of an environment about a version. An unknown gate is a
// no: nothing passes for what nobody looked at.
func ask(tx storage.Tx, spec models.EnvironmentSpec, modelID, versionID int64) ([]models.GateResult, error) {
	v, err := tx.Versions().Get(versionID)
	if err != nil {
		return nil, err
	}
	now, err := tx.Now()
	if err != nil {
		return nil, err
	}
	results := []models.GateResult{}
	for _, name := range spec.Gates {
		r := models.GateResult{Gate: name, At: now, Reason: "nobody knows this gate"}
		if gate, ok := gates[name]; ok {
			if r.Passed, r.Reason, err = gate(tx, modelID, v); err != nil {
				return nil, fmt.Errorf("ask the gate %q: %w", name, err)
			}
		}
		results = append(results, r)
	}
	return results, nil
}

// no is what the gates that refused said, in a sentence; "" where none did.
func no(results []models.GateResult) string {
	var reasons []string
	for _, r := range results {
		if !r.Passed {
			reasons = append(reasons, fmt.Sprintf("gate %s: %s", r.Gate, r.Reason))
		}
	}
	return strings.Join(reasons, "; ")
}

// validated asks for the version's newest validation to have passed. One that
// runs, errored or is missing is not a pass.
func validated(tx storage.Tx, _ int64, v models.Version) (passed bool, reason string, err error) {
	last, err := tx.Validations().Latest(v.ID)
	if err == nil && last.State == models.ValidationFailed {
		return waived(tx, last)
	}
	switch {
	case models.IsKind(err, models.KindNotFound):
		return false, fmt.Sprintf("version %d was never validated; run: slipway validate %s %d", v.Number, v.Model, v.Number), nil
	case err != nil:
		return false, "", err
	case last.State == models.ValidationPassed:
		return true, fmt.Sprintf("validation %d passed", last.ID), nil
	case !last.State.Final():
		return false, fmt.Sprintf("version %d is still being validated (validation %d)", v.Number, last.ID), nil
	}
	return false, fmt.Sprintf("validation %d of version %d %s: %s", last.ID, v.Number, last.State, last.Reason), nil
}

// waived tells whether a failed validation is accepted because a person waived
// what failed, and of waivers that ran out.
func waived(tx storage.Tx, v models.Validation) (passed bool, reason string, err error) {
	now, err := tx.Now()
	if err != nil {
		return false, "", err
	}
	var words []string
	accepted := v.Accepted(now)
	for _, s := range v.Steps {
		switch w := s.Waiver; {
		case s.Verdict != models.VerdictFailed || w == nil:
		case w.Holds(now):
			words = append(words, fmt.Sprintf("%s is waived by %s until %s (%s)", s.Name, w.By, w.ExpiresAt.Format(time.RFC3339), w.Reason))
		default:
			words = append(words, fmt.Sprintf("the waiver of %s by %s ran out at %s", s.Name, w.By, w.ExpiresAt.Format(time.RFC3339)))
		}
	}
	note := strings.Join(words, "; ")
	if accepted {
		return true, fmt.Sprintf("validation %d failed, and what failed is waived: %s", v.ID, note), nil
	}
	reason = fmt.Sprintf("validation %d of version %d failed: %s", v.ID, v.Version, v.Reason)
	if note != "" {
		reason += "; " + note
	}
	return false, reason, nil
}

// throughStaging asks that the version was live in the environment staging and
// was not taken back there.
func throughStaging(tx storage.Tx, modelID int64, v models.Version) (passed bool, reason string, err error) {
	never := fmt.Sprintf("version %d was not live in staging yet; run: slipway promote %s %d --env staging", v.Number, v.Model, v.Number)
	env, err := tx.Environments().Find(modelID, "staging")
	if models.IsKind(err, models.KindNotFound) {
		return false, never, nil
	}
	if err != nil {
		return false, "", err
	}
	held, err := quarantined(tx, env.ID, v.ID)
	if err != nil {
		return false, "", err
	}
	if held != nil {
		return false, fmt.Sprintf("version %d is quarantined in staging: %s", v.Number, held.Reason), nil
	}
	releases, err := tx.Releases().Needing(v.ID)
	if err != nil {
		return false, "", err
	}
	i := slices.IndexFunc(releases, func(r models.Release) bool { return r.EnvironmentID == env.ID && r.LiveAt != nil })
	if i < 0 {
		return false, never, nil
	}
	return true, fmt.Sprintf("version %d went live in staging as release %d", v.Number, releases[i].Number), nil
}

// quarantined finds a version's quarantine in an environment; nil where there
// is none.
func quarantined(tx storage.Tx, environmentID, versionID int64) (*models.Quarantine, error) {
	list, err := tx.Environments().Quarantined(environmentID)
	if err != nil {
		return nil, err
	}
	for _, q := range list {
		if q.VersionID == versionID {
			return &q, nil
		}
	}
	return nil, nil
}
