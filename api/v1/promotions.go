package v1

import (
	"context"
	"strconv"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/openapi/server"
	"github.com/slipway-ml/slipway/services/delivery"
)

// Promotions answers what is asked of rollouts, and asks for them.
type Promotions struct {
	Delivery *delivery.Service
}

// CreatePromotion asks for a version to be released.
func (h Promotions) CreatePromotion(ctx context.Context, r server.CreatePromotionRequestObject) (server.CreatePromotionResponseObject, error) {
	if (r.Body.Version == "") == (r.Body.Alias == "") {
		return nil, invalid(models.Detail{Field: "version", Message: "give a version or an alias, one of them"})
	}
	ask := delivery.Request{
		Model: r.Model, Environment: r.Environment, Alias: r.Body.Alias, Cause: models.CauseManual, Reason: r.Body.Reason,
	}
	if r.Body.Version != "" {
		var err error
		if ask.Version, err = strconv.ParseInt(r.Body.Version, 10, 64); err != nil {
			return nil, invalid(models.Detail{Field: "version", Message: "is not the number of a version"})
		}
	}
	p, err := h.Delivery.Promote(ctx, ask)
	if err != nil {
		return nil, err
	}
	return server.CreatePromotion202JSONResponse(wirePromotion(p)), nil
}

// ListPromotions lists an environment's promotions, newest first.
func (h Promotions) ListPromotions(ctx context.Context, r server.ListPromotionsRequestObject) (server.ListPromotionsResponseObject, error) {
	below, err := pageAfter(r.Params.PageToken)
	if err != nil {
		return nil, err
	}
	size := pageSize(r.Params.MaxResults)
	promotions, err := h.Delivery.Promotions(ctx, r.Model, r.Environment, below, size)
	if err != nil {
		return nil, err
	}
	page := server.ListPromotions200JSONResponse{Items: make([]server.Promotion, 0, len(promotions))}
	for _, p := range promotions {
		page.Items = append(page.Items, wirePromotion(p))
		page.NextPageToken = pageToken(len(promotions), size, p.ID)
	}
	return page, nil
}

// GetPromotion gives a promotion, at once or when it has ended.
func (h Promotions) GetPromotion(ctx context.Context, r server.GetPromotionRequestObject) (server.GetPromotionResponseObject, error) {
	p, err := Wait(ctx, r.Params.Wait, h.read(r.Id))
	if err != nil {
		return nil, err
	}
	return server.GetPromotion200JSONResponse(p), nil
}

// GetPromotionEvents follows a promotion.
func (h Promotions) GetPromotionEvents(ctx context.Context, r server.GetPromotionEventsRequestObject) (server.GetPromotionEventsResponseObject, error) {
	return Events(ctx, "promotion", h.read(r.Id), nil)
}

func (h Promotions) read(id int64) Read[server.Promotion] {
	return func(ctx context.Context) (server.Promotion, bool, error) {
		p, err := h.Delivery.Promotion(ctx, id)
		return wirePromotion(p), p.State.Final(), err
	}
}

// PausePromotion keeps the weights as they are.
func (h Promotions) PausePromotion(ctx context.Context, r server.PausePromotionRequestObject) (server.PausePromotionResponseObject, error) {
	p, err := h.Delivery.Pause(ctx, r.Id, reasonOf(r.Body))
	if err != nil {
		return nil, err
	}
	return server.PausePromotion200JSONResponse(wirePromotion(p)), nil
}

// ResumePromotion lets a paused rollout go on.
func (h Promotions) ResumePromotion(ctx context.Context, r server.ResumePromotionRequestObject) (server.ResumePromotionResponseObject, error) {
	p, err := h.Delivery.Resume(ctx, r.Id, reasonOf(r.Body))
	if err != nil {
		return nil, err
	}
	return server.ResumePromotion200JSONResponse(wirePromotion(p)), nil
}

// SkipPromotionStep goes on to the next step now.
func (h Promotions) SkipPromotionStep(ctx context.Context, r server.SkipPromotionStepRequestObject) (server.SkipPromotionStepResponseObject, error) {
	p, err := h.Delivery.Skip(ctx, r.Id, reasonOf(r.Body))
	if err != nil {
		return nil, err
	}
	return server.SkipPromotionStep200JSONResponse(wirePromotion(p)), nil
}

// RetryPromotion asks again for what a promotion asked.
func (h Promotions) RetryPromotion(ctx context.Context, r server.RetryPromotionRequestObject) (server.RetryPromotionResponseObject, error) {
	p, err := h.Delivery.Retry(ctx, r.Id, reasonOf(r.Body))
	if err != nil {
		return nil, err
	}
	return server.RetryPromotion202JSONResponse(wirePromotion(p)), nil
}

// CancelPromotion gives all traffic back to the stable release.
func (h Promotions) CancelPromotion(ctx context.Context, r server.CancelPromotionRequestObject) (server.CancelPromotionResponseObject, error) {
	p, err := h.Delivery.Cancel(ctx, r.Id, reasonOf(r.Body))
	if err != nil {
		return nil, err
	}
	return server.CancelPromotion202JSONResponse(wirePromotion(p)), nil
}

func reasonOf(d *server.Decision) string {
	if d == nil {
		return ""
	}
	return d.Reason
}
