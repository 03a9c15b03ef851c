package delivery

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/models"
)

// fleet is what is known of the instances that should run. It is kept in
// memory alone: targets tell it anew.
type fleet struct {
	cfg  *Config
	kick chan struct{} // look now
	busy sync.WaitGroup

	mu      sync.Mutex
	members map[string]*member
}

// member is one instance that should run.
type member struct {
	instance deploy.Instance
	started  bool // seen or started in this life
	ready    bool // has answered since it started
	working  bool // a start or stop is under way
	deaths   int
	reason   string    // why it is not up, in a line
	next     time.Time // not to be started before
	changed  time.Time // by a start of ours: a look from before does not know it
	since    time.Time // ready without a break
}

func newFleet(cfg *Config) *fleet {
	return &fleet{cfg: cfg, kick: make(chan struct{}, 1), members: map[string]*member{}}
}

// poke has the instances looked at now.
func (f *fleet) poke() {
	select {
	case f.kick <- struct{}{}:
	default:
	}
}

// instanceIDs are a release's instances: the same after every restart, and
// others each time the release is started anew.
func (f *fleet) instanceIDs(r models.Release) []string {
	ids := make([]string, max(r.Serving.Replicas, 1))
	for i := range ids {
		ids[i] = fmt.Sprintf("%.8s-r%d-g%d-%d", f.cfg.DB.ServerID(), r.ID, r.Generation, i)
	}
	return ids
}

// condition is how a release's instances are.
type condition struct {
	ready     int
	deaths    int // of the one that died most
	reason    string
	instances []deploy.Instance // those that are ready
}

func (f *fleet) state(r models.Release) condition {
	f.mu.Lock()
	defer f.mu.Unlock()
	var c condition
	for _, id := range f.instanceIDs(r) {
		m := f.members[id]
		if m == nil {
			continue
		}
		c.deaths = max(c.deaths, m.deaths)
		if m.up() && m.instance.State == deploy.StateReady {
			c.ready++
			c.instances = append(c.instances, m.instance)
		} else if m.reason != "" {
			c.reason = m.reason
		}
	}
	return c
}

// addresses are where a release's requests may go. An instance that was ready
// keeps its place while its health check is late: the gateway sees for itself.
func (f *fleet) addresses(r models.Release) []models.RouteInstance {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []models.RouteInstance
	for _, id := range f.instanceIDs(r) {
		if m := f.members[id]; m != nil && m.up() {
			list = append(list, models.RouteInstance{ID: id, Address: m.instance.Address})
		}
	}
	return list
}

// address is where the instance answers; "" while it is not up.
func (m *member) address() string {
	if !m.started || !m.ready {
		return ""
	}
	return m.instance.Address
}

func (m *member) up() bool { return m.address() != "" }

// steady tells whether every instance that should run does.
func (f *fleet) steady() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.members {
		if m.working || !m.up() {
			return false
		}
	}
	return true
}

// tend brings an instance that should run nearer to that. seen is what its
// target said of it when it was asked; it tells whether its address has changed.
func (f *fleet) tend(ctx context.Context, r models.Release, id string, seen deploy.Instance, asked time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.members[id]
	if m == nil {
		m = &member{}
		f.members[id] = m
	}
	if m.working || m.changed.After(asked) {
		return false
	}
	before, now := m.address(), f.cfg.Now()
	switch seen.State {
	case deploy.StateReady, deploy.StateStarting:
		m.observe(seen, now)
	default:
		if m.started {
			m.die(seen, now)
			f.cfg.Metrics.deaths.WithLabelValues(r.Model, r.Environment).Inc()
			f.cfg.Log.WarnContext(ctx, "instance died", "model", r.Model, "environment", r.Environment, "release", r.Number, "instance", id, "reason", m.reason)
		}
		if !now.Before(m.next) {
			m.working = true
			f.busy.Go(func() { f.start(ctx, r, id, seen.State == deploy.StateExited) })
		}
	}
	return m.address() != before
}

// healthyTime without a death forgives the earlier ones.
const healthyTime = 5 * time.Minute

func (m *member) observe(seen deploy.Instance, now time.Time) {
	m.started = true
	m.instance = seen
	if seen.State != deploy.StateReady {
		m.since = now
		return
	}
	if !m.ready {
		m.ready, m.since = true, now
	}
	m.reason = ""
	if now.Sub(m.since) > healthyTime {
		m.deaths = 0
	}
}

// die counts a death and puts the next start off, longer each time.
func (m *member) die(seen deploy.Instance, now time.Time) {
	m.deaths++
	m.started, m.ready = false, false
	m.next = now.Add(min(500*time.Millisecond<<min(m.deaths-1, 10), 30*time.Second))
	m.reason = seen.Reason
	if m.reason == "" {
		m.reason = "the instance is gone from its target"
	}
}

// startTime bounds one start, which may load an image.
const startTime = 5 * time.Minute

func (f *fleet) start(ctx context.Context, r models.Release, id string, exited bool) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	instance, err := f.launch(ctx, r, id, exited)
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.poke()
	m := f.members[id]
	if m == nil {
		return // no longer wanted; the next look stops it
	}
	m.working, m.changed = false, f.cfg.Now()
	if err != nil {
		if !errors.Is(ctx.Err(), context.Canceled) { // the server does not stop
			m.die(deploy.Instance{Reason: message(err)}, f.cfg.Now())
		}
		return
	}
	m.started, m.ready, m.instance = true, false, instance
}

func (f *fleet) launch(ctx context.Context, r models.Release, id string, exited bool) (deploy.Instance, error) {
	target, err := f.cfg.target(r.Target)
	if err != nil {
		return deploy.Instance{}, err
	}
	if exited { // what is left of it goes first
		if err := target.Stop(ctx, id, 0); err != nil {
			return deploy.Instance{}, err
		}
	}
	return target.Start(ctx, deploy.InstanceSpec{
		ID: id, Server: f.cfg.DB.ServerID(), Model: r.Model, Environment: r.Environment, Release: r.Number,
		ImageDigest: r.ImageDigest, Images: f.cfg.Images, Env: r.Serving.Env,
		CPU: r.Serving.CPU, MemoryBytes: r.Serving.MemoryBytes, Threads: r.Serving.Threads,
	})
}

func (c *Config) target(name string) (deploy.Target, error) {
	if t, ok := c.Targets[name]; ok {
		return t, nil
	}
	return nil, models.Errorf(models.KindInvalid, "target %q is not available on this server", name)
}

// message is what a person reads of an error.
func message(err error) string {
	if models.KindOf(err) != models.KindInternal {
		return err.Error()
	}
	return "internal error: " + err.Error()
}
