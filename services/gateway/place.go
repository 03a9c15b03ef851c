package gateway

import (
	"sync"
	"time"

	"github.com/slipway-ml/slipway/models"
)

// place is what is remembered of an environment from table to table.
type place struct {
	key      key
	releases map[int64]*release // guarded by the gateway's mutex

	mu       sync.Mutex
	watchers map[int]func(models.Outcome)
	nextID   int
	recent   [window]second
}

// window is how far back the recent rate looks, in seconds.
const window = 60

type second struct{ at, requests, failures int64 }

func (p *place) report(now time.Time, o models.Outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &p.recent[now.Unix()%window]
	if s.at != now.Unix() {
		*s = second{at: now.Unix()}
	}
	s.requests++
	if o.Failed {
		s.failures++
	}
	for _, w := range p.watchers {
		w(o)
	}
}

// Watch calls fn with the outcome of each request of an environment that was
// routed by weight, in the order they end, until stop is called. fn is quick.
func (g *Gateway) Watch(model, environment string, fn func(models.Outcome)) (stop func()) {
	k := key{model, environment}
	g.mu.Lock()
	if g.places[k] == nil {
		g.places[k] = &place{key: k, releases: map[int64]*release{}}
	}
	p := g.places[k]
	g.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.watchers == nil {
		p.watchers = map[int]func(models.Outcome){}
	}
	id := p.nextID
	p.nextID++
	p.watchers[id] = fn
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.watchers, id)
	}
}

// Recent gives the requests of an environment in the last minute, and how many
// failed.
func (g *Gateway) Recent(model, environment string) models.Sample {
	g.mu.Lock()
	p := g.places[key{model, environment}]
	g.mu.Unlock()
	if p == nil {
		return models.Sample{}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var s models.Sample
	oldest := g.cfg.Now().Unix() - window
	for _, sec := range p.recent {
		if sec.at > oldest {
			s.Requests += sec.requests
			s.Failures += sec.failures
		}
	}
	return s
}
