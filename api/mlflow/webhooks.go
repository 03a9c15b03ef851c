package mlflow

import (
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/webhook"
)

// Webhooks handles the registry's webhooks.
type Webhooks struct {
	Service *webhook.Service
}

type webhookEvent struct {
	Entity string `json:"entity" enum:"REGISTERED_MODEL,MODEL_VERSION,MODEL_VERSION_TAG,MODEL_VERSION_ALIAS,PROMPT,PROMPT_VERSION,PROMPT_TAG,PROMPT_VERSION_TAG,PROMPT_ALIAS,BUDGET_POLICY"`
	Action string `json:"action" enum:"CREATED,UPDATED,DELETED,SET,EXCEEDED"`
}

type webhookReply struct {
	ID          string         `json:"webhook_id"`
	Name        string         `json:"name"`
	Description string         `json:"description,omitempty"`
	URL         string         `json:"url"`
	Events      []webhookEvent `json:"events"`
	Status      string         `json:"status"`
	Created     int64          `json:"creation_timestamp"`
	Updated     int64          `json:"last_updated_timestamp"`
	Broken      string         `json:"broken,omitempty"` // our own: why nothing is delivered
}

func (w Webhooks) reply(hook models.Webhook) webhookReply {
	r := webhookReply{
		ID: hook.ID, Name: hook.Name, Description: hook.Description, URL: hook.URL, Status: string(hook.Status),
		Created: hook.CreatedMS, Updated: hook.UpdatedMS, Events: make([]webhookEvent, len(hook.Events)),
	}
	for i, e := range hook.Events {
		r.Events[i] = webhookEvent(e)
	}
	if w.Service.Broken(hook) {
		r.Broken = "its secret was sealed with another key: set it anew"
	}
	return r
}

func (w Webhooks) answer(c *gin.Context, hook models.Webhook, err error) error {
	if err != nil {
		return err
	}
	return answer(c, struct {
		Webhook webhookReply `json:"webhook"`
	}{w.reply(hook)})
}

func eventsOf(list []webhookEvent) []models.WebhookEvent {
	events := make([]models.WebhookEvent, len(list))
	for i, e := range list {
		events[i] = models.WebhookEvent(e)
	}
	return events
}

// Create answers POST webhooks.
func (w Webhooks) Create(c *gin.Context) error {
	var in struct {
		Name        string         `json:"name" mlflow:"required"`
		URL         string         `json:"url" mlflow:"required"`
		Events      []webhookEvent `json:"events" mlflow:"required"`
		Description string         `json:"description"`
		Secret      string         `json:"secret"`
		Status      string         `json:"status" enum:"ACTIVE,DISABLED"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	hook, err := w.Service.Create(c.Request.Context(), webhook.New{
		Name: in.Name, Description: in.Description, URL: in.URL, Secret: in.Secret, Events: eventsOf(in.Events), Status: models.WebhookStatus(in.Status),
	})
	return w.answer(c, hook, err)
}

// List answers GET webhooks.
func (w Webhooks) List(c *gin.Context) error {
	var in struct {
		MaxResults *int64 `json:"max_results"`
		PageToken  string `json:"page_token"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	limit := orDefault(in.MaxResults, 100)
	if limit < 1 || limit > 1000 {
		return models.Errorf(models.KindInvalid, "Invalid value %d for parameter 'max_results' supplied: It must be between 1 and 1000", limit)
	}
	after := int64(0)
	if in.PageToken != "" {
		var err error
		if after, err = strconv.ParseInt(in.PageToken, 36, 64); err != nil {
			return models.Errorf(models.KindInvalid, "Invalid page token '%.100s': give back the next_page_token of the answer before, as it stands", in.PageToken)
		}
	}
	list, err := w.Service.List(c.Request.Context(), after, int(limit)+1)
	if err != nil {
		return err
	}
	var out struct {
		Webhooks []webhookReply `json:"webhooks,omitempty"`
		Next     string         `json:"next_page_token,omitempty"`
	}
	if len(list) > int(limit) {
		list = list[:limit]
		out.Next = strconv.FormatInt(list[limit-1].Key, 36)
	}
	for _, hook := range list {
		out.Webhooks = append(out.Webhooks, w.reply(hook))
	}
	return answer(c, out)
}

// Get answers GET webhooks/ID.
func (w Webhooks) Get(c *gin.Context) error {
	hook, err := w.Service.Get(c.Request.Context(), c.Param("webhook_id"))
	return w.answer(c, hook, err)
}

// Update answers PATCH webhooks/ID.
func (w Webhooks) Update(c *gin.Context) error {
	var in struct {
		Name        *string        `json:"name"`
		URL         *string        `json:"url"`
		Events      []webhookEvent `json:"events"`
		Description *string        `json:"description"`
		Secret      *string        `json:"secret"`
		Status      *string        `json:"status" enum:"ACTIVE,DISABLED"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	u := models.WebhookUpdate{Name: filled(in.Name), URL: filled(in.URL), Description: in.Description, Status: (*models.WebhookStatus)(filled(in.Status))}
	if len(in.Events) > 0 {
		u.Events = eventsOf(in.Events)
	}
	hook, err := w.Service.Update(c.Request.Context(), c.Param("webhook_id"), u, in.Secret)
	return w.answer(c, hook, err)
}

// filled takes "" for absent, as MLflow does where nothing else can be meant.
func filled(s *string) *string {
	if s == nil || *s == "" {
		return nil
	}
	return s
}

// Delete answers DELETE webhooks/ID.
func (w Webhooks) Delete(c *gin.Context) error {
	return done(c, w.Service.Delete(c.Request.Context(), c.Param("webhook_id")))
}

// Test answers POST webhooks/ID/test.
func (w Webhooks) Test(c *gin.Context) error {
	var in struct {
		Event *webhookEvent `json:"event"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	result, err := w.Service.Test(c.Request.Context(), c.Param("webhook_id"), (*models.WebhookEvent)(in.Event))
	if err != nil {
		return err
	}
	type reply struct {
		Success bool   `json:"success"`
		Status  int    `json:"response_status,omitempty"`
		Body    string `json:"response_body,omitempty"`
		Error   string `json:"error_message,omitempty"`
	}
	return answer(c, struct {
		Result reply `json:"result"`
	}{reply(result)})
}
