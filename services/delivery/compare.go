package delivery

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/delivery/analysis"
)

// comparison collects the outcomes of one step.
type comparison struct {
	candidate, stable int64

	mu   sync.Mutex
	seen analysis.Tally
}

// compare goes on from what was remembered of the step.
func compare(p models.Promotion) (*comparison, error) {
	c := &comparison{candidate: p.Release, stable: p.Stable}
	if len(p.Tally) > 0 {
		if err := json.Unmarshal(p.Tally, &c.seen); err != nil {
			return nil, fmt.Errorf("decode the tally of promotion %d: %w", p.ID, err)
		}
	}
	return c, nil
}

func (c *comparison) observe(o models.Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch o.Release {
	case c.candidate:
		c.seen.AddNew(o.Failed)
	case c.stable:
		c.seen.AddStable(o.Failed)
	}
}

func (c *comparison) tally() analysis.Tally {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen
}
