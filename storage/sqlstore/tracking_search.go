package sqlstore

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/models"
)

// searchable says how a noun's conditions and orderings become SQL. Only its
// own constants become text; what a caller wrote is always bound.
type searchable struct {
	table     string
	from      string            // the tables that are read, if more than that one
	attribute map[string]column // by canonical name
	owned     map[models.Entity]ownedTable
	order     []models.Order // the noun's default: attributes, appended where the caller does not name them
}

// ownedTable holds a noun's metrics, params or tags.
type ownedTable struct {
	table, owner string
	textKey      bool // its key column is text, not a number of tracking_key
	many         bool // several rows of one key; the newest counts in an ordering
	indexed      bool // by key and value, where the value is short
}

// key is the condition on a row's key, and its argument.
func (o ownedTable) key(alias, name string, ids map[string]int64) (string, any) {
	if o.textKey {
		return alias + ".key = ?", name
	}
	id, known := ids[name]
	if !known {
		id = -1 // no row has it
	}
	return alias + ".key_id = ?", id
}

// statement is a SELECT in the making.
type statement struct {
	from, table         string
	lead                []string // what is read before the noun's own table
	joins, outer, where []string
	leadArgs, outerArgs []any
	whereArgs           []any
	terms               []term
	selective           []selective
	limit, offset       int
	keys                map[string]int64 // numbers of the keys that are named
}

func (s *statement) and(condition string, args ...any) {
	s.where = append(s.where, condition)
	s.whereArgs = append(s.whereArgs, args...)
}

// pick runs the search for the ids of a page, in order, and the position of
// the next one. Whole rows are read afterwards: those that are skipped or
// sorted away are never touched.
func (t *tx) pick(s *statement) ([]int64, models.Position, error) {
	query, args := s.build(s.table + ".id")
	ids := make([]int64, 0, min(s.limit+1, 1024))
	err := t.scan(query, args, func(scan scanner) error {
		var id int64
		err := scan(&id)
		ids = append(ids, id)
		return err
	})
	if err != nil || len(ids) <= s.limit {
		return ids, nil, err
	}
	ids = ids[:s.limit]
	next, err := t.positionOf(s, ids[len(ids)-1])
	return ids, next, err
}

// build gives the statement that selects columns. SQLite, which keeps no
// statistics to choose by, reads cross joined tables in the order they stand;
// Postgres chooses by itself.
func (s *statement) build(columns string) (string, []any) {
	tables := append(slices.Clone(s.lead), s.from)
	var b strings.Builder
	b.WriteString("SELECT " + columns + " FROM " + strings.Join(append(tables, s.joins...), " CROSS JOIN "))
	for _, o := range s.outer {
		b.WriteString(" " + o)
	}
	if len(s.where) > 0 {
		b.WriteString(" WHERE " + strings.Join(s.where, " AND "))
	}
	for i, t := range s.terms {
		b.WriteString([]string{" ORDER BY ", ", "}[min(i, 1)] + t.sql())
	}
	b.WriteString(" LIMIT ? OFFSET ?")
	// One more than the page tells whether there is another.
	return b.String(), slices.Concat(s.leadArgs, s.outerArgs, s.whereArgs, []any{s.limit + 1, s.offset})
}

// compile turns a search into a statement; the caller adds what is its own, and
// begins at the page's position last.
func (t *tx) compile(n searchable, q models.Search) (*statement, error) {
	s := &statement{table: n.table, from: n.from, limit: q.Limit, offset: q.Offset, keys: map[string]int64{}}
	if s.from == "" {
		s.from = n.table
	}
	if names := keysNamed(q); len(names) > 0 {
		t.keys.read(names, s.keys)
		if unread := slices.DeleteFunc(names, func(name string) bool { _, known := s.keys[name]; return known }); len(unread) > 0 {
			if err := t.readKeys(unread, s.keys); err != nil {
				return nil, err
			}
		}
	}
	for _, c := range q.Filter {
		if err := t.condition(s, n, c, q.Datasets); err != nil {
			return nil, err
		}
	}
	for i, o := range withDefault(q.Order, n.order) {
		if err := t.orderBy(s, n, o, fmt.Sprintf("o%d", i)); err != nil {
			return nil, err
		}
	}
	return s, t.beginAt(s, q.After)
}

// keysNamed lists the keys of metrics, params, tags and metadata in a search.
func keysNamed(q models.Search) []string {
	var names []string
	for _, c := range q.Filter {
		if c.Entity != models.EntityAttribute {
			names = append(names, c.Key)
		}
	}
	for _, o := range q.Order {
		if o.Entity != models.EntityAttribute {
			names = append(names, o.Key)
		}
	}
	return names
}

func withDefault(order, standard []models.Order) []models.Order {
	order = slices.Clone(order)
	for _, o := range standard {
		if !slices.ContainsFunc(order, func(have models.Order) bool { return have.Entity == o.Entity && have.Key == o.Key }) {
			order = append(order, o)
		}
	}
	return order
}

