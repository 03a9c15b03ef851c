package webhook

import (
	"sync"
	"time"
)

// quiet remembers for a while that there is no webhook, so that events cost
// nothing where nobody listens.
type quiet struct {
	mu    sync.Mutex
	until time.Time
	made  int // webhooks made here
}

// now tells whether it is quiet, and what begin wants to know.
func (q *quiet) now(at time.Time) (is bool, made int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return at.Before(q.until), q.made
}

// begin says that no webhook was there, unless one was made since now.
func (q *quiet) begin(made int, until time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.made == made {
		q.until = until
	}
}

// end says that a webhook was made.
func (q *quiet) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.until, q.made = time.Time{}, q.made+1
}
