package registry

import (
	"context"
	"fmt"
	"strconv"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// SetAlias points an alias at a version. The name of one of the model's
// environments is a request to promote: the alias moves when that is live.
func (s *Service) SetAlias(ctx context.Context, model, alias string, version int64) error {
	if err := models.CheckAlias(alias); err != nil {
		return err
	}
	if err := models.CheckModelName(model); err != nil {
		return err
	}
	if handled, err := s.requested(ctx, model, alias, version); handled || err != nil {
		return err
	}
	err := s.withModel(ctx, model, func(tx storage.Tx, m models.RegisteredModel) error {
		if err := tx.RegisteredModels().SetAlias(m.ID, alias, version); err != nil {
			return err
		}
		if err := s.emit(tx, m.IsPrompt(), "MODEL_VERSION_ALIAS", "CREATED", map[string]any{
			"name": model, "alias": alias, "version": strconv.FormatInt(version, 10),
		}); err != nil {
			return err
		}
		return tx.Audit(models.AuditRecord{Action: "alias.set", Model: model, Version: version, Reason: "@" + alias})
	})
	if models.IsKind(err, models.KindNotFound) { // MLflow asks for the version first
		return models.Errorf(models.KindNotFound, "Model Version (name=%s, version=%d) not found", model, version)
	}
	return err
}

// DeleteAlias removes an alias; a missing one is no error. That of an
// environment stays while a release takes its traffic.
func (s *Service) DeleteAlias(ctx context.Context, model, alias string) error {
	if err := models.CheckAlias(alias); err != nil {
		return err
	}
	return s.withModel(ctx, model, func(tx storage.Tx, m models.RegisteredModel) error {
		version, ok := m.Aliases[alias]
		if !ok {
			return nil
		}
		if err := heldAlias(tx, m, alias); err != nil {
			return err
		}
		if err := tx.RegisteredModels().DeleteAlias(m.ID, alias); err != nil {
			return err
		}
		if err := s.emit(tx, m.IsPrompt(), "MODEL_VERSION_ALIAS", "DELETED", map[string]any{"name": model, "alias": alias}); err != nil {
			return err
		}
		return tx.Audit(models.AuditRecord{Action: "alias.deleted", Model: model, Version: version, Reason: "@" + alias})
	})
}

// Aliased finds the version an alias points at. An unknown alias is invalid,
// as MLflow has it; "latest" is the highest version.
func (s *Service) Aliased(ctx context.Context, model, alias string) (v models.Version, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) (err error) {
		v, err = aliased(tx, model, alias)
		return err
	})
	return v, err
}

func aliased(tx storage.Tx, model, alias string) (models.Version, error) {
	m, err := tx.RegisteredModels().Get(model)
	if err != nil {
		return models.Version{}, err
	}
	if models.IsLatest(alias) {
		return tx.Versions().Newest(m.ID)
	}
	number, ok := m.Aliases[alias]
	if !ok {
		return models.Version{}, models.Errorf(models.KindInvalid, "Registered model alias %s not found.", alias)
	}
	return tx.Versions().ByNumber(model, number)
}

// Transition moves a version to a stage, and on request archives what stood
// there. A stage that one of the model's environments mirrors is a request to
// promote, as an alias of that name is.
func (s *Service) Transition(ctx context.Context, model string, number int64, name string, archive bool) (models.Version, error) {
	stage, err := models.ParseStage(name)
	if err != nil {
		return models.Version{}, err
	}
	v, err := s.Version(ctx, model, number)
	if err != nil {
		return v, err
	}
	environment, mirrored := stage.Environment()
	if archive && !mirrored {
		return v, models.Errorf(models.KindInvalid, "archive_existing_versions cannot be true when the target stage is %s: use it with Staging or Production.", stage)
	}
	if mirrored {
		if handled, err := s.requested(ctx, model, environment, number); handled || err != nil {
			return v, err
		}
	}
	err = s.withVersion(ctx, model, number, func(tx storage.Tx, v models.Version) error {
		if err := tx.Versions().Update(v.ID, models.VersionUpdate{Stage: &stage}); err != nil {
			return err
		}
		if archive {
			if err := tx.Versions().Restage(v.ModelID, stage, models.StageArchived, v.ID); err != nil {
				return err
			}
		}
		return tx.Audit(models.AuditRecord{Action: "stage.changed", Model: model, Version: number, Reason: fmt.Sprintf("from %s to %s", v.Stage, stage)})
	})
	if err != nil {
		return v, err
	}
	return s.Version(ctx, model, number)
}
