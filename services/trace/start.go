package trace

import (
	"context"
	"slices"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/tracking"
	"github.com/slipway-ml/slipway/storage"
)

// Start stores a trace as its client tells it, once it has ended. Where spans
// came first, there is one of its id: this is the better word on it.
func (s *Service) Start(ctx context.Context, t models.Trace) (out models.Trace, err error) {
	if err := checkID(t.ID); err != nil {
		return out, err
	}
	derive(&t, t.Metadata)
	t.Told = models.Told{Times: true, Usage: models.ValueOf(t.Metadata, models.MetaTokenUsage) != "", Cost: models.ValueOf(t.Metadata, models.MetaCost) != ""}
	t.Tags, t.Metadata = cutAll(t.Tags, maxTag), cutAll(t.Metadata, maxMetadata)
	for i := range t.Assessments {
		if err := s.complete(&t.Assessments[i]); err != nil {
			return out, err
		}
	}
	err = s.DB.InTx(ctx, func(tx storage.Tx) error {
		whole, err := placed(tx, t)
		if err != nil {
			return err
		}
		key, made, err := tx.Traces().Create(whole)
		if err == nil && !made {
			key, err = s.finish(tx, whole)
		}
		if err != nil {
			return err
		}
		for _, a := range t.Assessments {
			if err := tx.Assessments().Save(key, a); err != nil {
				return err
			}
		}
		out, err = load(tx, t.ID)
		return err
	})
	return out, err
}

// placed is a trace with the place of its files, in an active experiment.
func placed(tx storage.Tx, t models.Trace) (models.Trace, error) {
	e, err := tracking.ActiveExperiment(tx, t.ExperimentID)
	t.Tags = models.WithTag(slices.Clone(t.Tags), models.TagTraceLocation, location(e, t.ID).Value)
	return t, err
}

// finish tells the whole of a trace that is there.
func (s *Service) finish(tx storage.Tx, t models.Trace) (int64, error) {
	old, err := tx.Traces().Lock(t.ID)
	if err != nil {
		return 0, err
	}
	t.Key = old.Key
	if t.RequestPreview == nil {
		t.RequestPreview = old.RequestPreview
	}
	if t.ResponsePreview == nil {
		t.ResponsePreview = old.ResponsePreview
	}
	if t.Session == nil {
		t.Session = old.Session
	}
	if !t.Told.Usage {
		t.Tokens, t.Told.Usage = old.Tokens, old.Told.Usage
	}
	t.Told.Cost = t.Told.Cost || old.Told.Cost
	if err := tx.Traces().Update(t); err != nil {
		return 0, err
	}
	if err := tx.Traces().SetTags(t.Key, t.Tags); err != nil {
		return 0, err
	}
	return t.Key, tx.Traces().SetMetadata(t.Key, t.Metadata)
}

func load(tx storage.Tx, id string) (models.Trace, error) {
	list, err := tx.Traces().Load([]string{id})
	if err == nil && len(list) == 0 {
		err = models.Errorf(models.KindNotFound, "Trace with ID '%s' not found.", id)
	}
	if err != nil {
		return models.Trace{}, err
	}
	return list[0], nil
}

// Begin stores a trace that is under way, the way of clients before 3.0, and
// gives it an id.
func (s *Service) Begin(ctx context.Context, t models.Trace) (out models.Trace, err error) {
	t.ID, t.State = s.NewID(), models.TraceInProgress
	derive(&t, t.Metadata)
	t.Tags, t.Metadata = cutAll(t.Tags, maxTag), cutAll(t.Metadata, maxMetadata)
	err = s.DB.InTx(ctx, func(tx storage.Tx) error {
		whole, err := placed(tx, t)
		if err != nil {
			return err
		}
		if _, _, err := tx.Traces().Create(whole); err != nil {
			return err
		}
		out, err = load(tx, t.ID)
		return err
	})
	return out, err
}

// End tells how a trace that was begun has ended; its tags and metadata are
// added to those that are there.
func (s *Service) End(ctx context.Context, id string, atMS int64, state models.TraceState, metadata, tags []models.Tag) (out models.Trace, err error) {
	err = s.change(ctx, id, func(tx storage.Tx, t models.Trace) error {
		took := atMS - t.StartMS
		t.DurationMS, t.State = &took, state
		derive(&t, metadata)
		if err := tx.Traces().Update(t); err != nil {
			return err
		}
		if err := tx.Traces().SetTags(t.Key, cutAll(tags, maxTag)); err != nil {
			return err
		}
		if err := tx.Traces().SetMetadata(t.Key, cutAll(metadata, maxMetadata)); err != nil {
			return err
		}
		out, err = load(tx, id)
		return err
	})
	return out, err
}
