package sqlstore

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

type spans struct{ *tx }

// Spans implements storage.TraceTx.
func (t *tx) Spans() storage.SpanStore { return spans{t} }

// Log implements storage.SpanStore.
func (t spans) Log(traceKey int64, list []models.Span) error {
	last := make(map[string]int, len(list)) // of one id given twice the last counts
	for i, s := range list {
		last[s.ID] = i
	}
	var rows [][]any
	for i, s := range list {
		if last[s.ID] != i {
			continue
		}
		content, err := s.MarshalJSON()
		if err != nil {
			return fmt.Errorf("encode span %s: %w", s.ID, err)
		}
		var cost struct {
			Input  *float64 `json:"input_cost"`
			Output *float64 `json:"output_cost"`
			Total  *float64 `json:"total_cost"`
		}
		_ = json.Unmarshal(s.Attribute(models.AttrCost), &cost) // what is no cost costs nothing
		rows = append(rows, []any{
			traceKey, s.ID, orNull(s.ParentID), s.Name, orNull(s.Text(models.AttrType)), string(s.Status), s.StartNS, s.EndNS, string(content),
			orNull(shortened(s.Text(models.AttrModel))), orNull(shortened(s.Text(models.AttrProvider))), cost.Input, cost.Output, cost.Total,
		})
	}
	return t.insert(`INSERT INTO span (trace_id, span_id, parent_id, name, type, status, start_ns, end_ns, content, model, provider,
		input_cost, output_cost, total_cost)`, `ON CONFLICT (trace_id, span_id) DO UPDATE SET parent_id = excluded.parent_id,
		name = excluded.name, type = excluded.type, status = excluded.status, start_ns = excluded.start_ns, end_ns = excluded.end_ns,
		content = excluded.content, model = excluded.model, provider = excluded.provider, input_cost = excluded.input_cost,
		output_cost = excluded.output_cost, total_cost = excluded.total_cost`, rows)
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func shortened(text string) string {
	for utf8.RuneCountInString(text) > models.MaxSpanNameText {
		text = string([]rune(text)[:models.MaxSpanNameText])
	}
	return text
}

// Of implements storage.SpanStore.
func (t spans) Of(keys []int64) (map[int64][]models.Span, error) {
	out := make(map[int64][]models.Span, len(keys))
	query := "SELECT trace_id, content FROM span WHERE trace_id " + t.inInts() + " ORDER BY trace_id, CASE WHEN parent_id IS NULL THEN 0 ELSE 1 END, start_ns, span_id"
	err := t.scan(query, []any{jsonList(keys)}, func(scan scanner) error {
		var key int64
		var content string
		if err := scan(&key, &content); err != nil {
			return err
		}
		var s models.Span
		if err := s.UnmarshalJSON([]byte(content)); err != nil {
			return fmt.Errorf("decode a span of trace %d: %w", key, err)
		}
		out[key] = append(out[key], s)
		return nil
	})
	return out, err
}
