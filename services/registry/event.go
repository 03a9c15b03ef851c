package registry

import (
	"strconv"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// asPrompt are the names that events have when the model is a prompt.
var asPrompt = map[string]string{
	"REGISTERED_MODEL": "PROMPT", "REGISTERED_MODEL_TAG": "PROMPT_TAG", "MODEL_VERSION": "PROMPT_VERSION",
	"MODEL_VERSION_TAG": "PROMPT_VERSION_TAG", "MODEL_VERSION_ALIAS": "PROMPT_ALIAS",
}

// emit tells of an event. MLflow has none for the tags of registered models.
func (s *Service) emit(tx storage.Tx, prompt bool, entity, action string, data map[string]any) error {
	if prompt {
		entity = asPrompt[entity]
	}
	event := models.WebhookEvent{Entity: entity, Action: action}
	if s.Events == nil || !event.Exists() {
		return nil
	}
	return s.Events.Emit(tx, event, data)
}

func (s *Service) modelCreated(tx storage.Tx, m models.RegisteredModel) error {
	return s.emit(tx, m.IsPrompt(), "REGISTERED_MODEL", "CREATED", map[string]any{
		"name": m.Name, "tags": plain(m.Tags), "description": orNull(m.Description),
	})
}

func (s *Service) versionCreated(tx storage.Tx, v models.Version, prompt bool) error {
	data := map[string]any{
		"name": v.Model, "version": strconv.FormatInt(v.Number, 10), "tags": plain(v.Tags), "description": orNull(v.Description),
	}
	if prompt {
		data["template"] = v.Tags[models.PromptTextTag]
	} else {
		data["source"], data["run_id"] = v.Source, orNull(v.RunID)
	}
	return s.emit(tx, prompt, "MODEL_VERSION", "CREATED", data)
}

func (s *Service) versionTag(tx storage.Tx, v models.Version, key string, value *string) error {
	data := map[string]any{"name": v.Model, "version": strconv.FormatInt(v.Number, 10), "key": key}
	return s.emit(tx, v.IsPrompt(), "MODEL_VERSION_TAG", tagAction(data, value), data)
}

func (s *Service) modelTag(tx storage.Tx, m models.RegisteredModel, key string, value *string) error {
	data := map[string]any{"name": m.Name, "key": key}
	return s.emit(tx, m.IsPrompt(), "REGISTERED_MODEL_TAG", tagAction(data, value), data)
}

func tagAction(data map[string]any, value *string) string {
	if value == nil {
		return "DELETED"
	}
	data["value"] = *value
	return "SET"
}

// plain are the tags that a person set, and not those that make a prompt.
func plain(tags map[string]string) map[string]string {
	list := map[string]string{}
	for key, value := range tags {
		if key != models.PromptTag && key != models.PromptTextTag && key != models.PromptTypeTag {
			list[key] = value
		}
	}
	return list
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}
