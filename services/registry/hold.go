package registry

import (
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// heldVersion refuses to let go of a version that a release needs: one that
// runs, or that a rollback could bring back.
func heldVersion(tx storage.Tx, v models.Version) error {
	needing, err := tx.Releases().Needing(v.ID)
	if err != nil || len(needing) == 0 {
		return err
	}
	r := needing[0]
	return models.Errorf(models.KindConflict, "version %d of %s is held by release %d in %s (%s): it can be deleted when nothing runs it and no rollback leads to it",
		v.Number, v.Model, r.Number, r.Environment, r.State)
}

// heldModel refuses to rename or delete a model that has a release.
func heldModel(tx storage.Tx, m models.RegisteredModel) error {
	environments, err := tx.Environments().All()
	if err != nil {
		return err
	}
	for _, e := range environments {
		if e.ModelID != m.ID {
			continue
		}
		if releases, err := tx.Releases().List(e.ID, 0, 1); err != nil || len(releases) > 0 {
			if err != nil {
				return err
			}
			return models.Errorf(models.KindConflict, "%s has releases in %s, which refer to it by its name: it can be neither renamed nor deleted", m.Name, e.Name)
		}
	}
	return nil
}

// heldAlias refuses to delete the alias that says what is live somewhere.
func heldAlias(tx storage.Tx, m models.RegisteredModel, alias string) error {
	e, err := tx.Environments().Find(m.ID, alias)
	if models.IsKind(err, models.KindNotFound) || err == nil && e.Stable == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	return models.Errorf(models.KindConflict, "the alias %s says what is live in the environment of that name: it goes when nothing is released there", alias)
}
