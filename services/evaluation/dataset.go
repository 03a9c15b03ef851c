package evaluation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/tracking/search"
	"github.com/slipway-ml/slipway/storage"
)

// The limits of MLflow's columns.
const (
	maxName     = 255
	maxTagKey   = 255
	maxTagValue = 5000
)

// TagChange sets a tag, or removes it where it has no value.
type TagChange struct {
	Key   string
	Value *string
}

func checkTags(changes []TagChange) error {
	for _, c := range changes {
		if c.Key == "" {
			return models.Errorf(models.KindInvalid, "Invalid value for parameter 'tags' supplied: a tag has no key")
		}
		if err := models.CheckLength("tags: the key "+c.Key, c.Key, maxTagKey); err != nil {
			return err
		}
		if c.Value == nil {
			continue
		}
		if err := models.CheckLength("tags: the value of "+c.Key, *c.Value, maxTagValue); err != nil {
			return err
		}
	}
	return nil
}

// digest changes with each change of a dataset's records, two in one
// millisecond too: before is the digest until then.
func digest(name, before string, atMS int64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s:%s:%d", name, before, atMS))
	return hex.EncodeToString(sum[:4])
}

// CreateDataset makes an evaluation dataset without records, in experiments
// that exist.
func (s *Service) CreateDataset(ctx context.Context, name string, tags []TagChange, experimentIDs []int64) (models.EvaluationDataset, error) {
	now := s.nowMS()
	d := models.EvaluationDataset{ID: "d-" + s.NewID(), Name: name, Digest: digest(name, "", now), CreatedMS: now, UpdatedMS: now}
	if strings.TrimSpace(name) == "" {
		return d, models.InvalidValue("name", name, "it must not be blank")
	}
	if err := models.CheckLength("name", name, maxName); err != nil {
		return d, err
	}
	if err := checkTags(tags); err != nil {
		return d, err
	}
	for _, t := range tags {
		if t.Value != nil {
			d.Tags = append(d.Tags, models.Tag{Key: t.Key, Value: *t.Value})
		}
	}
	d.CreatedBy = models.ValueOf(d.Tags, models.UserTag)
	d.UpdatedBy = d.CreatedBy
	var err error
	if d.ExperimentIDs, err = distinct(experimentIDs); err != nil {
		return d, err
	}
	err = s.DB.InTx(ctx, func(tx storage.Tx) (err error) {
		if err := present(tx, d.ExperimentIDs); err != nil {
			return err
		}
		d.Key, err = tx.EvaluationDatasets().Create(d)
		return err
	})
	return d, err
}

// distinct gives each experiment once; a request names so many at most.
func distinct(ids []int64) ([]int64, error) {
	const most = 1000
	if len(ids) > most {
		return nil, models.Errorf(models.KindInvalid, "experiment_ids has %d entries; at most %d are taken at once", len(ids), most)
	}
	out := slices.Clone(ids)
	slices.Sort(out)
	return slices.Compact(out), nil
}

// Dataset reads a dataset without its records.
func (s *Service) Dataset(ctx context.Context, id string) (d models.EvaluationDataset, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		d, err = tx.EvaluationDatasets().Find(id)
		return err
	})
	return d, err
}

// change runs fn on a dataset that exists, in one transaction.
func (s *Service) change(ctx context.Context, id string, fn func(store storage.EvaluationDatasetStore, tx storage.Tx, d *models.EvaluationDataset) error) error {
	return s.DB.InTx(ctx, func(tx storage.Tx) error {
		store := tx.EvaluationDatasets()
		d, err := store.Find(id)
		if err != nil {
			return err
		}
		return fn(store, tx, &d)
	})
}

// gone takes it for done that something which is to go is not there.
func gone(err error) error {
	if models.IsKind(err, models.KindNotFound) {
		return nil
	}
	return err
}

// DeleteDataset removes a dataset with its records for good; one that is not
// there is no error.
func (s *Service) DeleteDataset(ctx context.Context, id string) error {
	return gone(s.change(ctx, id, func(store storage.EvaluationDatasetStore, _ storage.Tx, d *models.EvaluationDataset) error {
		return store.Delete(d.Key)
	}))
}

// SetDatasetTags sets and removes tags.
func (s *Service) SetDatasetTags(ctx context.Context, id string, tags []TagChange) error {
	if err := checkTags(tags); err != nil {
		return err
	}
	return s.change(ctx, id, func(store storage.EvaluationDatasetStore, _ storage.Tx, d *models.EvaluationDataset) error {
		for _, t := range tags {
			var err error
			if t.Value == nil {
				err = store.DeleteTag(d.Key, t.Key)
			} else {
				err = store.SetTag(d.Key, models.Tag{Key: t.Key, Value: *t.Value})
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// DeleteDatasetTag removes a tag; an absent one, and that of an absent dataset,
// is no error.
func (s *Service) DeleteDatasetTag(ctx context.Context, id, key string) error {
	return gone(s.change(ctx, id, func(store storage.EvaluationDatasetStore, _ storage.Tx, d *models.EvaluationDataset) error {
		return store.DeleteTag(d.Key, key)
	}))
}

// AddDataset puts a dataset into experiments, which must exist.
func (s *Service) AddDataset(ctx context.Context, id string, experimentIDs []int64) (out models.EvaluationDataset, err error) {
	if experimentIDs, err = distinct(experimentIDs); err != nil {
		return out, err
	}
	err = s.change(ctx, id, func(store storage.EvaluationDatasetStore, tx storage.Tx, d *models.EvaluationDataset) error {
		if err := present(tx, experimentIDs); err != nil {
			return err
		}
		if err := store.AddTo(d.Key, experimentIDs); err != nil {
			return err
		}
		out, err = s.touched(store, d)
		return err
	})
	return out, err
}

// RemoveDataset takes a dataset out of experiments; where it is not in one,
// that is no error.
func (s *Service) RemoveDataset(ctx context.Context, id string, experimentIDs []int64) (out models.EvaluationDataset, err error) {
	err = s.change(ctx, id, func(store storage.EvaluationDatasetStore, _ storage.Tx, d *models.EvaluationDataset) error {
		n, err := store.RemoveFrom(d.Key, experimentIDs)
		if out = *d; err != nil || n == 0 {
			return err
		}
		out, err = s.touched(store, d)
		return err
	})
	return out, err
}

// touched stamps a dataset and reads it anew.
func (s *Service) touched(store storage.EvaluationDatasetStore, d *models.EvaluationDataset) (models.EvaluationDataset, error) {
	d.UpdatedMS = s.nowMS()
	if err := store.Save(*d); err != nil {
		return *d, err
	}
	return store.Find(d.ID)
}

// SearchDatasets finds datasets, the newest first.
func (s *Service) SearchDatasets(ctx context.Context, q search.Query) (found []models.EvaluationDataset, next string, err error) {
	compiled, of, err := q.Compile(search.EvaluationDatasets(), maxPage)
	if err != nil {
		return nil, "", err
	}
	var at models.Position
	err = s.DB.View(ctx, func(tx storage.Tx) (err error) {
		found, at, err = tx.EvaluationDatasets().Search(compiled)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("search evaluation datasets: %w", err)
	}
	return found, search.Token(at, of), nil
}
