// Package webhook tells addresses of what happens in the registry. A message
// is written in the transaction of what it tells, and delivered by a job,
// signed, until the address takes it or its attempts are used up.
package webhook

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/dial"
	"github.com/slipway-ml/slipway/services/vault"
	"github.com/slipway-ml/slipway/storage"
)

// Service keeps webhooks and delivers to them.
type Service struct {
	DB      storage.DB
	Vault   *vault.Vault
	Guard   dial.Guard
	Client  *http.Client // of Guard, for every delivery
	Schemes []string     // of URLs that are taken
	Retries int
	Timeout time.Duration // of one request, which Client keeps
	Now     func() time.Time
	Log     *slog.Logger

	Metrics *Metrics

	quiet quiet
}

// New is a webhook to be made.
type New struct {
	Name, Description, URL, Secret string
	Events                         []models.WebhookEvent
	Status                         models.WebhookStatus // "" is active
}

// Create makes a webhook.
func (s *Service) Create(ctx context.Context, in New) (models.Webhook, error) {
	now := s.Now().UnixMilli()
	w := models.Webhook{
		ID: uuid.NewString(), Name: in.Name, Description: in.Description, URL: in.URL, Events: in.Events, Status: in.Status,
		CreatedMS: now, UpdatedMS: now,
	}
	if w.Status == "" {
		w.Status = models.WebhookActive
	}
	if err := s.check(ctx, &w.Name, &w.Description, &w.URL, w.Events); err != nil {
		return w, err
	}
	if len(w.Events) == 0 {
		return w, models.Errorf(models.KindInvalid, "Webhook events must be a non-empty list of WebhookEvent objects: [].")
	}
	defer s.quiet.end()
	err := s.DB.InTx(ctx, func(tx storage.Tx) (err error) {
		if in.Secret != "" {
			if w.Secret, err = s.Vault.Seal(tx, w.ID, in.Secret); err != nil {
				return err
			}
		}
		if err := tx.Webhooks().Create(w); err != nil {
			return err
		}
		return tx.Audit(models.AuditRecord{Action: "webhook.created", Reason: w.Name})
	})
	return w, err
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)

func (s *Service) check(ctx context.Context, name, description, address *string, events []models.WebhookEvent) error {
	if name != nil && !nameForm.MatchString(*name) {
		return models.Errorf(models.KindInvalid, "Webhook name %q is invalid: use 1 to 63 letters, digits, dots, underscores and hyphens, with a letter or digit at both ends.", *name)
	}
	if description != nil {
		if err := models.CheckText("description", *description); err != nil {
			return err
		}
	}
	for _, e := range events {
		if err := e.Check(); err != nil {
			return err
		}
	}
	if address == nil {
		return nil
	}
	if strings.TrimSpace(*address) == "" {
		return models.Errorf(models.KindInvalid, "Webhook URL cannot be empty or just whitespace: %q", *address)
	}
	u, err := s.address(*address)
	if err != nil || s.Guard.AllowPrivate {
		return err
	}
	if err := s.Guard.Check(ctx, u.Hostname()); err != nil {
		return models.Errorf(models.KindInvalid, "Webhook URL host %q must resolve to public addresses; --webhook-allow-private-ips allows others.", u.Hostname()).Because(err)
	}
	return nil
}

// address reads a webhook's URL.
func (s *Service) address(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, models.Errorf(models.KindInvalid, "Invalid webhook URL %q", text).Because(err)
	case !slices.Contains(s.Schemes, u.Scheme):
		return nil, models.Errorf(models.KindInvalid, "Invalid webhook URL scheme: '%s'. Allowed schemes are: %s.", u.Scheme, strings.Join(s.Schemes, ", "))
	case u.Hostname() == "":
		return nil, models.Errorf(models.KindInvalid, "Webhook URL must include a hostname: %q", text)
	}
	return u, nil
}

// Get finds a webhook.
func (s *Service) Get(ctx context.Context, id string) (w models.Webhook, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) (err error) {
		w, err = tx.Webhooks().Find(id)
		return err
	})
	return w, err
}

// List gives webhooks with keys above after.
func (s *Service) List(ctx context.Context, after int64, limit int) (list []models.Webhook, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) (err error) {
		list, err = tx.Webhooks().List(after, limit)
		return err
	})
	return list, err
}

// Update changes what u holds; secret "" takes the secret away, nil leaves it.
func (s *Service) Update(ctx context.Context, id string, u models.WebhookUpdate, secret *string) (models.Webhook, error) {
	if err := s.check(ctx, u.Name, u.Description, u.URL, u.Events); err != nil {
		return models.Webhook{}, err
	}
	var w models.Webhook
	err := s.DB.InTx(ctx, func(tx storage.Tx) (err error) {
		if w, err = tx.Webhooks().Find(id); err != nil {
			return err
		}
		if secret != nil {
			var sealed []byte
			if *secret != "" {
				if sealed, err = s.Vault.Seal(tx, id, *secret); err != nil {
					return err
				}
			}
			u.Secret = &sealed
		}
		if err := tx.Webhooks().Update(w.Key, u, s.Now().UnixMilli()); err != nil {
			return err
		}
		if w, err = tx.Webhooks().Find(id); err != nil {
			return err
		}
		return tx.Audit(models.AuditRecord{Action: "webhook.updated", Reason: w.Name})
	})
	return w, err
}

// Delete removes a webhook; what was still to be delivered to it is dropped.
func (s *Service) Delete(ctx context.Context, id string) error {
	return s.DB.InTx(ctx, func(tx storage.Tx) error {
		w, err := tx.Webhooks().Find(id)
		if err != nil {
			return err
		}
		if err := tx.Webhooks().Delete(w.Key); err != nil {
			return err
		}
		return tx.Audit(models.AuditRecord{Action: "webhook.deleted", Reason: w.Name})
	})
}

// Broken tells whether a webhook's secret cannot be read: another key sealed it.
func (s *Service) Broken(w models.Webhook) bool {
	if w.Secret == nil {
		return false
	}
	_, err := s.Vault.Open(w.ID, w.Secret)
	return err != nil
}
