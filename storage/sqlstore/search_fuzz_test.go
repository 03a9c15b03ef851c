package sqlstore

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/tracking/search"
	"github.com/slipway-ml/slipway/storage"
)

// FuzzSearch runs whatever the parser lets pass: the database takes every
// statement, and no text of the caller's is in one, only beside it.
func FuzzSearch(f *testing.F) {
	for _, seed := range []struct{ filter, order, token string }{
		{"metrics.`a'b` > 0.5 AND params.q = \"it's\" and tags.\"x\" LIKE '%_[*]?'", "metrics.`a'b` DESC", ""},
		{"run_id NOT IN ('a', 'b') AND datasets.context != 'c' AND lifecycle_stage = 'active'", "artifact_uri", "i5"},
		{"params.q = 'x''; DROP TABLE run; --' AND tags.t IS NULL AND params.p IS NOT NULL", "params.q\ntags.t", "t\x00,-"},
		{"start_time >= 1e400 AND end_time < -5 AND user_id ILIKE 'É'", "end_time DESC", "-,i5,tx"},
	} {
		f.Add(seed.filter, seed.order, seed.token)
	}
	db, err := Open(context.Background(), "sqlite:///"+filepath.Join(f.TempDir(), "fuzz.db"), Options{})
	require.NoError(f, err)
	f.Cleanup(func() { _ = db.Close() })
	invalid := func(t *testing.T, err error) {
		t.Helper()
		require.True(t, models.IsKind(err, models.KindInvalid), "%v", err)
	}
	f.Fuzz(func(t *testing.T, filter, order, token string) {
		v := search.Runs()
		var q models.Search
		var err error
		if q.Filter, err = v.Filter(filter); err != nil {
			invalid(t, err)
			return
		}
		if order != "" {
			if q.Order, err = v.Order(strings.Split(order, "\n")); err != nil {
				invalid(t, err)
				return
			}
		}
		if token != "" {
			q.After = strings.Split(token, ",")
		}
		q.ExperimentIDs, q.Limit = []int64{0, 1}, 2
		require.NoError(t, db.View(t.Context(), func(s storage.Tx) error {
			_, _, err := s.Runs().Search(q)
			if err != nil {
				invalid(t, err)
				return nil
			}
			for i := range q.Filter { // no dataset: it is not compiled here
				if q.Filter[i].Entity == models.EntityDataset {
					return nil
				}
			}
			st, err := s.(*tx).compile(searchableRuns(), q)
			require.NoError(t, err)
			text, args := st.build("run.id")
			require.Equal(t, strings.Count(text, "?"), len(args))
			for _, c := range q.Filter {
				for _, said := range append([]string{c.Text}, c.List...) {
					if len(said) > 12 { // shorter ones may be words of SQL
						require.NotContains(t, text, said)
					}
				}
			}
			return nil
		}))
	})
}
