package storagetest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// Idempotency tries what the memory of requests that are done once promises.
func Idempotency(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, storage.DB){
		"of twenty one gets the claim":             oneClaims,
		"a claim that did nothing is handed over":  handsOver,
		"a commit marks the claim of its context":  marksClaims,
		"an answer is kept, and in time forgotten": forgets,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

var wanted = models.Claim{Principal: "ann", Key: "k", Request: "r"}

// take claims for so long, and gives what was known.
func take(t *testing.T, db storage.DB, c models.Claim, lease time.Duration) (earlier *models.Claimed) {
	t.Helper()
	do(t, db, func(tx storage.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		earlier, err = tx.Idempotency().Claim(c, now.Add(lease))
		return err
	})
	return earlier
}

func oneClaims(t *testing.T, db storage.DB) {
	t.Helper()
	var (
		wg  sync.WaitGroup
		got atomic.Int64
	)
	for range 20 {
		wg.Go(func() {
			if take(t, db, wanted, time.Minute) == nil {
				got.Add(1)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, got.Load())
}

func handsOver(t *testing.T, db storage.DB) {
	t.Helper()
	require.Nil(t, take(t, db, wanted, -time.Second))
	other := wanted
	other.Request = "another"
	require.Equal(t, "r", take(t, db, other, time.Minute).Request, "to the same request only")
	require.Nil(t, take(t, db, wanted, time.Minute))
	require.NotNil(t, take(t, db, wanted, time.Minute), "its new holder has time")
	do(t, db, func(tx storage.Tx) error { return tx.Idempotency().Release(wanted) })
	require.Nil(t, take(t, db, other, time.Minute), "a released key is free")
}

func marksClaims(t *testing.T, db storage.DB) {
	t.Helper()
	require.Nil(t, take(t, db, wanted, -time.Second))
	require.NoError(t, db.InTx(models.WithClaim(t.Context(), wanted), func(storage.Tx) error { return nil }))
	earlier := take(t, db, wanted, time.Minute)
	require.NotNil(t, earlier, "what was done is not handed over")
	require.True(t, earlier.Did)
	do(t, db, func(tx storage.Tx) error { return tx.Idempotency().Release(wanted) })
	require.NotNil(t, take(t, db, wanted, time.Minute), "nor released")
}

func forgets(t *testing.T, db storage.DB) {
	t.Helper()
	require.Nil(t, take(t, db, wanted, -time.Second))
	do(t, db, func(tx storage.Tx) error { return tx.Idempotency().Answer(wanted, 202, []byte(`{"id":1}`)) })
	earlier := take(t, db, wanted, time.Minute)
	require.Equal(t, 202, earlier.Status)
	require.JSONEq(t, `{"id":1}`, string(earlier.Body))
	do(t, db, func(tx storage.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		return tx.Idempotency().Forget(now.Add(time.Second))
	})
	require.Nil(t, take(t, db, wanted, time.Minute))
}
