package webhook

import "github.com/slipway-ml/slipway/models"

// example is what a test sends of an event.
func example(e models.WebhookEvent) map[string]any {
	name := "example_model"
	data := map[string]any{}
	switch e.Entity {
	case "PROMPT", "PROMPT_TAG", "PROMPT_ALIAS", "PROMPT_VERSION", "PROMPT_VERSION_TAG":
		name = "example_prompt"
	}
	switch e.Entity {
	case "REGISTERED_MODEL", "PROMPT":
		data["tags"], data["description"] = map[string]string{"example_key": "example_value"}, "An example"
	case "MODEL_VERSION":
		data["version"], data["source"], data["run_id"] = "1", "models:/123", "abcd1234abcd5678"
		data["tags"], data["description"] = map[string]string{"example_key": "example_value"}, "An example"
	case "PROMPT_VERSION":
		data["version"], data["template"] = "1", "Hello {{name}}!"
		data["tags"], data["description"] = map[string]string{"example_key": "example_value"}, "An example"
	case "MODEL_VERSION_TAG", "PROMPT_VERSION_TAG":
		data["version"], data["key"] = "1", "example_key"
	case "PROMPT_TAG":
		data["key"] = "example_key"
	case "MODEL_VERSION_ALIAS", "PROMPT_ALIAS":
		data["alias"] = "example_alias"
		if e.Action == "CREATED" {
			data["version"] = "1"
		}
	}
	if e.Action == "SET" {
		data["value"] = "example_value"
	}
	data["name"] = name
	return data
}
