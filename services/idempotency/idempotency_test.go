package idempotency_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/idempotency"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/sqlstore"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
)

func open(t *testing.T) storage.DB {
	t.Helper()
	db, err := sqlstore.Open(t.Context(), postgres.OrSQLite(t, t.TempDir()), sqlstore.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

var (
	claim = models.Claim{Principal: "anonymous", Key: "k", Request: "r"}
	made  = idempotency.Answer{Status: 202, Body: []byte(`{"id":1}`)}
)

func TestARequestIsDoneOnce(t *testing.T) {
	t.Parallel()
	s := idempotency.Service{DB: open(t)}
	times := 0
	do := func(context.Context) idempotency.Answer { times++; return made }

	_, again, err := s.Once(t.Context(), claim, do)
	require.NoError(t, err)
	require.False(t, again)

	answer, again, err := s.Once(t.Context(), claim, do)
	require.NoError(t, err)
	require.True(t, again)
	require.Equal(t, made, answer)
	require.Equal(t, 1, times)

	other := claim
	other.Principal = "somebody"
	_, again, err = s.Once(t.Context(), other, do)
	require.NoError(t, err)
	require.False(t, again, "keys are each principal's own")
}

func TestAKeyBelongsToOneRequest(t *testing.T) {
	t.Parallel()
	s := idempotency.Service{DB: open(t)}
	_, _, err := s.Once(t.Context(), claim, func(context.Context) idempotency.Answer { return made })
	require.NoError(t, err)
	other := claim
	other.Request = "another"
	_, _, err = s.Once(t.Context(), other, func(context.Context) idempotency.Answer { panic("done again") })
	require.True(t, models.IsKind(err, models.KindInvalid), err)
}

func TestARefusedRequestCanBeTriedAgain(t *testing.T) {
	t.Parallel()
	s := idempotency.Service{DB: open(t)}
	_, _, err := s.Once(t.Context(), claim, func(context.Context) idempotency.Answer { return idempotency.Answer{Status: 409} })
	require.NoError(t, err)
	answer, again, err := s.Once(t.Context(), claim, func(context.Context) idempotency.Answer { return made })
	require.NoError(t, err)
	require.False(t, again)
	require.Equal(t, made, answer)
}

func TestWhileItRunsTheSameRequestIsAConflict(t *testing.T) {
	t.Parallel()
	s := idempotency.Service{DB: open(t)}
	_, _, err := s.Once(t.Context(), claim, func(ctx context.Context) idempotency.Answer {
		_, _, err := s.Once(ctx, claim, func(context.Context) idempotency.Answer { panic("done twice") })
		require.True(t, models.IsKind(err, models.KindConflict), err)
		return made
	})
	require.NoError(t, err)
}

func TestAfterACrash(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		work  error // of the transaction that the crash followed
		again bool  // whether the request may be done again
	}{
		"what was committed is not done again": {nil, false},
		"what was rolled back is":              {errors.New("no"), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			// The claim of a request whose server died 30 s ago, in or after its transaction.
			require.NoError(t, db.InTx(t.Context(), func(tx storage.Tx) error {
				now, err := tx.Now()
				require.NoError(t, err)
				_, err = tx.Idempotency().Claim(claim, now.Add(-time.Second))
				return err
			}))
			require.ErrorIs(t, db.InTx(models.WithClaim(t.Context(), claim), func(storage.Tx) error { return tc.work }), tc.work)

			done := false
			_, _, err := idempotency.Service{DB: db}.Once(t.Context(), claim, func(context.Context) idempotency.Answer {
				done = true
				return made
			})
			require.Equal(t, tc.again, done)
			require.Equal(t, !tc.again, models.IsKind(err, models.KindConflict), err)
		})
	}
}
