package sqlstore

import (
	"errors"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
)

// exec runs a statement as it stands and gives the rows it changed: what gorm
// does to build one costs more than most of ours cost to run.
func (t *tx) exec(query string, args ...any) (int64, error) {
	if r, ok := t.db.Statement.ConnPool.(*roundTrips); ok {
		affected, err := r.exec(t.ctx, t.bind(query), args)
		return affected, t.translated(err)
	}
	res, err := t.db.Statement.ConnPool.ExecContext(t.ctx, t.bind(query), args...)
	if err != nil {
		return 0, t.translated(err)
	}
	return res.RowsAffected()
}

// later is exec for a statement whose result nobody waits for. Its error may be
// that of a later statement, or of the commit.
func (t *tx) later(query string, args ...any) error {
	if r, ok := t.db.Statement.ConnPool.(*roundTrips); ok && r.begin != "" {
		r.later(t.bind(query), args)
		return nil
	}
	_, err := t.exec(query, args...)
	return err
}

type scanner func(into ...any) error

// scan runs a query and hands each row to fn.
func (t *tx) scan(query string, args []any, fn func(scan scanner) error) error {
	if r, ok := t.db.Statement.ConnPool.(*roundTrips); ok {
		return t.translated(r.scan(t.ctx, t.bind(query), args, fn))
	}
	rows, err := t.db.Statement.ConnPool.QueryContext(t.ctx, t.bind(query), args...)
	if err != nil {
		return t.translated(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := fn(rows.Scan); err != nil {
			return err
		}
	}
	return t.translated(rows.Err())
}

// bind writes the placeholders as the dialect has them. None of our statements
// has a question mark of another meaning.
func (t *tx) bind(query string) string {
	if t.dialect == "sqlite" {
		return query
	}
	var b strings.Builder
	b.Grow(len(query) + 16)
	for n := 1; ; n++ {
		before, after, found := strings.Cut(query, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
		query = after
	}
}

// translated gives an error of the driver the meaning that gorm gives it.
func (t *tx) translated(err error) error {
	translator, ok := t.db.Dialector.(gorm.ErrorTranslator)
	if !ok || err == nil {
		return err
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		err = refused
	}
	return translator.Translate(err)
}

// maxKeys bounds the numbers of keys kept in memory.
const maxKeys = 20_000

// keyNumbers are the committed numbers of tracking_key, which never change.
type keyNumbers struct {
	mu    sync.RWMutex
	kept  map[string]int64
	names map[int64]string
}

func (k *keyNumbers) read(names []string, into map[string]int64) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	for _, name := range names {
		if id, ok := k.kept[name]; ok {
			into[name] = id
		}
	}
}

// add keeps what a transaction that is committed has read or made.
func (k *keyNumbers) add(learned map[string]int64) {
	if len(learned) == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kept == nil || len(k.kept)+len(learned) > maxKeys {
		k.kept = make(map[string]int64, len(learned))
		k.names = make(map[int64]string, len(learned))
	}
	for name, id := range learned {
		k.kept[name], k.names[id] = id, name
	}
}
