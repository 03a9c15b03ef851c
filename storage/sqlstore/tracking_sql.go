package sqlstore

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// insert writes rows by few statements: a hundred, ten or one row in each, so
// that the statements a connection prepares are few too.
func (t *tx) insert(head, tail string, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := t.insertFlat(head, tail, len(rows[0]), slices.Concat(rows...))
	return err
}

// insertLater is insert for rows whose result nobody waits for.
func (t *tx) insertLater(head, tail string, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	return eachInsert(head, tail, len(rows[0]), slices.Concat(rows...), t.later)
}

// insertFlat is insert with the values of all rows behind one another.
func (t *tx) insertFlat(head, tail string, width int, values []any) (affected int64, err error) {
	return affected, eachInsert(head, tail, width, values, func(query string, args ...any) error {
		more, err := t.exec(query, args...)
		affected += more
		return err
	})
}

func eachInsert(head, tail string, width int, values []any, run func(query string, args ...any) error) error {
	for len(values) > 0 {
		n := 1
		for _, size := range []int{100, 10} {
			if len(values) >= size*width {
				n = size
				break
			}
		}
		row := "(?" + strings.Repeat(", ?", width-1) + ")"
		if err := run(head+" VALUES "+row+strings.Repeat(", "+row, n-1)+" "+tail, values[:n*width]...); err != nil {
			return err
		}
		values = values[n*width:]
	}
	return nil
}

// inInts and inTexts are the right side of an IN over one JSON argument: one
// statement, whatever the length of the list.
func (t *tx) inInts() string {
	if t.dialect == "postgres" {
		// An array, read once: the place of a join in the plan would be a guess.
		return "= ANY ((SELECT translate(?, '[]', '{}')::bigint[])::bigint[])"
	}
	return "IN (SELECT value FROM json_each(?))"
}

// inSet is inInts for a long list that is asked once a row.
func (t *tx) inSet() string {
	if t.dialect == "postgres" {
		return "IN (SELECT value::bigint FROM json_array_elements_text(?::json))"
	}
	return t.inInts()
}

func (t *tx) inTexts() string {
	if t.dialect == "postgres" {
		return "IN (SELECT value FROM json_array_elements_text(?::json))"
	}
	return "IN (SELECT value FROM json_each(?))"
}

func jsonList[T int64 | string](list []T) string {
	if len(list) == 0 {
		return "[]"
	}
	text, _ := json.Marshal(list)
	return string(text)
}

// keyIDs gives the numbers of keys, new ones included.
func (t *tx) keyIDs(names []string) (map[string]int64, error) {
	ids := make(map[string]int64, len(names))
	t.keys.read(names, ids)
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return ids[name] != 0 })
	if len(names) == 0 {
		return ids, nil
	}
	slices.Sort(names) // one order, so that two writers never wait for each other
	names = slices.Compact(names)
	read := make(map[string]int64, len(names))
	defer func() {
		maps.Copy(ids, read)
		if t.learned == nil {
			t.learned = make(map[string]int64, len(read))
		}
		maps.Copy(t.learned, read)
	}()
	if err := t.readKeys(names, read); err != nil || len(read) == len(names) {
		return ids, err
	}
	var rows [][]any
	var fresh []string
	for _, name := range names {
		if _, known := read[name]; !known {
			rows, fresh = append(rows, []any{name}), append(fresh, name)
		}
	}
	if err := t.insert("INSERT INTO tracking_key (name)", "ON CONFLICT (name) DO NOTHING", rows); err != nil {
		return nil, err
	}
	return ids, t.readKeys(fresh, read)
}

func (t *tx) readKeys(names []string, into map[string]int64) error {
	return t.scan("SELECT name, id FROM tracking_key WHERE name "+t.inTexts(), []any{jsonList(names)}, func(scan scanner) error {
		var name string
		var id int64
		err := scan(&name, &id)
		into[name] = id
		return err
	})
}

// keyOf is the number of a key that may not exist.
const keyOf = "(SELECT id FROM tracking_key WHERE name = ?)"

