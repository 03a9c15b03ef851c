package sqlstore

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// columnKind is what an ordering by a column compares.
type columnKind int

const (
	ofText columnKind = iota // in the order of its bytes, on both databases
	ofID                     // text that any order sorts the same way
	ofInt
	ofMark // 0 or 1, a smaller integer on Postgres
	ofFloat
)

// column is an expression that a search compares or orders by.
type column struct {
	expr string
	kind columnKind
	null bool // it may be absent
}

// term is a part of an ordering. What is absent comes last, either way.
type term struct {
	column
	desc bool
}

func (t term) sql() string {
	out := t.expr
	if t.desc {
		out += " DESC"
	}
	if t.null {
		out += " NULLS LAST" // only there: it hides an index from Postgres
	}
	return out
}

// sign compares with a value that was passed.
func (t term) sign() string {
	if t.desc {
		return " <"
	}
	return " >"
}

// beyond holds for what comes after a value.
func (t term) beyond() string {
	text := t.expr + t.sign() + " ?"
	if t.null {
		text = "(" + text + " OR " + t.expr + " IS NULL)"
	}
	return text
}

// orderBy adds what an order asks for: a metric's NaN comes after numbers.
func (t *tx) orderBy(s *statement, n searchable, o models.Order, alias string) error {
	if o.Entity == models.EntityAttribute {
		c, ok := n.attribute[o.Key]
		if !ok {
			return fmt.Errorf("search %s: no attribute %q", n.table, o.Key)
		}
		s.terms = append(s.terms, term{t.collated(c), o.Desc})
		return nil
	}
	owned, ok := n.owned[o.Entity]
	if !ok {
		return fmt.Errorf("search %s: no %s", n.table, o.Entity)
	}
	on, arg := owned.key(alias, o.Key, s.keys)
	source, args := owned.table, []any{arg}
	if owned.many {
		source, args = newest(owned, o, s.keys)
		on = alias + ".place = 1"
	}
	s.outer = append(s.outer, "LEFT JOIN "+source+" "+alias+" ON "+alias+"."+owned.owner+" = "+n.table+".id AND "+on)
	s.outerArgs = append(s.outerArgs, args...)
	value := column{expr: alias + ".value", null: true}
	if o.Entity == models.EntityMetric {
		value.kind = ofFloat
		s.terms = append(s.terms, term{column: column{expr: alias + ".is_nan", kind: ofMark, null: true}})
	}
	s.terms = append(s.terms, term{t.collated(value), o.Desc})
	return nil
}

// collated makes Postgres order text as SQLite does, whatever its locale.
func (t *tx) collated(c column) column {
	if t.dialect == "postgres" && c.kind == ofText {
		c.expr += ` COLLATE "C"`
	}
	return c
}

// newest ranks the rows of one key, so that the first of each owner is joined.
func newest(owned ownedTable, o models.Order, keys map[string]int64) (source string, args []any) {
	where, arg := owned.key("y", o.Key, keys)
	args = []any{arg}
	if o.DatasetName != "" {
		where, args = where+" AND y.dataset_name = ?", append(args, o.DatasetName)
	}
	if o.DatasetDigest != "" {
		where, args = where+" AND y.dataset_digest = ?", append(args, o.DatasetDigest)
	}
	return "(SELECT y." + owned.owner + ", y.value, y.is_nan, ROW_NUMBER() OVER (PARTITION BY y." + owned.owner +
		" ORDER BY y.timestamp_ms DESC, y.step DESC) AS place FROM " + owned.table + " y WHERE " + where + ")", args
}

// positionOf reads the values by which a row is ordered.
func (t *tx) positionOf(s *statement, id int64) (models.Position, error) {
	exprs := make([]string, len(s.terms))
	values := make([]any, len(s.terms))
	into := make([]any, len(s.terms))
	for i, term := range s.terms {
		exprs[i], into[i] = term.expr, &values[i]
	}
	query := "SELECT " + strings.Join(exprs, ", ") + " FROM " + s.from + " " + strings.Join(s.outer, " ") + " WHERE " + s.table + ".id = ?"
	args := append(append([]any{}, s.outerArgs...), id)
	if err := t.scan(query, args, func(scan scanner) error { return scan(into...) }); err != nil {
		return nil, err
	}
	out := make(models.Position, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case nil:
			out[i] = "-"
		case int64:
			out[i] = "i" + strconv.FormatInt(v, 10)
		case int16:
			out[i] = "i" + strconv.FormatInt(int64(v), 10)
		case float64:
			out[i] = "f" + strconv.FormatFloat(v, 'g', -1, 64)
		case string:
			out[i] = "t" + v
		case []byte:
			out[i] = "t" + string(v)
		default:
			return nil, fmt.Errorf("search %s: a value of type %T in its order", s.table, v)
		}
	}
	return out, nil
}

// beginAt keeps to the rows behind a position: (a, b) is passed by what is
// beyond a, or at a and beyond b. So a page neither skips nor repeats a row
// that was there all along, whatever is made or removed meanwhile.
func (t *tx) beginAt(s *statement, at models.Position) error {
	if at == nil {
		return nil
	}
	bad := models.Errorf(models.KindInvalid, "Invalid page token: it belongs to a search with another order")
	if len(at) != len(s.terms) {
		return bad
	}
	values := make([]any, len(at))
	for i, text := range at {
		var ok bool
		if values[i], ok = s.terms[i].value(text); !ok {
			return bad
		}
	}
	var text strings.Builder
	var args []any
	if first := s.terms[0]; !first.null {
		text.WriteString(first.expr + first.sign() + "= ? AND ") // an index can begin here
		args = append(args, values[0])
	}
	depth := 0
	for i, term := range s.terms {
		last := i == len(s.terms)-1
		if values[i] == nil {
			if last {
				text.WriteString("1 = 0")
				break
			}
			text.WriteString(term.expr + " IS NULL AND ")
			continue
		}
		if last {
			text.WriteString(term.beyond())
			args = append(args, values[i])
			break
		}
		text.WriteString("(" + term.beyond() + " OR " + term.expr + " = ? AND ")
		args = append(args, values[i], values[i])
		depth++
	}
	s.and("("+text.String()+strings.Repeat(")", depth)+")", args...)
	return nil
}

// value reads what positionOf wrote.
func (t term) value(text string) (any, bool) {
	if text == "-" {
		return nil, t.null
	}
	if text == "" {
		return nil, false
	}
	kind, text := text[0], text[1:]
	switch t.kind {
	case ofInt:
		n, err := strconv.ParseInt(text, 10, 64)
		return n, err == nil && kind == 'i'
	case ofMark:
		n, err := strconv.ParseInt(text, 10, 16)
		return n, err == nil && kind == 'i'
	case ofFloat:
		f, err := strconv.ParseFloat(text, 64)
		return f, err == nil && kind == 'f' && !math.IsNaN(f)
	default:
		return text, kind == 't' && !strings.ContainsRune(text, 0)
	}
}