func (t *tx) condition(s *statement, n searchable, c models.Condition, datasets []models.DatasetRefByDigest) error {
	if c.Entity == models.EntityAttribute {
		column, ok := n.attribute[c.Key]
		if !ok {
			return fmt.Errorf("search %s: no attribute %q", n.table, c.Key)
		}
		text, args := t.compare(column.expr, c)
		s.and(text, args...)
		return nil
	}
	owned, ok := n.owned[c.Entity]
	if !ok {
		return fmt.Errorf("search %s: no %s", n.table, c.Entity)
	}
	if owned.many || c.Op == models.OpIsNull || c.Op == models.OpLacks {
		t.exists(s, owned, c, datasets)
		return nil
	}
	// A noun has one row of a key, so a join finds it no more than once.
	alias := fmt.Sprintf("f%d", len(s.joins))
	key, arg := owned.key(alias, c.Key, s.keys)
	s.joins = append(s.joins, owned.table+" "+alias)
	s.and(alias+"."+owned.owner+" = "+n.table+".id AND "+key, arg)
	if c.Op == models.OpIsNotNull {
		return nil
	}
	if owned.indexed && c.Op == models.OpEqual && utf8.RuneCountInString(c.Text) <= shortValue {
		s.selective = append(s.selective, selective{join: len(s.joins) - 1, alias: alias, owned: owned, key: arg, text: c.Text})
	}
	text, args := t.compareOwned(alias, c)
	s.and(text, args...)
	return nil
}

// exists looks for a row of a key, or for none.
func (t *tx) exists(s *statement, owned ownedTable, c models.Condition, datasets []models.DatasetRefByDigest) {
	key, arg := owned.key("x", c.Key, s.keys)
	text := "EXISTS (SELECT 1 FROM " + owned.table + " x WHERE x." + owned.owner + " = " + s.table + ".id AND " + key
	args := []any{arg}
	switch c.Op {
	case models.OpIsNull:
		text = "NOT " + text
	case models.OpIsNotNull:
	case models.OpLacks:
		text, args = "NOT "+text+" AND x.value = ?", append(args, c.Text)
	default:
		if c.Entity == models.EntityMetric && len(datasets) > 0 {
			in, refs := anyDataset("x", datasets)
			text, args = text+" AND "+in, append(args, refs...)
		}
		compared, more := t.compareOwned("x", c)
		text, args = text+" AND "+compared, append(args, more...)
	}
	s.and(text+")", args...)
}

// compareOwned compares the value of a metric, param or tag. NaN, stored as 0
// with a mark, is unequal to everything and compares with nothing else.
func (t *tx) compareOwned(alias string, c models.Condition) (string, []any) {
	text, args := t.compare(alias+".value", c)
	switch {
	case c.Entity != models.EntityMetric:
	case c.Op == models.OpNotEqual:
		text = "(" + text + " OR " + alias + ".is_nan <> 0)"
	default:
		text += " AND " + alias + ".is_nan = 0"
	}
	return text, args
}

// anyDataset holds for rows measured on one of the datasets.
func anyDataset(alias string, datasets []models.DatasetRefByDigest) (string, []any) {
	terms := make([]string, len(datasets))
	var args []any
	for i, d := range datasets {
		terms[i] = alias + ".dataset_name = ?"
		args = append(args, d.Name)
		if d.Digest != "" {
			terms[i] = "(" + terms[i] + " AND " + alias + ".dataset_digest = ?)"
			args = append(args, d.Digest)
		}
	}
	return "(" + strings.Join(terms, " OR ") + ")", args
}

// compare compares an expression with a condition's value.
func (t *tx) compare(expr string, c models.Condition) (string, []any) {
	postgres := t.dialect == "postgres"
	switch c.Op {
	case models.OpIn:
		return expr + " " + t.inTexts(), []any{jsonList(c.List)}
	case models.OpNotIn:
		return expr + " NOT " + t.inTexts(), []any{jsonList(c.List)}
	case models.OpLike:
		if postgres {
			return expr + " LIKE ? ESCAPE ''", []any{c.Text}
		}
		return expr + " GLOB ?", []any{glob(c.Text)} // SQLite's LIKE ignores case
	case models.OpILike:
		if postgres {
			return expr + " ILIKE ? ESCAPE ''", []any{c.Text}
		}
		return expr + " LIKE ?", []any{c.Text}
	case models.OpRLike:
		if postgres {
			return expr + " ~ ?", []any{c.Text}
		}
		return expr + " REGEXP ?", []any{c.Text}
	default:
	}
	op := string(c.Op)
	if c.Op == models.OpNotEqual {
		op = "<>"
	}
	if c.Numeric {
		return expr + " " + op + " CAST(? AS DOUBLE PRECISION)", []any{c.Number}
	}
	return expr + " " + op + " ?", []any{c.Text}
}

var globSigns = strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]", "%", "*", "_", "?")

// glob writes a LIKE pattern as SQLite's GLOB.
func glob(pattern string) string { return globSigns.Replace(pattern) }

// inOrderOf sorts rows by the order of their ids.
func inOrderOf[T any](ids []int64, rows []T, id func(T) int64) []T {
	place := make(map[int64]int, len(ids))
	for i, id := range ids {
		place[id] = i
	}
	slices.SortFunc(rows, func(a, b T) int { return place[id(a)] - place[id(b)] })
	return rows
}
