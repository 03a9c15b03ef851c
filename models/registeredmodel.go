package models

import (
	"strings"
	"time"
	"unicode/utf8"
)

// The longest texts of the registry, as MLflow limits them.
const (
	maxModelName        = 256
	maxRegistryTagKey   = 250
	maxRegistryTagValue = 100_000
)

// PromptTag marks the registered models and versions that are prompts.
const PromptTag = "mlflow.prompt.is_prompt"

// The tags in which a prompt's version has its text and the kind of that.
const (
	PromptTextTag = "mlflow.prompt.text"
	PromptTypeTag = "_mlflow_prompt_type"
)

// RegisteredModel is a name under which versions stand.
type RegisteredModel struct {
	ID          int64
	Name        string
	Description string
	Created     time.Time
	Updated     time.Time
	Tags        map[string]string
	Aliases     map[string]int64 // alias → version number
	Pipelined   bool             // it has a pipeline; known of one that was asked for by name or id
}

// IsPrompt tells whether it is MLflow's prompt and no model.
func (m RegisteredModel) IsPrompt() bool { return IsPrompt(m.Tags) }

// IsPrompt tells whether these are the tags of a prompt.
func IsPrompt(tags map[string]string) bool { return strings.EqualFold(tags[PromptTag], "true") }

// IsPromptSource tells whether a source is what MLflow's clients send for a
// prompt's version, which has no files.
func IsPromptSource(source string) bool {
	return source == "dummy-source" || source == "prompt-template"
}

// RegisteredModelUpdate changes the fields that are set.
type RegisteredModelUpdate struct {
	Name        *string
	Description *string
}

// CheckModelName refuses names that MLflow refuses: blank ones, those with a
// slash or a colon (models:/NAME/1 could not be read) and "." or "..".
func CheckModelName(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return Errorf(KindInvalid, "Registered model name cannot be empty.")
	case strings.ContainsAny(name, "/:") || name == "." || name == "..":
		return Errorf(KindInvalid, "Invalid name: '%s'. Registered model name cannot contain '/' or ':', nor be '.' or '..'.", name)
	case utf8.RuneCountInString(name) > maxModelName:
		return Errorf(KindInvalid, "Registered model name is %d characters long, at most %d are allowed.", utf8.RuneCountInString(name), maxModelName)
	}
	return CheckText("name", name)
}

// CheckRegistryTag refuses tags of models and versions that cannot be kept.
func CheckRegistryTag(key, value string) error {
	switch {
	case key == "":
		return Errorf(KindInvalid, "Missing value for required parameter 'key'. See the API docs for more information about request parameters.")
	case utf8.RuneCountInString(value) > maxRegistryTagValue:
		return Errorf(KindInvalid, "'value' of tag '%s' exceeds the maximum length of %d characters", key, maxRegistryTagValue)
	}
	if err := CheckKey("key", key, maxRegistryTagKey); err != nil {
		return err
	}
	return CheckText("value", value)
}

// CheckText refuses what not every database can hold as text.
func CheckText(field, text string) error {
	if strings.ContainsRune(text, 0) || !utf8.ValidString(text) {
		return Errorf(KindInvalid, "Invalid value for parameter '%s' supplied: it has a NUL character or is not UTF-8", field)
	}
	return nil
}
