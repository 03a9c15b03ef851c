package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"
)

// results of one database: the servers in order, and of each case the sample
// of each server.
type results struct {
	database string
	targets  []*target
	cases    []benchCase
	samples  map[string]map[string]*sample // by case and peer
}

// api measures MLflow's calls on every peer, all of them on one kind of
// database; they take turns within a case, so that what else the machine does
// meets all of them.
func (b *bench) api(ctx context.Context, kind string) (r *results, err error) {
	peers, err := b.allPeers()
	if err != nil {
		return nil, err
	}
	r = &results{database: kind, samples: map[string]map[string]*sample{}}
	var pg *postgres
	if kind == "postgres" {
		if pg, err = startPostgres(ctx, b.work); err != nil {
			return nil, err
		}
		defer pg.stop()
	}
	defer func() {
		for _, t := range r.targets {
			t.stop()
		}
	}()
	for _, p := range peers {
		b.tell("%s: starting %s", kind, p.name)
		t, err := b.launch(ctx, p, kind, pg)
		if err != nil {
			return r, err
		}
		r.targets = append(r.targets, t)
	}
	for _, c := range allCases() {
		if len(b.cases) == 0 || slices.Contains(b.cases, c.name) {
			r.cases = append(r.cases, c)
			r.samples[c.name] = b.measure(ctx, c, r.targets)
			b.tell("%s: %s", kind, r.line(c))
		}
	}
	for _, t := range r.targets {
		t.after = tree(t.pid).mib()
	}
	return r, ctx.Err()
}

// measure runs a case in rounds, every server in each.
func (b *bench) measure(ctx context.Context, c benchCase, targets []*target) map[string]*sample {
	samples, ops := map[string]*sample{}, map[string]op{}
	for _, t := range targets {
		name := t.peer.name
		if c.only == nil && name == "files" || c.only != nil && !slices.Contains(c.only, name) {
			continue
		}
		samples[name] = &sample{}
		run, err := c.prepare(ctx, t)
		if err != nil {
			samples[name].err = fmt.Errorf("prepare: %w", err)
			continue
		}
		ops[name] = run
	}
	clients := b.clients
	if c.clients > 0 {
		clients = c.clients
	}
	for range b.rounds {
		for _, t := range targets {
			if run := ops[t.peer.name]; run != nil && samples[t.peer.name].failed < 50 && ctx.Err() == nil {
				samples[t.peer.name].round(ctx, t, clients, b.span, c.most, run)
			}
		}
	}
	return samples
}

// tell writes a line of progress.
func (b *bench) tell(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s  %s\n", time.Since(b.began).Round(time.Second), fmt.Sprintf(format, args...))
}
