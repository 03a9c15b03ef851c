package sqlstore

import "slices"

// shortValue is how long a value may be, in characters, to be in the index by
// key and value: migrations 0010 and 0018 say the same.
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

// lead reads the rows of one condition first, where that is less than to read
// the runs of the experiments: SQLite keeps no statistics, and those of Postgres
// know nothing of values by key. To find out costs little beside what it saves.
func (t runs) lead(s *statement, experimentIDs []int64) error {
	if len(s.selective) == 0 {
		return nil
	}
	if t.dialect == "sqlite" {
		return t.leadByBucket(s, experimentIDs)
	}
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
	if more, err := t.moreRuns(experimentIDs, fewest); err != nil || !more {
		return err
	}
	c := s.selective[best]
	// The LIMIT keeps the planner from taking the subquery apart.
	s.lead = []string{"(SELECT run_id, key_id, value FROM " + c.owned.table + " WHERE " + c.where() + " LIMIT ?) " + c.alias}
	s.leadArgs = []any{c.key, c.text, mostLed}
	s.joins = slices.Delete(slices.Clone(s.joins), c.join, c.join+1)
	return nil
}

// leadByBucket looks once into each bucket of the index, where the experiments
// have more runs than there are buckets.
func (t runs) leadByBucket(s *statement, experimentIDs []int64) error {
	last, err := t.number("SELECT COALESCE(MAX(id), 0) / 256 FROM run")
	if err != nil {
		return err
	}
	if more, err := t.moreRuns(experimentIDs, last+1); err != nil || !more {
		return err
	}
	c := s.selective[0]
	s.lead = []string{"(WITH RECURSIVE b(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM b WHERE n < ?) SELECT n FROM b) bucket", s.joins[c.join]}
	s.leadArgs = []any{last}
	s.joins = slices.Delete(slices.Clone(s.joins), c.join, c.join+1)
	s.and(c.alias + ".run_id / 256 = bucket.n AND length(" + c.alias + ".value) <= 100")
	return nil
}

// moreRuns tells whether experiments have more runs than so many.
func (t runs) moreRuns(experimentIDs []int64, than int64) (bool, error) {
	n, err := t.number("SELECT COUNT(*) FROM (SELECT 1 FROM run WHERE experiment_id "+t.inInts()+" LIMIT 1 OFFSET ?) x", jsonList(experimentIDs), than)
	return n > 0, err
}

func (c selective) where() string { return "key_id = ? AND value = ? AND length(value) <= 100" }

func (t *tx) number(query string, args ...any) (n int64, err error) {
	err = t.scan(query, args, func(scan scanner) error { return scan(&n) })
	return n, err
}
