package evaluation

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/tracking/search"
	"github.com/slipway-ml/slipway/storage"
)

// Saved tells what an upsert did.
type Saved struct{ Inserted, Updated int64 }

// SaveRecords adds records, and changes those whose inputs a dataset has.
func (s *Service) SaveRecords(ctx context.Context, id string, records []Record) (saved Saved, err error) {
	list := make([]parsed, len(records))
	hashes := make([]string, len(records))
	for i, r := range records {
		if list[i], err = parse(r, fmt.Sprintf("records[%d].", i)); err != nil {
			return saved, err
		}
		hashes[i] = list[i].hash
	}
	err = s.change(ctx, id, func(store storage.EvaluationDatasetStore, _ storage.Tx, d *models.EvaluationDataset) error {
		now := s.nowMS()
		have, err := store.RecordsByHash(d.Key, hashes)
		if err != nil {
			return err
		}
		b := batch{now: now, newID: s.NewID, byHash: make(map[string]*entry, len(have))}
		for _, r := range have {
			b.byHash[r.InputHash] = &entry{record: r}
		}
		for _, p := range list {
			if err := b.add(p); err != nil {
				return err
			}
		}
		saved = b.saved
		if err := b.store(store, d.Key); err != nil {
			return err
		}
		if d.Schema, err = widen(d.Schema, list); err != nil {
			return err
		}
		d.UpdatedBy, d.Digest = b.by, digest(d.Name, d.Digest, now)
		return s.saveProfile(store, d, now)
	})
	return saved, err
}

// saveProfile counts a dataset's records and saves it.
func (s *Service) saveProfile(store storage.EvaluationDatasetStore, d *models.EvaluationDataset, now int64) error {
	n, err := store.CountRecords(d.Key)
	if err != nil {
		return err
	}
	d.Profile, d.UpdatedMS = "", now
	if n > 0 {
		d.Profile = fmt.Sprintf(`{"num_records": %d}`, n)
	}
	return store.Save(*d)
}

// batch is the records of one upsert.
type batch struct {
	now    int64
	newID  func() string
	byHash map[string]*entry
	order  []*entry // those that changed
	saved  Saved
	by     string // who did it, "" where nobody said
}

type entry struct {
	record         models.EvaluationRecord
	isNew, changed bool
}

func (b *batch) add(p parsed) error {
	user := textIn(p.tags, models.UserTag)
	if user != "" {
		b.by = user
	}
	e := b.byHash[p.hash]
	if e == nil {
		b.saved.Inserted++
		e = &entry{isNew: true, changed: true, record: p.record(b.now)}
		e.record.ID, e.record.CreatedBy, e.record.UpdatedBy = "dr-"+b.newID(), user, user
		b.byHash[p.hash], b.order = e, append(b.order, e)
		return nil
	}
	b.saved.Updated++
	if !e.changed {
		e.changed, b.order = true, append(b.order, e)
	}
	return e.merge(p, user, b.now)
}

// merge changes a record: outputs are replaced, expectations and tags added to.
func (e *entry) merge(p parsed, user string, now int64) (err error) {
	r := &e.record
	if p.Outputs != nil {
		r.Outputs = given(p.Outputs)
	}
	if len(p.expectations) > 0 {
		if r.Expectations, err = merged(r.Expectations, p.expectations); err != nil {
			return err
		}
	}
	if len(p.tags) > 0 {
		if r.Tags, err = merged(r.Tags, p.tags); err != nil {
			return err
		}
	}
	if user != "" {
		r.UpdatedBy = user
	}
	r.UpdatedMS = now
	return nil
}

func (b *batch) store(store storage.EvaluationDatasetStore, key int64) error {
	var fresh []models.EvaluationRecord
	for _, e := range b.order {
		if e.isNew {
			fresh = append(fresh, e.record)
		} else if err := store.SaveRecord(e.record); err != nil {
			return err
		}
	}
	return store.AddRecords(key, fresh)
}

// record is a new record.
func (p parsed) record(now int64) models.EvaluationRecord {
	r := models.EvaluationRecord{
		InputHash: p.hash, Inputs: p.Inputs, Outputs: given(p.Outputs), Expectations: given(p.Expectations), Tags: given(p.Tags),
		CreatedMS: now, UpdatedMS: now,
	}
	if p.Outputs == nil {
		r.Outputs = json.RawMessage("{}") // as MLflow has it
	}
	if r.Tags == nil {
		r.Tags = json.RawMessage("{}")
	}
	if p.source != nil {
		r.Source, _ = json.Marshal(p.source) // JSON that was read
		r.SourceType, r.SourceID = p.source.Type, p.source.id
	}
	return r
}

// Records lists a page of a dataset's records, the oldest first.
func (s *Service) Records(ctx context.Context, id string, limit int64, token string) (list []models.EvaluationRecord, next string, err error) {
	compiled, of, err := search.Query{MaxResults: limit, PageToken: token}.Compile(search.Vocabulary{}, maxPage)
	if err != nil {
		return nil, "", err
	}
	var at models.Position
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		d, err := tx.EvaluationDatasets().Find(id)
		if err != nil {
			return err
		}
		list, at, err = tx.EvaluationDatasets().Records(d.Key, compiled)
		return err
	})
	return list, search.Token(at, of), err
}

// DeleteRecords removes records and tells how many there were.
func (s *Service) DeleteRecords(ctx context.Context, id string, recordIDs []string) (n int64, err error) {
	err = s.change(ctx, id, func(store storage.EvaluationDatasetStore, _ storage.Tx, d *models.EvaluationDataset) error {
		if n, err = store.DeleteRecords(d.Key, recordIDs); err != nil || n == 0 {
			return err
		}
		now := s.nowMS()
		d.Digest = digest(d.Name, d.Digest, now)
		return s.saveProfile(store, d, now)
	})
	return n, err
}
