package v1

import (
	"context"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/openapi/server"
)

// pending answers the operations that are not built yet. Whoever writes one
// deletes it here; when the last has gone, so has this file.
type pending struct{}

func notYet(operation string) error {
	return models.Errorf(models.KindUnsupported, "%s is not built yet", operation)
}

func (pending) ListEnvironments(context.Context, server.ListEnvironmentsRequestObject) (server.ListEnvironmentsResponseObject, error) {
	return nil, notYet("listEnvironments")
}

func (pending) GetEnvironment(context.Context, server.GetEnvironmentRequestObject) (server.GetEnvironmentResponseObject, error) {
	return nil, notYet("getEnvironment")
}

func (pending) ListPromotions(context.Context, server.ListPromotionsRequestObject) (server.ListPromotionsResponseObject, error) {
	return nil, notYet("listPromotions")
}

func (pending) CreatePromotion(context.Context, server.CreatePromotionRequestObject) (server.CreatePromotionResponseObject, error) {
	return nil, notYet("createPromotion")
}

func (pending) LiftQuarantine(context.Context, server.LiftQuarantineRequestObject) (server.LiftQuarantineResponseObject, error) {
	return nil, notYet("liftQuarantine")
}

func (pending) ListReleases(context.Context, server.ListReleasesRequestObject) (server.ListReleasesResponseObject, error) {
	return nil, notYet("listReleases")
}

func (pending) GetReleaseLog(context.Context, server.GetReleaseLogRequestObject) (server.GetReleaseLogResponseObject, error) {
	return nil, notYet("getReleaseLog")
}

func (pending) RollBack(context.Context, server.RollBackRequestObject) (server.RollBackResponseObject, error) {
	return nil, notYet("rollBack")
}

func (pending) GetPromotion(context.Context, server.GetPromotionRequestObject) (server.GetPromotionResponseObject, error) {
	return nil, notYet("getPromotion")
}

func (pending) CancelPromotion(context.Context, server.CancelPromotionRequestObject) (server.CancelPromotionResponseObject, error) {
	return nil, notYet("cancelPromotion")
}

func (pending) GetPromotionEvents(context.Context, server.GetPromotionEventsRequestObject) (server.GetPromotionEventsResponseObject, error) {
	return nil, notYet("getPromotionEvents")
}

func (pending) PausePromotion(context.Context, server.PausePromotionRequestObject) (server.PausePromotionResponseObject, error) {
	return nil, notYet("pausePromotion")
}

func (pending) ResumePromotion(context.Context, server.ResumePromotionRequestObject) (server.ResumePromotionResponseObject, error) {
	return nil, notYet("resumePromotion")
}

func (pending) RetryPromotion(context.Context, server.RetryPromotionRequestObject) (server.RetryPromotionResponseObject, error) {
	return nil, notYet("retryPromotion")
}

func (pending) SkipPromotionStep(context.Context, server.SkipPromotionStepRequestObject) (server.SkipPromotionStepResponseObject, error) {
	return nil, notYet("skipPromotionStep")
}
