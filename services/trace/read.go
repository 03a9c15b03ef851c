package trace

import (
	"context"
	"encoding/json"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// Whole is a trace with its spans.
type Whole struct {
	models.Trace
	Spans []models.Span
}

// SpansHere tells whether a trace's spans are in the database; else they are
// in its files.
func SpansHere(t models.Trace) bool {
	return models.ValueOf(t.Tags, models.TagSpansLocation) == models.SpansInDatabase
}

// complete tells whether as many spans are there as its client counted.
func (w Whole) complete() bool {
	var size struct {
		Spans int `json:"num_spans"`
	}
	_ = json.Unmarshal([]byte(models.ValueOf(w.Metadata, models.MetaSizeStats)), &size)
	return len(w.Spans) > 0 && len(w.Spans) >= size.Spans
}

// Info reads what is told of a trace.
func (s *Service) Info(ctx context.Context, id string) (t models.Trace, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		t, err = load(tx, id)
		return err
	})
	return t, err
}

// Infos reads what is told of traces; those that are unknown, or of none of
// the experiments where some are named, are left out.
func (s *Service) Infos(ctx context.Context, ids []string, within []int64) (list []models.Trace, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		list, err = infos(tx, ids, within)
		return err
	})
	return list, err
}

func infos(tx storage.Tx, ids []string, within []int64) ([]models.Trace, error) {
	if len(ids) > maxBatch {
		return nil, models.Errorf(models.KindInvalid, "trace_ids: %d traces are more than the %d that are read at once", len(ids), maxBatch)
	}
	list, err := tx.Traces().Load(ids)
	if err != nil || len(within) == 0 {
		return list, err
	}
	inside := make(map[int64]bool, len(within))
	for _, id := range within {
		inside[id] = true
	}
	kept := list[:0]
	for _, t := range list {
		if inside[t.ExperimentID] {
			kept = append(kept, t)
		}
	}
	return kept, nil
}

// Batch reads traces with their spans; those whose spans are not all here are
// left out.
func (s *Service) Batch(ctx context.Context, ids []string, within []int64) (list []Whole, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		list = nil
		found, err := infos(tx, ids, within)
		if err != nil {
			return err
		}
		var keys []int64
		for _, t := range found {
			if SpansHere(t) {
				keys = append(keys, t.Key)
			}
		}
		spans, err := tx.Spans().Of(keys)
		for _, t := range found {
			if w := (Whole{t, spans[t.Key]}); SpansHere(t) && w.complete() {
				list = append(list, w)
			}
		}
		return err
	})
	return list, err
}

// Get reads a trace with its spans. Unless a part will do, it waits a little
// for spans that are under way.
func (s *Service) Get(ctx context.Context, id string, part bool) (w Whole, err error) {
	for _, wait := range []time.Duration{time.Second, 2 * time.Second, 0} {
		if w, err = s.whole(ctx, id); err != nil || part || w.complete() {
			return w, err
		}
		if wait == 0 {
			break
		}
		select {
		case <-ctx.Done():
			return w, ctx.Err()
		case <-time.After(wait):
		}
	}
	return w, models.Errorf(models.KindNotFound, "Trace with ID %s is not fully exported yet, please try again later.", id)
}

func (s *Service) whole(ctx context.Context, id string) (w Whole, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		if w.Trace, err = load(tx, id); err != nil {
			return err
		}
		if !SpansHere(w.Trace) {
			return models.Errorf(models.KindInvalid, "The spans of trace %s are in its files, not in the database: read %s/traces.json", id, models.ValueOf(w.Tags, models.TagTraceLocation))
		}
		spans, err := tx.Spans().Of([]int64{w.Key})
		w.Spans = spans[w.Key]
		return err
	})
	return w, err
}
