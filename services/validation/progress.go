package validation

import (
	"context"
	"sync"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// progressEvery bounds how often a step's progress is written.
const progressEvery = 500 * time.Millisecond

// pace estimates how long a step will still take from how long it took so far.
type pace struct {
	began time.Time
	from  int64 // what was done when it began
	total int64
}

// left is the estimate; 0 while there is none. A new total begins anew.
func (p *pace) left(now time.Time, done, total int64) time.Duration {
	if p.began.IsZero() || total != p.total {
		*p = pace{began: now, from: done, total: total}
	}
	if done <= p.from || total <= done {
		return 0
	}
	return time.Duration(float64(now.Sub(p.began)) / float64(done-p.from) * float64(total-done))
}

// progress writes how far a step is, now and then; it may be called by many.
func (s *Service) progress(ctx context.Context, id int64, index int) func(done, total int64, unit string) {
	var mu sync.Mutex
	var last time.Time
	var most int64
	var speed pace
	return func(done, total int64, unit string) {
		// Only the last one waits for another's write: none overtakes it.
		if done == total {
			mu.Lock()
		} else if !mu.TryLock() {
			return
		}
		defer mu.Unlock()
		now := time.Now() //nolint:forbidigo // a pace, not a rule
		left := speed.left(now, done, total)
		if done < most || now.Sub(last) < progressEvery && done != total {
			return
		}
		last, most = now, done
		_ = s.DB.InTx(ctx, func(tx storage.Tx) error {
			return tx.Validations().Progress(id, index, models.Progress{Done: done, Total: total, Unit: unit, Left: left})
		})
	}
}
