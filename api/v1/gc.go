package v1

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/openapi/server"
	"github.com/slipway-ml/slipway/services/gc"
)

// Garbage answers collections of garbage, and starts them.
type Garbage struct {
	Service *gc.Service
}

// StartGC starts one.
func (g Garbage) StartGC(ctx context.Context, r server.StartGCRequestObject) (server.StartGCResponseObject, error) {
	olderThan, err := age(r.Body.OlderThan)
	if err != nil {
		return nil, err
	}
	started, err := g.Service.Start(ctx, olderThan, r.Body.DryRun)
	if err != nil {
		return nil, err
	}
	return server.StartGC202JSONResponse(wireGC(started)), nil
}

// GetGC gives one with what it removed.
func (g Garbage) GetGC(ctx context.Context, r server.GetGCRequestObject) (server.GetGCResponseObject, error) {
	wire, err := Wait(ctx, r.Params.Wait, func(ctx context.Context) (server.GC, bool, error) {
		found, err := g.Service.Get(ctx, r.Id)
		return wireGC(found), found.State.Final(), err
	})
	if err != nil {
		return nil, err
	}
	return server.GetGC200JSONResponse(wire), nil
}

// ListGC lists them, newest first.
func (g Garbage) ListGC(ctx context.Context, r server.ListGCRequestObject) (server.ListGCResponseObject, error) {
	below, err := pageAfter(r.Params.PageToken)
	if err != nil {
		return nil, err
	}
	size := pageSize(r.Params.MaxResults)
	found, err := g.Service.List(ctx, below, size)
	if err != nil {
		return nil, err
	}
	page := server.ListGC200JSONResponse{Items: make([]server.GC, 0, len(found))}
	for _, f := range found {
		f.Report.More += int64(len(f.Report.Items))
		f.Report.Items = nil
		page.Items = append(page.Items, wireGC(f))
		page.NextPageToken = pageToken(len(found), size, f.ID)
	}
	return page, nil
}

var agePart = regexp.MustCompile(`([0-9]+)(d|h|m|s)`)

// age reads a time such as 30d or 1d12h; "" is the default.
func age(text string) (time.Duration, error) {
	if text == "" {
		return gc.Default, nil
	}
	units := map[string]time.Duration{"d": 24 * time.Hour, "h": time.Hour, "m": time.Minute, "s": time.Second}
	var sum time.Duration
	for _, part := range agePart.FindAllStringSubmatch(text, -1) {
		n, err := strconv.ParseInt(part[1], 10, 32)
		if sum += time.Duration(n) * units[part[2]]; err != nil || sum > maxAge {
			return 0, models.Errorf(models.KindInvalid, "older_than: %s is too long: use 36500d or less", text)
		}
	}
	return sum, nil
}

const maxAge = 36500 * 24 * time.Hour

func wireGC(g models.GC) server.GC {
	wire := server.GC{
		Id: g.ID, State: server.GCState(g.State), Reason: g.Reason, DryRun: g.DryRun, OlderThanS: int64(g.OlderThan / time.Second),
		Progress: server.Progress{Done: g.Progress.Done, Total: g.Progress.Total, Unit: g.Progress.Unit},
		Totals:   make([]server.GCTotal, 0, len(g.Report.Totals)), Items: make([]server.GCItem, 0, len(g.Report.Items)),
		More: g.Report.More, MissingFiles: g.Report.Missing, HeldFiles: g.Report.Held,
		CreatedAt: g.CreatedAt, CreatedBy: g.CreatedBy, StartedAt: orZero(g.StartedAt), EndedAt: orZero(g.EndedAt),
	}
	for kind, t := range g.Report.Totals {
		wire.Totals = append(wire.Totals, server.GCTotal{Kind: string(kind), Count: t.Count, Files: t.Files, Bytes: t.Bytes})
	}
	slices.SortFunc(wire.Totals, func(a, b server.GCTotal) int { return cmp.Compare(a.Kind, b.Kind) })
	for _, i := range g.Report.Items {
		wire.Items = append(wire.Items, server.GCItem{Kind: string(i.Kind), Id: i.ID, Name: i.Name, Files: i.Files, Bytes: i.Bytes})
	}
	return wire
}
