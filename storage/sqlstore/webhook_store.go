package sqlstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

type webhookRow struct {
	Key         int64 `gorm:"primaryKey"`
	ID          string
	Name        string
	Description string
	URL         string `gorm:"column:url"`
	Events      string // JSON
	Status      models.WebhookStatus
	Secret      []byte
	CreatedMS   int64 `gorm:"column:created_ms"`
	UpdatedMS   int64 `gorm:"column:updated_ms"`
}

func (webhookRow) TableName() string { return "webhook" }

func (r webhookRow) model() (models.Webhook, error) {
	w := models.Webhook{
		Key: r.Key, ID: r.ID, Name: r.Name, Description: r.Description, URL: r.URL, Status: r.Status,
		Secret: r.Secret, CreatedMS: r.CreatedMS, UpdatedMS: r.UpdatedMS,
	}
	if err := json.Unmarshal([]byte(r.Events), &w.Events); err != nil {
		return w, fmt.Errorf("read the events of webhook %s: %w", r.ID, err)
	}
	return w, nil
}

type deliveryRow struct {
	ID        string `gorm:"primaryKey"`
	Webhook   int64
	Body      []byte
	Attempts  int
	CreatedUS int64 `gorm:"column:created_us"`
}

func (deliveryRow) TableName() string { return "webhook_delivery" }

type webhooks struct{ *tx }

// Webhooks implements storage.Tx.
func (t *tx) Webhooks() storage.WebhookStore { return webhooks{t.alone()} }

func (t webhooks) Create(w models.Webhook) error {
	events, err := json.Marshal(w.Events)
	if err != nil {
		return err
	}
	return t.db.Create(&webhookRow{
		ID: w.ID, Name: w.Name, Description: w.Description, URL: w.URL, Events: string(events), Status: w.Status,
		Secret: w.Secret, CreatedMS: w.CreatedMS, UpdatedMS: w.UpdatedMS,
	}).Error
}

func (t webhooks) Find(id string) (models.Webhook, error) { return t.one("id = ?", id) }

func (t webhooks) Get(key int64) (models.Webhook, error) { return t.one("key = ?", key) }

func (t webhooks) one(where string, what any) (models.Webhook, error) {
	var row webhookRow
	err := t.db.Where(where, what).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return models.Webhook{}, models.Errorf(models.KindNotFound, "Webhook with ID %v not found.", what)
	}
	if err != nil {
		return models.Webhook{}, err
	}
	return row.model()
}

func (t webhooks) List(after int64, limit int) ([]models.Webhook, error) {
	q := t.db.Where("key > ?", after).Order("key")
	if limit > 0 {
		q = q.Limit(limit)
	}
	var rows []webhookRow
	if err := q.Find(&rows).Error; err != nil {
		return nil, err
	}
	list := make([]models.Webhook, len(rows))
	for i, row := range rows {
		var err error
		if list[i], err = row.model(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (t webhooks) Update(key int64, u models.WebhookUpdate, atMS int64) error {
	set := map[string]any{"updated_ms": atMS}
	for column, value := range map[string]*string{"name": u.Name, "description": u.Description, "url": u.URL} {
		if value != nil {
			set[column] = *value
		}
	}
	if u.Status != nil {
		set["status"] = *u.Status
	}
	if u.Secret != nil {
		set["secret"] = *u.Secret
	}
	if u.Events != nil {
		events, err := json.Marshal(u.Events)
		if err != nil {
			return err
		}
		set["events"] = string(events)
	}
	return t.db.Model(&webhookRow{}).Where("key = ?", key).Updates(set).Error
}

func (t webhooks) Delete(key int64) error {
	if err := t.db.Where("webhook = ?", key).Delete(&deliveryRow{}).Error; err != nil {
		return err
	}
	return t.db.Where("key = ?", key).Delete(&webhookRow{}).Error
}

func (t webhooks) Queue(d models.WebhookDelivery) error {
	return t.db.Create(&deliveryRow{ID: d.ID, Webhook: d.Webhook, Body: d.Body, CreatedUS: d.Created.UnixMicro()}).Error
}

func (t webhooks) Delivery(id string) (models.WebhookDelivery, error) {
	var row deliveryRow
	err := t.db.Where("id = ?", id).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return models.WebhookDelivery{}, models.Errorf(models.KindNotFound, "Delivery %s is done or was never made.", id)
	}
	return models.WebhookDelivery{ID: row.ID, Webhook: row.Webhook, Body: row.Body, Attempts: row.Attempts, Created: time.UnixMicro(row.CreatedUS).UTC()}, err
}

func (t webhooks) Attempted(id string, attempts int) error {
	return t.db.Model(&deliveryRow{}).Where("id = ?", id).Update("attempts", attempts).Error
}

func (t webhooks) Done(id string) error {
	return t.db.Where("id = ?", id).Delete(&deliveryRow{}).Error
}
