package registry

import (
	"context"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// CreateModel registers a name, else exists.
func (s *Service) CreateModel(ctx context.Context, name, description string, tags map[string]string) (m models.RegisteredModel, err error) {
	if err := checkModel(name, description, tags); err != nil {
		return m, err
	}
	err = s.DB.InTx(ctx, func(tx storage.Tx) (err error) {
		if m, err = tx.RegisteredModels().Create(models.RegisteredModel{Name: name, Description: description, Tags: tags}); err != nil {
			return err
		}
		if err := s.modelCreated(tx, m); err != nil {
			return err
		}
		return tx.Audit(models.AuditRecord{Action: "model.created", Model: name})
	})
	return m, err
}

func checkModel(name, description string, tags map[string]string) error {
	if err := models.CheckModelName(name); err != nil {
		return err
	}
	return checkTexts(description, tags)
}

func checkTexts(description string, tags map[string]string) error {
	for key, value := range tags {
		if err := models.CheckRegistryTag(key, value); err != nil {
			return err
		}
	}
	return models.CheckText("description", description)
}

// Model finds a registered model, with the newest version of each stage.
func (s *Service) Model(ctx context.Context, name string) (m models.RegisteredModel, latest []models.Version, err error) {
	if err := models.CheckModelName(name); err != nil {
		return m, nil, err
	}
	err = s.DB.View(ctx, func(tx storage.Tx) (err error) {
		if m, err = tx.RegisteredModels().Get(name); err == nil {
			latest, err = tx.Versions().Latest(m.ID)
		}
		return err
	})
	return m, latest, err
}

// UpdateModel changes a model's description.
func (s *Service) UpdateModel(ctx context.Context, name, description string) (models.RegisteredModel, []models.Version, error) {
	if err := models.CheckText("description", description); err != nil {
		return models.RegisteredModel{}, nil, err
	}
	err := s.withModel(ctx, name, func(tx storage.Tx, m models.RegisteredModel) error {
		if err := tx.RegisteredModels().Update(m.ID, models.RegisteredModelUpdate{Description: &description}); err != nil || m.IsPrompt() {
			return err
		}
		return tx.Audit(described(m.Name, 0, m.Description, description))
	})
	if err != nil {
		return models.RegisteredModel{}, nil, err
	}
	return s.Model(ctx, name)
}

// RenameModel gives a model another name that is free. What a release needs
// keeps its name.
func (s *Service) RenameModel(ctx context.Context, name, to string) (models.RegisteredModel, []models.Version, error) {
	if err := models.CheckModelName(to); err != nil {
		return models.RegisteredModel{}, nil, err
	}
	err := s.withModel(ctx, name, func(tx storage.Tx, m models.RegisteredModel) error {
		if err := heldModel(tx, m); err != nil {
			return err
		}
		if err := tx.RegisteredModels().Update(m.ID, models.RegisteredModelUpdate{Name: &to}); err != nil {
			return err
		}
		return tx.Audit(models.AuditRecord{Action: "model.renamed", Model: to, Reason: "was " + name})
	})
	if err != nil {
		return models.RegisteredModel{}, nil, err
	}
	return s.Model(ctx, to)
}

// DeleteModel removes a model with its versions, unless a release needs one.
func (s *Service) DeleteModel(ctx context.Context, name string) error {
	return s.withModel(ctx, name, func(tx storage.Tx, m models.RegisteredModel) error {
		if err := heldModel(tx, m); err != nil {
			return err
		}
		if err := tx.RegisteredModels().Delete(m.ID); err != nil {
			return err
		}
		return tx.Audit(models.AuditRecord{Action: "model.deleted", Model: name})
	})
}

// SetModelTag sets a tag.
func (s *Service) SetModelTag(ctx context.Context, name, key, value string) error {
	if err := models.CheckRegistryTag(key, value); err != nil {
		return err
	}
	return s.withModel(ctx, name, func(tx storage.Tx, m models.RegisteredModel) error {
		if err := tx.RegisteredModels().SetTag(m.ID, key, value); err != nil {
			return err
		}
		if err := s.modelTag(tx, m, key, &value); err != nil || m.IsPrompt() {
			return err
		}
		return auditTag(tx, m.Name, 0, m.Tags, key, &value)
	})
}

// DeleteModelTag removes a tag; a missing one is no error.
func (s *Service) DeleteModelTag(ctx context.Context, name, key string) error {
	if err := models.CheckRegistryTag(key, ""); err != nil {
		return err
	}
	return s.withModel(ctx, name, func(tx storage.Tx, m models.RegisteredModel) error {
		if err := tx.RegisteredModels().DeleteTag(m.ID, key); err != nil {
			return err
		}
		if err := s.modelTag(tx, m, key, nil); err != nil || m.IsPrompt() {
			return err
		}
		return auditTag(tx, m.Name, 0, m.Tags, key, nil)
	})
}

func (s *Service) withModel(ctx context.Context, name string, fn func(storage.Tx, models.RegisteredModel) error) error {
	if err := models.CheckModelName(name); err != nil {
		return err
	}
	return s.DB.InTx(ctx, func(tx storage.Tx) error {
		m, err := tx.RegisteredModels().Get(name)
		if err != nil {
			return err
		}
		return fn(tx, m)
	})
}
