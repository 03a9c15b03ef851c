package storage

import "github.com/slipway-ml/slipway/models"

// WebhookStore keeps webhooks and what is still to be delivered to them. An
// unknown id is not_found.
type WebhookStore interface {
	Create(w models.Webhook) error
	Find(id string) (models.Webhook, error)
	Get(key int64) (models.Webhook, error)
	// List gives the webhooks with keys above after, in the order of keys; all
	// of them with limit 0.
	List(after int64, limit int) ([]models.Webhook, error)
	Update(key int64, u models.WebhookUpdate, atMS int64) error
	// Delete removes a webhook with what was to be delivered to it.
	Delete(key int64) error

	Queue(d models.WebhookDelivery) error
	Delivery(id string) (models.WebhookDelivery, error)
	Attempted(id string, attempts int) error
	// Done forgets a delivery; an unknown one is no error.
	Done(id string) error
}