// setTags writes tags into a table of (owner, key_id, value).
func (t *tx) setTags(table, owner string, id int64, tags []models.Tag) error {
	if len(tags) == 0 {
		return nil
	}
	names := make([]string, len(tags))
	last := make(map[string]string, len(tags)) // of one key given twice the last counts
	for i, tag := range tags {
		names[i], last[tag.Key] = tag.Key, tag.Value
	}
	ids, err := t.keyIDs(names)
	if err != nil {
		return err
	}
	var p pairList
	for _, name := range slices.SortedFunc(maps.Keys(last), func(a, b string) int { return cmp.Compare(ids[a], ids[b]) }) {
		p.add(ids[name], last[name])
	}
	const update = ") DO UPDATE SET value = excluded.value"
	if t.dialect == "postgres" {
		return t.later(pairArrays(table, owner, "ON CONFLICT ("+owner+", key_id"+update), id, p.keys, p.values)
	}
	_, err = t.insertPairs(table, owner, id, p, "ON CONFLICT ("+owner+", key_id"+update)
	return err
}

// pairList is the tags or params of one owner, by the numbers of their keys.
type pairList struct {
	keys   []int64
	values []string
}

func (p *pairList) add(key int64, value string) {
	p.keys, p.values = append(p.keys, key), append(p.values, value)
}

// insertPairs writes into a table of (owner, key_id, value).
func (t *tx) insertPairs(table, owner string, id int64, p pairList, tail string) (int64, error) {
	if t.dialect == "postgres" {
		return t.exec(pairArrays(table, owner, tail), id, p.keys, p.values)
	}
	values := make([]any, 0, 3*len(p.keys))
	for i, key := range p.keys {
		values = append(values, id, key, p.values[i])
	}
	return t.insertFlat("INSERT INTO "+table+" ("+owner+", key_id, value)", tail, 3, values)
}

// pairArrays is the same for Postgres, from arrays of keys and values.
func pairArrays(table, owner, tail string) string {
	return "INSERT INTO " + table + " (" + owner + ", key_id, value) SELECT ?::bigint, * FROM unnest(?::bigint[], ?::text[]) " + tail
}

// logParams writes params once into a table of (owner, key_id, value), and
// gives those whose stored value is another.
func (t *tx) logParams(table, owner string, id int64, params []models.Param) ([]models.Param, error) {
	if len(params) == 0 {
		return nil, nil
	}
	names := make([]string, len(params))
	for i, p := range params {
		names[i] = p.Key
	}
	ids, err := t.keyIDs(names)
	if err != nil {
		return nil, err
	}
	params = slices.SortedFunc(slices.Values(params), func(a, b models.Param) int { return cmp.Compare(ids[a.Key], ids[b.Key]) })
	var list pairList
	for _, p := range params {
		list.add(ids[p.Key], p.Value)
	}
	stored, err := t.insertPairs(table, owner, id, list, "ON CONFLICT ("+owner+", key_id) DO NOTHING")
	if err != nil || stored == int64(len(params)) {
		return nil, err
	}
	given := make(map[string]string, len(params))
	for _, p := range params {
		given[p.Key] = p.Value
	}
	var old []models.Param
	query := "SELECT k.name, p.value FROM " + table + " p JOIN tracking_key k ON k.id = p.key_id WHERE p." + owner + " = ? AND k.name " + t.inTexts()
	err = t.scan(query, []any{id, jsonList(names)}, func(scan scanner) error {
		var p models.Param
		err := scan(&p.Key, &p.Value)
		if given[p.Key] != p.Value {
			old = append(old, p)
		}
		return err
	})
	slices.SortFunc(old, func(a, b models.Param) int { return cmp.Compare(a.Key, b.Key) })
	return old, err
}

// pairs reads the tags or params of many owners.
func (t *tx) pairs(table, owner string, ids []int64, add func(id int64, key, value string)) error {
	var rows []keyed[string]
	query := "SELECT " + owner + ", key_id, value FROM " + table + " WHERE " + owner + " " + t.inInts() + " ORDER BY " + owner + ", key_id"
	err := t.scan(query, []any{jsonList(ids)}, func(scan scanner) error {
		var r keyed[string]
		err := scan(&r.owner, &r.key, &r.of)
		rows = append(rows, r)
		return err
	})
	if err != nil {
		return err
	}
	return named(t, rows, add)
}

// lifecycle reads a deleted_ms column.
func lifecycle(deletedMS *int64) models.Lifecycle {
	if deletedMS != nil {
		return models.LifecycleDeleted
	}
	return models.LifecycleActive
}

// deletedAt is what a deleted_ms column holds.
func deletedAt(l models.Lifecycle, atMS int64) *int64 {
	if l == models.LifecycleDeleted {
		return &atMS
	}
	return nil
}
