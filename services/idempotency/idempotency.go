// Package idempotency does a request once, however often it is sent. It knows
// neither what the request does nor how it is answered.
package idempotency

import (
	"context"
	"net/http"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

const (
	keep  = 24 * time.Hour   // how long a key is remembered
	lease = 30 * time.Second // a request without an answer for so long has died
)

// Service remembers requests by their keys.
type Service struct {
	DB storage.DB
}

// Answer is what a request was answered.
type Answer struct {
	Status int
	Body   []byte
}

// Once does a request under a claim, or gives what it was answered before. do
// works with the context it is given; a claim whose answer is an error and that
// changed nothing is forgotten, so that it can be tried again.
func (s Service) Once(ctx context.Context, c models.Claim, do func(context.Context) Answer) (answer Answer, again bool, err error) {
	earlier, err := s.claim(ctx, c)
	if err != nil {
		return Answer{}, false, err
	}
	if earlier != nil {
		answer, err = replay(*earlier, c)
		return answer, true, err
	}
	answer = do(models.WithClaim(ctx, c))
	// The answer is kept although its caller may have gone: it is for the next.
	err = s.DB.InTx(context.WithoutCancel(ctx), func(tx storage.Tx) error {
		if answer.Status >= http.StatusMultipleChoices {
			return tx.Idempotency().Release(c)
		}
		return tx.Idempotency().Answer(c, answer.Status, answer.Body)
	})
	return answer, false, err
}

func (s Service) claim(ctx context.Context, c models.Claim) (earlier *models.Claimed, err error) {
	err = s.DB.InTx(ctx, func(tx storage.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		if err := tx.Idempotency().Forget(now.Add(-keep)); err != nil {
			return err
		}
		earlier, err = tx.Idempotency().Claim(c, now.Add(lease))
		return err
	})
	return earlier, err
}

func replay(was models.Claimed, c models.Claim) (Answer, error) {
	switch {
	case was.Request != c.Request:
		return Answer{}, models.Errorf(models.KindInvalid, "Idempotency-Key %q was used for another request: take a new key for a new request", c.Key)
	case was.Status != 0:
		return Answer{Status: was.Status, Body: was.Body}, nil
	case was.Did:
		return Answer{}, models.Errorf(models.KindConflict, "the request with Idempotency-Key %q was done, but its answer was lost with the server that gave it: look at what it made by GET", c.Key)
	}
	return Answer{}, models.Errorf(models.KindConflict, "the request with Idempotency-Key %q is being done: ask again in a moment", c.Key)
}
