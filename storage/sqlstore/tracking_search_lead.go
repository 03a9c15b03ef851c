package sqlstore

import "slices"

// shortValue is how long a value may be, in characters, to be in the index by
// key and value: migration 0010 says the same.
const shortValue = 100

// selective is a condition that an index could answer by itself.
type selective struct {
	join  int // its place in the statement's joins
	alias string
	owned ownedTable
	key   any
	text  string
}

// mostLed bounds how many rows a condition may keep to be read first.
const mostLed = 50_000

// lead reads the rows of one condition first, where they are fewer than the
// runs of the experiments: SQLite keeps no statistics, and those of Postgres
// know nothing of values by key. To count them costs little beside what it
// saves, and no more than the lesser of both.
func (t runs) lead(s *statement, experimentIDs []int64) error {
	best, fewest := -1, int64(mostLed)
	for i, c := range s.selective {
		found, err := t.number("SELECT COUNT(*) FROM (SELECT 1 FROM "+c.owned.table+" WHERE "+c.where()+" LIMIT ?) x", c.key, c.text, fewest)
		if err != nil {
			return err
		}
		if found < fewest {
			best, fewest = i, found
		}
	}
	if best < 0 {
		return nil
	}
	more, err := t.number("SELECT COUNT(*) FROM (SELECT 1 FROM run WHERE experiment_id "+t.inInts()+" LIMIT 1 OFFSET ?) x",
		jsonList(experimentIDs), fewest)
	if err != nil || more == 0 {
		return err
	}
	c := s.selective[best]
	// The LIMIT keeps both planners from taking the subquery apart.
	s.lead = []string{"(SELECT run_id, key_id, value FROM " + c.owned.table + " WHERE " + c.where() + " LIMIT ?) " + c.alias}
	s.leadArgs = []any{c.key, c.text, mostLed}
	s.joins = slices.Delete(slices.Clone(s.joins), c.join, c.join+1)
	return nil
}

func (c selective) where() string { return "key_id = ? AND value = ? AND length(value) <= 100" }

func (t *tx) number(query string, args ...any) (n int64, err error) {
	err = t.scan(query, args, func(scan scanner) error { return scan(&n) })
	return n, err
}
