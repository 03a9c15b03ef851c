package sqlstore

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// searchable says how a noun's conditions and orderings become SQL. Only its
// own constants become text; what a caller wrote is always bound.
type searchable struct {
	table     string
	attribute map[string]string // canonical name → expression
	owned     map[models.Entity]ownedTable
	order     []models.Order // the noun's default: attributes, appended where the caller does not name them
}

// ownedTable holds a noun's metrics, params or tags.
type ownedTable struct {
	table, owner string
	textKey      bool // its key column is text, not a number of tracking_key
	many         bool // several rows of one key; the newest counts in an ordering
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
	joins, where, order             []string
	joinArgs, whereArgs, suffixArgs []any
	keys                            map[string]int64 // numbers of the keys that are named
}

func (s *statement) and(condition string, args ...any) {
	s.where = append(s.where, condition)
	s.whereArgs = append(s.whereArgs, args...)
}

// pick runs the search for the ids of a page, in order. Whole rows are read
// afterwards: those that are skipped or sorted away are never touched.
func (t *tx) pick(s *statement, table string) ([]int64, error) {
	query, args := s.build(table+".id", table)
	var ids []int64
	err := t.scan(query, args, func(scan scanner) error {
		var id int64
		err := scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// build gives the statement that selects columns.
func (s *statement) build(columns, table string) (string, []any) {
	var b strings.Builder
	b.WriteString("SELECT " + columns + " FROM " + table)
	for _, j := range s.joins {
		b.WriteString(" " + j)
	}
	if len(s.where) > 0 {
		b.WriteString(" WHERE " + strings.Join(s.where, " AND "))
	}
	if len(s.order) > 0 {
		b.WriteString(" ORDER BY " + strings.Join(s.order, ", "))
	}
	b.WriteString(" LIMIT ? OFFSET ?")
	args := append(append([]any{}, s.joinArgs...), s.whereArgs...)
	return b.String(), append(args, s.suffixArgs...)
}

// compile turns a search into a statement; the caller adds what is its own.
func (t *tx) compile(n searchable, q models.Search) (*statement, error) {
	s := &statement{suffixArgs: []any{q.Limit, q.Offset}, keys: map[string]int64{}}
	if names := keysNamed(q); len(names) > 0 {
		if err := t.readKeys(names, s.keys); err != nil {
			return nil, err
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
	return s, nil
}

// keysNamed lists the keys of metrics, params and tags in a search.
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
		expr, ok := n.attribute[c.Key]
		if !ok {
			return fmt.Errorf("search %s: no attribute %q", n.table, c.Key)
		}
		text, args := t.compare(expr, c)
		s.and(text, args...)
		return nil
	}
	owned, ok := n.owned[c.Entity]
	if !ok {
		return fmt.Errorf("search %s: no %s", n.table, c.Entity)
	}
	key, arg := owned.key("x", c.Key, s.keys)
	exists := "EXISTS (SELECT 1 FROM " + owned.table + " x WHERE x." + owned.owner + " = " + n.table + ".id AND " + key
	args := []any{arg}
	if c.Op == models.OpIsNull {
		s.and("NOT "+exists+")", args...)
		return nil
	}
	if c.Op == models.OpIsNotNull {
		s.and(exists+")", args...)
		return nil
	}
	text, more := t.compare("x.value", c)
	if c.Entity == models.EntityMetric {
		exists += " AND x.is_nan = 0" // NaN compares with nothing
		if len(datasets) > 0 {
			in, refs := anyDataset("x", datasets)
			exists, args = exists+" AND "+in, append(args, refs...)
		}
	}
	s.and(exists+" AND "+text+")", append(args, more...)...)
	return nil
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

// orderBy adds a term: a metric's NaN comes after numbers, and what lacks the
// key comes last, in both directions.
func (t *tx) orderBy(s *statement, n searchable, o models.Order, alias string) error {
	direction := " ASC"
	if o.Desc {
		direction = " DESC"
	}
	if o.Entity == models.EntityAttribute {
		expr, ok := n.attribute[o.Key]
		if !ok {
			return fmt.Errorf("search %s: no attribute %q", n.table, o.Key)
		}
		s.order = append(s.order, expr+direction+" NULLS LAST")
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
	if o.Entity == models.EntityMetric {
		s.order = append(s.order, alias+".is_nan ASC NULLS LAST")
	}
	s.joins = append(s.joins, "LEFT JOIN "+source+" "+alias+" ON "+alias+"."+owned.owner+" = "+n.table+".id AND "+on)
	s.joinArgs = append(s.joinArgs, args...)
	s.order = append(s.order, alias+".value"+direction+" NULLS LAST")
	return nil
}

// newest ranks the rows of one key, so that the first of each owner is joined.
func newest(owned ownedTable, o models.Order, keys map[string]int64) (source string, args []any) {
	where, arg := owned.key("y", o.Key, keys)
	args = []any{arg}
	if o.DatasetName != "" {
		in, refs := anyDataset("y", []models.DatasetRefByDigest{{Name: o.DatasetName, Digest: o.DatasetDigest}})
		where, args = where+" AND "+in, append(args, refs...)
	}
	return "(SELECT y." + owned.owner + ", y.value, y.is_nan, ROW_NUMBER() OVER (PARTITION BY y." + owned.owner +
		" ORDER BY y.timestamp_ms DESC, y.step DESC) AS place FROM " + owned.table + " y WHERE " + where + ")", args
}
