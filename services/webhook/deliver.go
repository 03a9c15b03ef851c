package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/dial"
	"github.com/slipway-ml/slipway/services/job"
	"github.com/slipway-ml/slipway/storage"
)

// quietTime is how long a server goes on believing that there is no webhook:
// one that another server makes is heard after it.
const quietTime = 2 * time.Second

// Emit writes a message for each webhook that hears an event, in the
// transaction of what happened.
func (s *Service) Emit(tx storage.Tx, event models.WebhookEvent, data any) error {
	heard, begun := s.quiet.now(s.Now())
	if heard {
		return nil
	}
	all, err := tx.Webhooks().List(0, 0)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		s.quiet.begin(begun, s.Now().Add(quietTime))
	}
	for _, w := range all {
		if !w.Hears(event) {
			continue
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		d := models.WebhookDelivery{ID: uuid.NewString(), Webhook: w.Key, Created: now}
		if d.Body, err = message(event, now, data); err != nil {
			return err
		}
		if err := tx.Webhooks().Queue(d); err != nil {
			return err
		}
		if err := tx.Enqueue(models.JobWebhook, deliveryArgs{d.ID}); err != nil {
			return err
		}
	}
	return nil
}

func message(event models.WebhookEvent, now time.Time, data any) ([]byte, error) {
	return json.Marshal(struct {
		Entity    string `json:"entity"`
		Action    string `json:"action"`
		Timestamp string `json:"timestamp"`
		Data      any    `json:"data"`
	}{strings.ToLower(event.Entity), strings.ToLower(event.Action), now.UTC().Format("2006-01-02T15:04:05.000000+00:00"), data})
}

type deliveryArgs struct {
	DeliveryID string `json:"delivery_id"`
}

// Worker delivers.
type Worker struct{ *Service }

// Kind implements job.Worker.
func (Worker) Kind() string { return models.JobWebhook }

// Timeout implements job.Worker.
func (w Worker) Timeout() time.Duration { return w.Service.Timeout + 10*time.Second }

// Work implements job.Worker. A delivery that was done is forgotten, so that a
// job which runs again sends nothing; one that is cut off after the address
// took it comes again, with the same delivery id.
func (w Worker) Work(ctx context.Context, j job.Job) error {
	var args deliveryArgs
	if err := j.Decode(&args); err != nil {
		return err
	}
	var d models.WebhookDelivery
	var to models.Webhook
	err := w.DB.View(ctx, func(tx storage.Tx) (err error) {
		if d, err = tx.Webhooks().Delivery(args.DeliveryID); err != nil {
			return err
		}
		to, err = tx.Webhooks().Get(d.Webhook)
		return err
	})
	if models.IsKind(err, models.KindNotFound) {
		return nil // done, or the webhook is gone
	}
	if err != nil {
		return err
	}
	if to.Status != models.WebhookActive {
		return w.end(ctx, d.ID, givenUp)
	}
	a := w.send(ctx, to, d.ID, d.Body)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	switch {
	case a.err == nil && a.status < http.StatusMultipleChoices:
		return w.end(ctx, d.ID, delivered)
	case !a.again() || d.Attempts >= w.Retries:
		w.Log.WarnContext(ctx, "a webhook's message is given up", "webhook", to.Name, "delivery", d.ID, "status", a.status, "reason", a.reason())
		return w.end(ctx, d.ID, givenUp)
	}
	w.Metrics.deliveries.WithLabelValues(retried).Inc()
	if err := w.DB.InTx(ctx, func(tx storage.Tx) error { return tx.Webhooks().Attempted(d.ID, d.Attempts+1) }); err != nil {
		return err
	}
	return job.Later(max(a.after, min(time.Second<<d.Attempts, time.Minute)))
}

func (w Worker) end(ctx context.Context, id, outcome string) error {
	err := w.DB.InTx(ctx, func(tx storage.Tx) error { return tx.Webhooks().Done(id) })
	if err == nil {
		w.Metrics.deliveries.WithLabelValues(outcome).Inc()
	}
	return err
}

