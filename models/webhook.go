package models

import (
	"slices"
	"strings"
	"time"
)

// WebhookEvent is what happened in the registry, such as CREATED of a
// MODEL_VERSION. The names are MLflow's.
type WebhookEvent struct {
	Entity string `json:"entity"`
	Action string `json:"action"`
}

// webhookActions are the events there are.
var webhookActions = map[string][]string{
	"REGISTERED_MODEL":    {"CREATED"},
	"MODEL_VERSION":       {"CREATED"},
	"MODEL_VERSION_TAG":   {"SET", "DELETED"},
	"MODEL_VERSION_ALIAS": {"CREATED", "DELETED"},
	"PROMPT":              {"CREATED"},
	"PROMPT_VERSION":      {"CREATED"},
	"PROMPT_TAG":          {"SET", "DELETED"},
	"PROMPT_VERSION_TAG":  {"SET", "DELETED"},
	"PROMPT_ALIAS":        {"CREATED", "DELETED"},
	"BUDGET_POLICY":       {"EXCEEDED"},
}

// Exists tells whether there is such an event.
func (e WebhookEvent) Exists() bool { return slices.Contains(webhookActions[e.Entity], e.Action) }

// Check refuses an event that does not exist.
func (e WebhookEvent) Check() error {
	if e.Exists() {
		return nil
	}
	return Errorf(KindInvalid, "Invalid action '%s' for entity '%s'. Valid actions are: %s.", strings.ToLower(e.Action), strings.ToLower(e.Entity),
		strings.ToLower(strings.Join(webhookActions[e.Entity], ", ")))
}

// WebhookStatus tells whether a webhook is called.
type WebhookStatus string

// The statuses of a webhook.
const (
	WebhookActive   WebhookStatus = "ACTIVE"
	WebhookDisabled WebhookStatus = "DISABLED"
)

// Webhook is an address that is told of events.
type Webhook struct {
	Key         int64
	ID          string // a UUID
	Name        string
	Description string
	URL         string
	Events      []WebhookEvent
	Status      WebhookStatus
	Secret      []byte // sealed; nil where deliveries are not signed
	CreatedMS   int64
	UpdatedMS   int64
}

// Hears tells whether a webhook is to be told of an event.
func (w Webhook) Hears(e WebhookEvent) bool {
	return w.Status == WebhookActive && slices.Contains(w.Events, e)
}

// WebhookUpdate holds what changes of a webhook; nil stays.
type WebhookUpdate struct {
	Name, Description, URL *string
	Events                 []WebhookEvent
	Status                 *WebhookStatus
	Secret                 *[]byte // sealed
}

// WebhookDelivery is a message that is still to be delivered.
type WebhookDelivery struct {
	ID       string // a UUID, the same at each attempt
	Webhook  int64
	Body     []byte // JSON
	Attempts int
	Created  time.Time
}
