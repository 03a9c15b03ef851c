package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// op is one operation of a case; i never comes twice.
type op func(c *conn, client int, i int64) error

// sample is what the rounds of one case on one server add up to.
type sample struct {
	took      []time.Duration // of each operation
	elapsed   time.Duration
	serverCPU time.Duration
	dbCPU     time.Duration
	clientCPU time.Duration
	before    float64 // MiB resident before the first round
	peak      float64
	others    float64 // cores that the rest of the machine took, at worst
	failed    int64
	err       error // the first failure
	next      atomic.Int64
}

func (s *sample) perSecond() float64 { return float64(len(s.took)) / s.elapsed.Seconds() }

func (s *sample) perOp(d time.Duration) time.Duration { return d / time.Duration(max(1, len(s.took))) }

func (s *sample) percentile(p int) time.Duration {
	if len(s.took) == 0 {
		return 0
	}
	slices.Sort(s.took)
	return s.took[min(len(s.took)-1, len(s.took)*p/100)]
}

// round calls run from all clients for the span, or once where most is 1, and
// adds to s. A call that failed is told and not counted (a busy mlflow server
// restarts its workers).
func (s *sample) round(ctx context.Context, t *target, clients int, span time.Duration, most int64, run op) {
	if s.before == 0 {
		s.before = tree(t.pid).mib()
	}
	conns := t.connections(clients)
	stopPeak, stopOthers := peak(t.pid), others()
	server, database, own := tree(t.pid).cpu, tree(t.databasePID).cpu, ownTime()
	var mu sync.Mutex
	var count, failed atomic.Int64
	var working sync.WaitGroup
	start := time.Now()
	for client := range clients {
		working.Go(func() {
			var took []time.Duration
			for time.Since(start) < span && ctx.Err() == nil && failed.Load() < 50 {
				if n := count.Add(1); most > 0 && n > most {
					break
				}
				began := time.Now()
				if err := run(conns[client], client, s.next.Add(1)); err != nil {
					failed.Add(1)
					mu.Lock()
					s.err = cmpOr(s.err, err)
					mu.Unlock()
					continue
				}
				took = append(took, time.Since(began))
			}
			mu.Lock()
			s.took = append(s.took, took...)
			mu.Unlock()
		})
	}
	working.Wait()
	s.elapsed += time.Since(start)
	s.serverCPU += tree(t.pid).cpu - server
	s.dbCPU += tree(t.databasePID).cpu - database
	s.clientCPU += ownTime() - own
	s.others = max(s.others, stopOthers())
	s.peak = max(s.peak, stopPeak())
	s.failed += failed.Load()
}

func cmpOr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// parallel calls fn for 0..n-1 from all clients.
func (t *target) parallel(ctx context.Context, clients, n int, fn func(c *conn, i int) error) error {
	conns := t.connections(clients)
	var next atomic.Int64
	var mu sync.Mutex
	var first error
	var working sync.WaitGroup
	for client := range clients {
		working.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				err := fn(conns[client], i)
				for try := 0; err != nil && try < 2; try++ {
					err = fn(conns[client], i)
				}
				if err != nil {
					mu.Lock()
					first = cmpOr(first, err)
					mu.Unlock()
					return
				}
			}
		})
	}
	working.Wait()
	return errors.Join(first, ctx.Err())
}
