package v1

import (
	"context"
	"net/url"
	"strconv"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/openapi/server"
	"github.com/slipway-ml/slipway/services/delivery"
)

// Environments answers what runs where.
type Environments struct {
	Delivery *delivery.Service
}

// ListEnvironments lists a model's environments.
func (h Environments) ListEnvironments(ctx context.Context, r server.ListEnvironmentsRequestObject) (server.ListEnvironmentsResponseObject, error) {
	all, err := h.Delivery.Environments(ctx, r.Model)
	if err != nil {
		return nil, err
	}
	page := server.ListEnvironments200JSONResponse{Items: make([]server.Environment, 0, len(all))}
	for _, e := range all {
		page.Items = append(page.Items, wireEnvironment(e))
	}
	return page, nil
}

// GetEnvironment gives one environment.
func (h Environments) GetEnvironment(ctx context.Context, r server.GetEnvironmentRequestObject) (server.GetEnvironmentResponseObject, error) {
	e, err := h.Delivery.Environment(ctx, r.Model, r.Environment)
	if err != nil {
		return nil, err
	}
	return server.GetEnvironment200JSONResponse(wireEnvironment(e)), nil
}

// DiscoverInstances tells Prometheus what to scrape.
func (h Environments) DiscoverInstances(ctx context.Context, _ server.DiscoverInstancesRequestObject) (server.DiscoverInstancesResponseObject, error) {
	routes, err := h.Delivery.Discover(ctx)
	if err != nil {
		return nil, err
	}
	found := server.DiscoverInstances200JSONResponse{}
	for _, r := range routes {
		for _, rel := range r.Releases {
			for _, i := range rel.Instances {
				found = append(found, server.ScrapeTarget{Targets: []string{i.Address}, Labels: map[string]string{
					"model": r.Model, "environment": r.Environment,
					"release": strconv.FormatInt(rel.Number, 10), "version": strconv.FormatInt(rel.Version, 10),
				}})
			}
		}
	}
	return found, nil
}

// RollBack brings an earlier release back.
func (h Environments) RollBack(ctx context.Context, r server.RollBackRequestObject) (server.RollBackResponseObject, error) {
	back := delivery.Back{Model: r.Model, Environment: r.Environment}
	if r.Body != nil {
		back.Release, back.Reason = r.Body.Release, r.Body.Reason
	}
	p, err := h.Delivery.Rollback(ctx, back)
	if err != nil {
		return nil, err
	}
	return server.RollBack202JSONResponse(wirePromotion(p)), nil
}

// LiftQuarantine lets a version that was taken back be promoted again.
func (h Environments) LiftQuarantine(ctx context.Context, r server.LiftQuarantineRequestObject) (server.LiftQuarantineResponseObject, error) {
	version, err := strconv.ParseInt(r.Version, 10, 64)
	if err != nil {
		return nil, invalid(models.Detail{Field: "version", Message: "is not the number of a version"})
	}
	if err := h.Delivery.Lift(ctx, r.Model, r.Environment, version, r.Body.Reason); err != nil {
		return nil, err
	}
	e, err := h.Delivery.Environment(ctx, r.Model, r.Environment)
	if err != nil {
		return nil, err
	}
	return server.LiftQuarantine200JSONResponse(wireEnvironment(e)), nil
}

func wireEnvironment(e models.EnvironmentStatus) server.Environment {
	wire := server.Environment{
		Model: e.Model, Name: e.Name, Target: e.Spec.Target, Promote: server.EnvironmentPromote(e.Spec.Promote),
		Address: "/serve/" + url.PathEscape(e.Model) + "/" + url.PathEscape(e.Name) + "/",
		Traffic: make([]server.Traffic, 0, len(e.Releases)), Quarantined: make([]server.Quarantine, 0, len(e.Quarantine)),
	}
	if stable, ok := e.Stable(); ok {
		wire.Version, wire.Release = strconv.FormatInt(stable.Version, 10), stable.Number
	}
	for _, r := range e.Releases {
		if r.State == models.ReleaseWarm && r.Number > wire.WarmRelease {
			wire.WarmRelease, wire.WarmUntil = r.Number, timeOr(r.WarmUntil)
		}
		wire.Traffic = append(wire.Traffic, server.Traffic{
			Release: r.Number, Version: strconv.FormatInt(r.Version, 10), State: server.ReleaseState(r.State), Weight: r.Weight,
			Ready: r.Ready, Replicas: max(r.Serving.Replicas, 1), Reason: r.Reason,
			Requests: r.Requests.Requests, Errors: r.Requests.Failures,
		})
	}
	if p := e.Promotion; p != nil {
		wire.Promotion = server.PromotionSummary{
			Id: p.ID, Version: strconv.FormatInt(p.Version, 10), State: server.PromotionState(p.State), Reason: p.Reason,
		}
	}
	for _, q := range e.Quarantine {
		wire.Quarantined = append(wire.Quarantined, server.Quarantine{
			Version: strconv.FormatInt(q.Version, 10), Since: q.Since, Reason: q.Reason, PromotionId: q.PromotionID,
		})
	}
	return wire
}
