package sqlstore

import (
	"fmt"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

type traceRow struct {
	ID                  int64  `gorm:"primaryKey"`
	UUID                string `gorm:"column:uuid"`
	ExperimentID        int64
	StartMS             int64  `gorm:"column:start_ms"`
	DurationMS          *int64 `gorm:"column:duration_ms"`
	State               string
	ClientRequestID     *string
	RequestPreview      *string
	ResponsePreview     *string
	Final               int64 // bits of what the client has told
	Session             *string
	InputTokens         *int64
	OutputTokens        *int64
	TotalTokens         *int64
	CacheReadTokens     *int64
	CacheCreationTokens *int64
}

func (traceRow) TableName() string { return "trace" }

func (r traceRow) model() models.Trace {
	return models.Trace{
		Key: r.ID, ID: r.UUID, ExperimentID: r.ExperimentID, StartMS: r.StartMS, DurationMS: r.DurationMS, State: models.TraceState(r.State),
		ClientRequestID: r.ClientRequestID, RequestPreview: r.RequestPreview, ResponsePreview: r.ResponsePreview, Told: models.Told{Times: r.Final&1 != 0, Usage: r.Final&2 != 0, Cost: r.Final&4 != 0},
		Session: r.Session,
		Tokens: models.TokenUsage{
			Input: r.InputTokens, Output: r.OutputTokens, Total: r.TotalTokens, CacheRead: r.CacheReadTokens, CacheCreation: r.CacheCreationTokens,
		},
	}
}

func traceRowOf(t models.Trace) traceRow {
	return traceRow{
		ID: t.Key, UUID: t.ID, ExperimentID: t.ExperimentID, StartMS: t.StartMS, DurationMS: t.DurationMS, State: string(t.State),
		ClientRequestID: t.ClientRequestID, RequestPreview: t.RequestPreview, ResponsePreview: t.ResponsePreview, Final: bit(t.Told.Times) | bit(t.Told.Usage)<<1 | bit(t.Told.Cost)<<2,
		Session: t.Session, InputTokens: t.Tokens.Input, OutputTokens: t.Tokens.Output, TotalTokens: t.Tokens.Total,
		CacheReadTokens: t.Tokens.CacheRead, CacheCreationTokens: t.Tokens.CacheCreation,
	}
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

type traces struct{ *tx }

// Traces implements storage.TraceTx.
func (t *tx) Traces() storage.TraceStore { return traces{t} }

// Create implements storage.TraceStore.
func (t traces) Create(trace models.Trace) (key int64, made bool, err error) {
	r := traceRowOf(trace)
	err = t.scan(`INSERT INTO trace (uuid, experiment_id, start_ms, duration_ms, state, client_request_id, request_preview, response_preview, final,
		session, input_tokens, output_tokens, total_tokens, cache_read_tokens, cache_creation_tokens)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (uuid) DO NOTHING RETURNING id`, []any{
		r.UUID, r.ExperimentID, r.StartMS, r.DurationMS, r.State, r.ClientRequestID, r.RequestPreview, r.ResponsePreview, r.Final,
		r.Session, r.InputTokens, r.OutputTokens, r.TotalTokens, r.CacheReadTokens, r.CacheCreationTokens,
	}, func(scan scanner) error {
		made = true
		return scan(&key)
	})
	if err != nil || !made {
		return 0, false, err
	}
	if err := t.SetTags(key, trace.Tags); err != nil {
		return 0, false, err
	}
	return key, true, t.SetMetadata(key, trace.Metadata)
}

// Lock implements storage.TraceStore.
func (t traces) Lock(id string) (models.Trace, error) {
	query := "SELECT * FROM trace WHERE uuid = ?"
	if t.dialect == "postgres" {
		query += " FOR UPDATE"
	}
	var rows []traceRow
	if err := t.db.Raw(query, id).Scan(&rows).Error; err != nil {
		return models.Trace{}, err
	}
	if len(rows) == 0 {
		return models.Trace{}, models.Errorf(models.KindNotFound, "Trace with ID '%s' not found.", id)
	}
	list := []models.Trace{rows[0].model()}
	err := t.marks(list)
	return list[0], err
}

// Load implements storage.TraceStore.
func (t traces) Load(ids []string) ([]models.Trace, error) {
	var rows []traceRow
	if err := t.db.Where("uuid "+t.inTexts(), jsonList(ids)).Find(&rows).Error; err != nil {
		return nil, err
	}
	at := make(map[string]traceRow, len(rows))
	for _, r := range rows {
		at[r.UUID] = r
	}
	list := make([]models.Trace, 0, len(rows))
	for _, id := range ids {
		if r, ok := at[id]; ok {
			list = append(list, r.model())
			delete(at, id)
		}
	}
	return list, t.load(list)
}

// load fills what is told of traces beside their own rows.
func (t traces) load(list []models.Trace) error {
	if len(list) == 0 {
		return nil
	}
	if err := t.marks(list); err != nil {
		return err
	}
	keys := make([]int64, len(list))
	at := make(map[int64]*models.Trace, len(list))
	for i := range list {
		keys[i], at[list[i].Key] = list[i].Key, &list[i]
	}
	var rows []assessmentRow
	if err := t.db.Where("trace_id "+t.inInts(), jsonList(keys)).Order("trace_id, created_ms, uuid").Find(&rows).Error; err != nil {
		return err
	}
	for _, r := range rows {
		trace := at[r.TraceID]
		a, err := r.model(trace.ID)
		if err != nil {
			return err
		}
		trace.Assessments = append(trace.Assessments, a)
	}
	return nil
}

// marks reads the tags and metadata of traces.
func (t traces) marks(list []models.Trace) error {
	keys := make([]int64, len(list))
	at := make(map[int64]*models.Trace, len(list))
	for i := range list {
		keys[i], at[list[i].Key] = list[i].Key, &list[i]
	}
	if err := t.pairs("trace_tag", "trace_id", keys, func(id int64, key, value string) {
		at[id].Tags = append(at[id].Tags, models.Tag{Key: key, Value: value})
	}); err != nil {
		return err
	}
	return t.pairs("trace_metadata", "trace_id", keys, func(id int64, key, value string) {
		at[id].Metadata = append(at[id].Metadata, models.Tag{Key: key, Value: value})
	})
}

// Update implements storage.TraceStore.
func (t traces) Update(trace models.Trace) error {
	row := traceRowOf(trace)
	return t.db.Model(&traceRow{}).Where("id = ?", row.ID).Select("*").Omit("id", "uuid").Updates(&row).Error
}

// SetTags implements storage.TraceStore.
func (t traces) SetTags(key int64, tags []models.Tag) error {
	return t.setTags("trace_tag", "trace_id", key, tags)
}

// SetMetadata implements storage.TraceStore.
func (t traces) SetMetadata(key int64, metadata []models.Tag) error {
	return t.setTags("trace_metadata", "trace_id", key, metadata)
}

// DeleteTag implements storage.TraceStore.
func (t traces) DeleteTag(key int64, name string) error {
	n, err := t.exec("DELETE FROM trace_tag WHERE trace_id = ? AND key_id = "+keyOf, key, name)
	if err == nil && n == 0 {
		return models.Errorf(models.KindNotFound, "No trace tag with key '%s' for this trace.", name)
	}
	return err
}

// Delete implements storage.TraceStore.
func (t traces) Delete(d models.TraceDeletion) (int, error) {
	where, args := "experiment_id = ?", []any{d.ExperimentID}
	if d.UntilMS != nil {
		where, args = where+" AND start_ms <= ?", append(args, *d.UntilMS)
	}
	if len(d.IDs) > 0 {
		where, args = where+" AND uuid "+t.inTexts(), append(args, jsonList(d.IDs))
	}
	var keys []int64
	var ids []string
	err := t.scan("SELECT id, uuid FROM trace WHERE "+where+" ORDER BY start_ms, uuid LIMIT ?", append(args, d.Limit), func(scan scanner) error {
		var key int64
		var id string
		err := scan(&key, &id)
		keys, ids = append(keys, key), append(ids, id)
		return err
	})
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	if _, err := t.exec("DELETE FROM trace_run WHERE trace "+t.inTexts(), jsonList(ids)); err != nil {
		return 0, err
	}
	n, err := t.exec("DELETE FROM trace WHERE id "+t.inInts(), jsonList(keys))
	return int(n), err
}

// LinkRun implements storage.TraceStore.
func (t traces) LinkRun(runKey int64, ids []string) error {
	rows := make([][]any, len(ids))
	for i, id := range ids {
		rows[i] = []any{runKey, id}
	}
	if err := t.insert("INSERT INTO trace_run (run_id, trace)", "ON CONFLICT (run_id, trace) DO NOTHING", rows); err != nil {
		return fmt.Errorf("link traces to a run: %w", err)
	}
	return nil
}

// LinkPrompts implements storage.TraceStore.
func (t traces) LinkPrompts(key int64, prompts []string) error {
	rows := make([][]any, len(prompts))
	for i, p := range prompts {
		rows[i] = []any{key, p}
	}
	return t.insert("INSERT INTO trace_prompt (trace_id, prompt)", "ON CONFLICT (trace_id, prompt) DO NOTHING", rows)
}