// attempt is how an address answered.
type attempt struct {
	status int
	body   string
	after  time.Duration // as it asks to wait
	err    error
}

// again tells whether another attempt can help.
func (a attempt) again() bool {
	if a.err != nil {
		var told *models.Error // what is wrong is the webhook
		return !errors.Is(a.err, dial.ErrPrivate) && !errors.As(a.err, &told)
	}
	switch a.status {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// The most that is read of an answer, and the longest that an address may ask
// to wait.
const (
	maxAnswer = 64 << 10
	maxAfter  = time.Hour
)

// send makes one request. The signature is that of Standard Webhooks
// (standardwebhooks.com) under MLflow's header names: HMAC-SHA256 of
// "id.timestamp.body".
func (s *Service) send(ctx context.Context, to models.Webhook, id string, body []byte) attempt {
	if _, err := s.address(to.URL); err != nil {
		return attempt{err: err} // what is allowed may have changed since it was made
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(body))
	if err != nil {
		return attempt{err: err}
	}
	stamp := strconv.FormatInt(s.Now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-MLflow-Delivery-Id", id)
	req.Header["Idempotency-Key"] = nil // not sent; a kept connection that turns out to be closed is replaced
	req.Header.Set("X-MLflow-Timestamp", stamp)
	if to.Secret != nil {
		secret, err := s.Vault.Open(to.ID, to.Secret)
		if err != nil {
			return attempt{err: models.Errorf(models.KindConflict, "the secret of webhook %s cannot be read: set it anew", to.Name).Because(err)}
		}
		mac := hmac.New(sha256.New, []byte(secret))
		_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, stamp, body)
		req.Header.Set("X-MLflow-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	began := s.Now()
	defer func() { s.Metrics.duration.Observe(s.Now().Sub(began).Seconds()) }()
	res, err := s.Client.Do(req)
	if err != nil {
		return attempt{err: err}
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	return attempt{status: res.StatusCode, body: string(answer), after: retryAfter(res.Header.Get("Retry-After"), s.Now()), err: err}
}

// retryAfter reads seconds or a date (RFC 9110, section 10.2.3).
func retryAfter(value string, now time.Time) time.Duration {
	wait := time.Duration(0)
	if seconds, err := strconv.Atoi(value); err == nil {
		wait = time.Duration(min(seconds, int(maxAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxAfter)
}

// Result is what a test of a webhook showed.
type Result struct {
	Success bool
	Status  int
	Body    string
	Error   string
}

// Test sends an example of an event, once; of the webhook's first one without.
func (s *Service) Test(ctx context.Context, id string, event *models.WebhookEvent) (Result, error) {
	w, err := s.Get(ctx, id)
	if err != nil {
		return Result{}, err
	}
	if event == nil {
		event = &w.Events[0]
	}
	if err := event.Check(); err != nil {
		return Result{}, err
	}
	body, err := message(*event, s.Now(), example(*event))
	if err != nil {
		return Result{}, err
	}
	a := s.send(ctx, w, uuid.NewString(), body)
	if why := a.reason(); why != "" {
		return Result{Error: "The request failed: " + why}, nil
	}
	return Result{Success: a.status < http.StatusBadRequest, Status: a.status, Body: a.body}, nil
}

// reason tells why there was no answer, "" where there was one.
func (a attempt) reason() string {
	var told *models.Error
	switch {
	case a.err == nil:
		return ""
	case errors.As(a.err, &told):
		return told.Message
	case errors.Is(a.err, dial.ErrPrivate):
		return dial.ErrPrivate.Error()
	case errors.Is(a.err, context.DeadlineExceeded):
		return "no answer in time"
	}
	if known := (*url.Error)(nil); errors.As(a.err, &known) {
		return known.Err.Error() // without the URL, which may hold a token
	}
	return a.err.Error()
}
