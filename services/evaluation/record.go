package evaluation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/tracking/search"
	"github.com/slipway-ml/slipway/storage"
)

// Record is a record as a client sends it: JSON, nil where it is absent.
type Record struct {
	Inputs       json.RawMessage `json:"inputs"`
	Outputs      json.RawMessage `json:"outputs"`
	Expectations json.RawMessage `json:"expectations"`
	Tags         json.RawMessage `json:"tags"`
	Source       json.RawMessage `json:"source"`
}

// fields are the members of a JSON object.
type fields = map[string]json.RawMessage

// parsed is a record whose objects are read.
type parsed struct {
	Record
	hash                       string
	inputs, expectations, tags fields
	source                     *source
}

type source struct {
	Type string          `json:"source_type"`
	Data json.RawMessage `json:"source_data"`
}

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
	user := userOf(p.tags)
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
		r.SourceType = p.source.Type
		name := "source_id"
		if p.source.Type == "TRACE" {
			name = "trace_id"
		}
		var data fields
		_ = json.Unmarshal(p.source.Data, &data) // an object, parse has seen
		_ = json.Unmarshal(data[name], &r.SourceID)
	}
	return r
}

// given takes a null for nothing.
func given(text json.RawMessage) json.RawMessage {
	if isNull(text) {
		return nil
	}
	return text
}

func isNull(text json.RawMessage) bool { return text == nil || string(text) == "null" }

func merged(old json.RawMessage, more fields) (json.RawMessage, error) {
	all := fields{}
	if old != nil {
		if err := json.Unmarshal(old, &all); err != nil {
			return nil, fmt.Errorf("read a stored record: %w", err)
		}
	}
	maps.Copy(all, more)
	return json.Marshal(all)
}

func userOf(tags fields) (user string) {
	_ = json.Unmarshal(tags[models.UserTag], &user) // anything else names nobody
	return user
}

// parse reads what must be objects in a record; at names it in a refusal.
func parse(r Record, at string) (parsed, error) {
	p := parsed{Record: r}
	if r.Inputs == nil {
		p.Inputs = json.RawMessage("{}")
	}
	var err error
	if p.inputs, err = object(p.Inputs, at+"inputs"); err != nil {
		return p, err
	}
	if isNull(p.Inputs) {
		return p, models.InvalidValue(at+"inputs", nil, "expected an object")
	}
	if p.expectations, err = object(r.Expectations, at+"expectations"); err != nil {
		return p, err
	}
	if p.tags, err = object(r.Tags, at+"tags"); err != nil {
		return p, err
	}
	if p.source, err = sourceOf(r.Source, at+"source"); err != nil {
		return p, err
	}
	p.hash, err = hashOf(p.Inputs)
	return p, err
}

// object reads a JSON object, or null.
func object(text json.RawMessage, at string) (fields, error) {
	if isNull(text) {
		return nil, nil
	}
	var out fields
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, models.InvalidValue(at, text, "expected an object")
	}
	return out, nil
}

func sourceOf(text json.RawMessage, at string) (*source, error) {
	if isNull(text) || string(text) == "{}" {
		return nil, nil
	}
	var out source
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, models.InvalidValue(at, text, "expected an object of source_type and source_data")
	}
	kind, ok := models.RecordSourceType(out.Type)
	if !ok {
		return nil, models.Errorf(models.KindInvalid, "Invalid dataset record source type: %.100s. Valid source types: %v", out.Type, models.RecordSourceTypes())
	}
	if out.Type = kind; isNull(out.Data) {
		out.Data = json.RawMessage("{}")
	}
	_, err := object(out.Data, at+".source_data")
	return &out, err
}

// hashOf is the same for the same inputs, in whichever order their keys stand.
func hashOf(inputs json.RawMessage) (string, error) {
	dec := json.NewDecoder(bytes.NewReader(inputs))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return "", err
	}
	text, err := json.Marshal(value)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), err
}

// Records lists a page of a dataset's records, the oldest first.
func (s *Service) Records(ctx context.Context, id string, limit int64, token string) (list []models.EvaluationRecord, next string, err error) {
	compiled, of, err := Query{MaxResults: limit, PageToken: token}.compile(search.Vocabulary{})
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
