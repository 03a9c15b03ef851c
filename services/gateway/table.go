package gateway

import (
	"context"
	"hash/fnv"
	"io"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/slipway-ml/slipway/models"
)

type key struct{ model, environment string }

// table is replaced whole, never changed: a request reads one picture of it.
type table map[key]*route

// route is one environment's entry.
type route struct {
	place  *place
	shares []*share
}

// share is a release in a route, as it stands there.
type share struct {
	release   *release
	stable    bool
	weight    uint64
	timeout   time.Duration
	instances []*instance
}

// release outlives the tables it stands in, so that its requests stay counted.
type release struct {
	place    *place
	number   int64
	name     string // the number as text
	series   series
	inFlight atomic.Int64
	answered atomic.Int64
	failed   atomic.Int64
	gone     atomic.Bool // out of the table: take it no more
	goneAt   time.Time
	ran      atomic.Bool          // had an instance since this server started
	copies   map[string]*instance // by id and address
}

type instance struct {
	id, address string
	inFlight    atomic.Int64
	answered    atomic.Int64
}

// Set replaces the whole table. Requests under way keep what they took.
func (g *Gateway) Set(routes []models.Route) {
	g.mu.Lock()
	defer g.mu.Unlock()
	next, keep := make(table, len(routes)), map[*release]bool{}
	for _, r := range routes {
		k := key{r.Model, r.Environment}
		if g.places[k] == nil {
			g.places[k] = &place{key: k, releases: map[int64]*release{}}
		}
		next[k] = g.route(g.places[k], r, keep)
	}
	g.table.Store(&next)
	now := g.cfg.Now()
	for _, p := range g.places {
		for n, r := range p.releases {
			if !keep[r] {
				r.goneAt = now
				r.series.weight.Set(0)
				r.gone.Store(true) // after the table: a request that misses it sees the new table
				delete(p.releases, n)
				g.leaving = append(g.leaving, r)
			}
		}
	}
	g.forget(now)
}

func (g *Gateway) route(p *place, r models.Route, keep map[*release]bool) *route {
	rt := &route{place: p}
	for _, rr := range r.Releases {
		rel := p.releases[rr.Number]
		if rel == nil {
			rel = &release{place: p, number: rr.Number, name: strconv.FormatInt(rr.Number, 10), copies: map[string]*instance{}, series: g.metrics.of(p.key, rr)}
			p.releases[rr.Number] = rel
		}
		keep[rel] = true
		rel.series.weight.Set(float64(rr.Weight) / 100)
		s := &share{release: rel, stable: rr.Stable, weight: uint64(max(rr.Weight, 0)), timeout: rr.Timeout}
		for _, i := range rr.Instances {
			name := i.ID + " " + i.Address
			if rel.copies[name] == nil {
				rel.copies[name] = &instance{id: i.ID, address: i.Address}
			}
			s.instances = append(s.instances, rel.copies[name])
			rel.ran.Store(true)
		}
		rt.shares = append(rt.shares, s)
	}
	return rt
}

// keepSeries is how long a release's metrics outlast it, for one more scrape.
const keepSeries = 2 * time.Minute

func (g *Gateway) forget(now time.Time) {
	left := g.leaving[:0]
	for _, r := range g.leaving {
		switch {
		case now.Sub(r.goneAt) < keepSeries || r.inFlight.Load() > 0:
			left = append(left, r)
		case r.place.releases[r.number] == nil: // it has not come back meanwhile
			g.metrics.drop(r.place.key, r.number)
		}
	}
	g.leaving = left
}

// Drained waits until a release that has left the table has no request in
// flight, or ctx ends.
func (g *Gateway) Drained(ctx context.Context, model, environment string, number int64) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for g.busy(key{model, environment}, number) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

func (g *Gateway) busy(k key, number int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range g.leaving {
		if r.place.key == k && r.number == number && r.inFlight.Load() > 0 {
			return true
		}
	}
	return false
}

// take counts a request on the share's release, unless that has left.
func (s *share) take() bool {
	s.release.inFlight.Add(1)
	if s.release.gone.Load() {
		s.release.inFlight.Add(-1)
		return false
	}
	return true
}

// leastBusy is the instance with the fewest requests in flight, but those
// tried; start spreads the ties. nil where there is none.
func (s *share) leastBusy(start uint64, tried []*instance) *instance {
	var best *instance
	for i := range s.instances {
		in := s.instances[(start+uint64(i))%uint64(len(s.instances))]
		if slices.Contains(tried, in) {
			continue
		}
		if best == nil || in.inFlight.Load() < best.inFlight.Load() {
			best = in
		}
	}
	return best
}

// byWeight picks a share for a number in 0…. The stable release takes what is
// left over, so that keys which are on the new release stay there as its
// weight grows.
func (r *route) byWeight(pick uint64) *share {
	var stable *share
	point, upTo := pick%100, uint64(0)
	for _, s := range r.shares {
		if s.stable {
			stable = s
			continue
		}
		if upTo += s.weight; point < upTo {
			return s
		}
	}
	return stable
}

func (r *route) byNumber(number int64) *share {
	for _, s := range r.shares {
		if s.release.number == number {
			return s
		}
	}
	return nil
}

func (r *route) stable() *share {
	for _, s := range r.shares {
		if s.stable {
			return s
		}
	}
	return nil
}

// hash spreads a caller's keys; the model and environment are in it, so that
// not the same callers are always the first to meet a new release.
func hash(model, environment, k string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, model+"\x00"+environment+"\x00"+k)
	x := h.Sum64() // FNV's low bits are weak: mix them as MurmurHash3 ends
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
