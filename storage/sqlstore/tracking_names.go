package sqlstore

import (
	"slices"
)

// keyed is a metric, param or tag of an owner, by the number of its key.
type keyed[T any] struct {
	owner, key int64
	of         T
}

// named hands rows on with the names of their keys, which are kept in memory:
// to join them costs more than to read the rest of a row.
func named[T any](t *tx, rows []keyed[T], add func(owner int64, name string, of T)) error {
	names := map[int64]string{}
	var unknown []int64
	t.keys.mu.RLock()
	for _, row := range rows {
		if _, seen := names[row.key]; seen {
			continue
		}
		name, known := t.keys.names[row.key]
		if names[row.key] = name; !known {
			unknown = append(unknown, row.key)
		}
	}
	t.keys.mu.RUnlock()
	if len(unknown) > 0 {
		slices.Sort(unknown)
		learned := make(map[string]int64, len(unknown))
		err := t.scan("SELECT id, name FROM tracking_key WHERE id "+t.inInts(), []any{jsonList(unknown)}, func(scan scanner) error {
			var id int64
			var name string
			err := scan(&id, &name)
			names[id], learned[name] = name, id
			return err
		})
		if err != nil {
			return err
		}
		if t.reads {
			t.keys.add(learned) // what a view sees is committed
		}
	}
	for _, row := range rows {
		add(row.owner, names[row.key], row.of)
	}
	return nil
}
