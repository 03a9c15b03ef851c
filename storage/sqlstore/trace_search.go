package sqlstore

import (
	"fmt"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

func searchableTraces() searchable {
	return searchable{
		table: "trace",
		attribute: map[string]column{
			"request_id": {expr: "trace.uuid"}, "status": {expr: "trace.state"}, "experiment_id": {expr: "trace.experiment_id", kind: ofInt},
			"client_request_id": {expr: "trace.client_request_id", null: true}, "timestamp_ms": {expr: "trace.start_ms", kind: ofInt},
			"execution_time_ms": {expr: "trace.duration_ms", kind: ofInt, null: true},
			"end_time_ms":       {expr: "(trace.start_ms + COALESCE(trace.duration_ms, 0))", kind: ofInt},
		},
		owned: map[models.Entity]ownedTable{
			models.EntityTag:      {table: "trace_tag", owner: "trace_id"},
			models.EntityMetadata: {table: "trace_metadata", owner: "trace_id"},
		},
		order: []models.Order{
			{Entity: models.EntityAttribute, Key: "timestamp_ms", Desc: true}, {Entity: models.EntityAttribute, Key: "request_id"},
		},
	}
}

// Search implements storage.TraceStore.
func (t traces) Search(q models.Search) ([]models.Trace, models.Position, error) {
	s, err := t.statement(q)
	if err != nil {
		return nil, nil, err
	}
	keys, next, err := t.pick(s)
	if err != nil || len(keys) == 0 {
		return nil, nil, err
	}
	var rows []traceRow
	if err := t.db.Where("id "+t.inInts(), jsonList(keys)).Find(&rows).Error; err != nil {
		return nil, nil, err
	}
	list := make([]models.Trace, len(rows))
	for i, r := range inOrderOf(keys, rows, func(r traceRow) int64 { return r.ID }) {
		list[i] = r.model()
	}
	return list, next, t.load(list)
}

// Count implements storage.TraceStore.
func (t traces) Count(q models.Search) (int64, error) {
	s, err := t.statement(q)
	if err != nil {
		return 0, err
	}
	s.terms, s.limit = nil, 1
	query, args := s.build("COUNT(*)")
	return t.number(query, args...)
}

// statement is the search, but for its page's end.
func (t traces) statement(q models.Search) (*statement, error) {
	var columns, onSpan, others []models.Condition
	for _, c := range q.Filter {
		switch {
		case c.Entity == models.EntitySpan:
			onSpan = append(onSpan, c)
		case c.Entity == models.EntityTag, c.Entity == models.EntityMetadata, c.Entity == models.EntityAttribute && c.Key != "run_id" && c.Key != "prompt":
			columns = append(columns, c)
		default:
			others = append(others, c)
		}
	}
	q.Filter = columns
	s, err := t.compile(searchableTraces(), q)
	if err != nil {
		return nil, err
	}
	if len(onSpan) > 0 { // one span of which all of it holds
		text, args := t.onSpan(onSpan)
		s.and("EXISTS (SELECT 1 FROM span x WHERE x.trace_id = trace.id AND "+text+")", args...)
	}
	for _, c := range others {
		switch c.Entity {
		case models.EntityAttribute:
			if c.Key == "prompt" {
				s.and("EXISTS (SELECT 1 FROM trace_prompt x WHERE x.trace_id = trace.id AND x.prompt = ?)", c.Text)
				break
			}
			text, args := ofRun(c.Text)
			s.and(text, args...)
		case models.EntityIssue:
			s.and("EXISTS (SELECT 1 FROM assessment x WHERE x.trace_id = trace.id AND x.type = ? AND x.name = ?)", string(models.AssessIssue), c.Text)
		case models.EntityFeedback, models.EntityExpectation:
			text, args := t.assessed(c)
			s.and(text, args...)
		default:
			return nil, fmt.Errorf("search traces: no %s", c.Entity)
		}
	}
	s.experiments("trace", q.ExperimentIDs, t.tx)
	return s, nil
}

// ofRun holds for traces that were made within a run, or linked to it.
func ofRun(id string) (string, []any) {
	return `(EXISTS (SELECT 1 FROM trace_metadata m WHERE m.trace_id = trace.id AND m.key_id = ` + keyOf + ` AND m.value = ?)
		OR EXISTS (SELECT 1 FROM trace_run l JOIN run r ON r.id = l.run_id WHERE l.trace = trace.uuid AND r.uuid = ?))`,
		[]any{models.MetaSourceRun, id, id}
}

// onSpan compares columns, content and attributes of a span x.
func (t *tx) onSpan(list []models.Condition) (string, []any) {
	parts := make([]string, len(list))
	var args []any
	for i, c := range list {
		name, isAttribute := strings.CutPrefix(c.Key, "attributes.")
		if !isAttribute {
			text, more := t.compare("x."+c.Key, c)
			parts[i], args = text, append(args, more...)
			continue
		}
		text, more := t.compare(t.plain("a.value"), c)
		members := "json_each(x.content, '$.attributes')"
		if t.dialect == "postgres" {
			members = "json_each_text(x.content::json -> 'attributes')"
		}
		parts[i] = "EXISTS (SELECT 1 FROM " + members + " a WHERE a.key = ? AND " + text + ")"
		args = append(append(args, name), more...)
	}
	return strings.Join(parts, " AND "), args
}

// plain is the text of a JSON text, and other JSON as it stands.
func (t *tx) plain(expr string) string {
	inner := "json_extract(" + expr + ", '$')"
	if t.dialect == "postgres" {
		inner = "(" + expr + "::json #>> '{}')"
	}
	return "(CASE WHEN substr(" + expr + ", 1, 1) = '\"' THEN " + inner + " ELSE " + expr + " END)"
}

// assessed holds for traces with a valid assessment of a name and value, and
// for those of the session that one speaks of.
func (t *tx) assessed(c models.Condition) (string, []any) {
	where := "x.valid = 1 AND x.type = ? AND x.name = ?"
	args := []any{string(c.Entity), c.Key}
	switch c.Op {
	case models.OpIsNull, models.OpIsNotNull:
	default:
		expr := t.plain("x.value")
		if c.Numeric {
			where, expr = where+" AND x.is_numeric = 1", "x.number"
		}
		text, more := t.compare(expr, c)
		where, args = where+" AND "+text, append(args, more...)
	}
	text := "(EXISTS (SELECT 1 FROM assessment x WHERE x.trace_id = trace.id AND " + where + `)
		OR EXISTS (SELECT 1 FROM trace s JOIN assessment x ON x.trace_id = s.id
			WHERE s.session = trace.session AND s.experiment_id = trace.experiment_id AND x.of_session = 1 AND ` + where + "))"
	if c.Op == models.OpIsNull {
		text = "NOT " + text
	}
	return text, append(args, args...)
}
