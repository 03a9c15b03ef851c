package delivery

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// Validated sends a version that passed, or whose failure is waived, to the
// environments with promote: auto. It is the work of job `validated`.
func (s *Service) Validated(ctx context.Context, validationID int64) error {
	return s.DB.InTx(ctx, func(tx storage.Tx) error {
		v, err := tx.Validations().Get(validationID)
		if err != nil {
			return err
		}
		now, err := tx.Now()
		if err != nil || !v.Accepted(now) {
			return err
		}
		how := "passed"
		if v.State != models.ValidationPassed {
			how = "failed, and what failed is waived"
		}
		return s.auto(tx, v.VersionID, false, fmt.Sprintf("validation %d %s", v.ID, how))
	})
}

// autoAfter goes on to the environments that wait for staging.
func (s *Service) autoAfter(tx storage.Tx, env models.Environment, versionID int64) error {
	if env.Name != models.GateStaging {
		return nil
	}
	return s.auto(tx, versionID, true, "it went live in staging")
}

// auto asks for a promotion in each environment with promote: auto that waits
// for staging, or in each that does not. What a person has taken back, what
// older versions would undo and what a gate refuses is left alone.
func (s *Service) auto(tx storage.Tx, versionID int64, afterStaging bool, reason string) error {
	v, err := tx.Versions().Get(versionID)
	if models.IsKind(err, models.KindNotFound) {
		return nil // deleted meanwhile
	}
	if err != nil {
		return err
	}
	m, err := tx.RegisteredModels().ByID(v.ModelID)
	if err != nil {
		return err
	}
	rev, err := tx.Pipelines().Current(m.ID)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(rev.Pipeline.Environments)) {
		spec := rev.Pipeline.Environments[name]
		if spec.Promote != models.PromoteAuto || slices.Contains(spec.Gates, models.GateStaging) != afterStaging {
			continue
		}
		env, err := tx.Environments().Ensure(m.ID, name)
		if err != nil {
			return err
		}
		w := wish{model: m, version: v, env: env, spec: spec, cause: models.CauseAuto, reason: reason}
		if ok, err := welcome(tx, w); err != nil {
			return err
		} else if !ok {
			continue
		}
		if _, err := s.request(tx, w); err != nil {
			return err
		}
	}
	return nil
}

// welcome tells whether a version may go to an environment by itself.
func welcome(tx storage.Tx, w wish) (bool, error) {
	err := allowed(tx, w)
	if models.IsKind(err, models.KindConflict) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if w.env.Stable != 0 {
		live, err := tx.Releases().Get(w.env.Stable)
		if err != nil || live.Version > w.version.Number {
			return false, err
		}
	}
	unfinished, err := tx.Promotions().List(models.PromotionFilter{EnvironmentID: w.env.ID, Unfinished: true, Limit: 100})
	if err != nil {
		return false, err
	}
	for _, p := range unfinished {
		if p.Version > w.version.Number || p.Cause == models.CauseRollback {
			return false, nil
		}
	}
	results, err := ask(tx, w.spec, w.model.ID, w.version.ID)
	return no(results) == "", err
}
