package deploytest

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slipway-ml/slipway/deploy"
)

// Fake is a target whose instances are HTTP servers of the test's process,
// for tests of what a server decides, not of what a target does. What an image
// does is told by the test.
type Fake struct {
	// Image gives what an image's instances do, by its digest.
	Image func(digest string) Behaviour

	mu        sync.Mutex
	instances map[string]*fakeInstance
	starts    map[string]int
}

// Behaviour is what the instances of an image do.
type Behaviour struct {
	Handler  http.Handler // nil: it never answers
	Exits    string       // the reason why it ends at once; "" where it does not
	Capacity deploy.Capacity
}

type fakeInstance struct {
	deploy.Instance
	server *httptest.Server
}

// Start implements deploy.Target.
func (m *Fake) Start(_ context.Context, spec deploy.InstanceSpec) (deploy.Instance, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.instances == nil {
		m.instances, m.starts = map[string]*fakeInstance{}, map[string]int{}
	}
	if i := m.instances[spec.ID]; i != nil && i.State != deploy.StateExited {
		return i.Instance, nil
	}
	m.starts[spec.ID]++
	i := &fakeInstance{Instance: deploy.Instance{
		ID: spec.ID, Server: spec.Server, Model: spec.Model, Environment: spec.Environment, Release: spec.Release, State: deploy.StateStarting,
	}}
	m.instances[spec.ID] = i
	switch b := m.Image(spec.ImageDigest); {
	case b.Exits != "":
		i.State, i.Reason = deploy.StateExited, b.Exits
	case b.Handler != nil:
		i.server = httptest.NewServer(b.Handler)
		i.State, i.Address = deploy.StateReady, strings.TrimPrefix(i.server.URL, "http://")
	}
	return i.Instance, nil
}

// Inspect implements deploy.Target.
func (m *Fake) Inspect(_ context.Context, id string) (deploy.Instance, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := m.instances[id]; i != nil {
		return i.Instance, nil
	}
	return deploy.Instance{ID: id, State: deploy.StateGone}, nil
}

// List implements deploy.Target.
func (m *Fake) List(_ context.Context, server string) ([]deploy.Instance, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []deploy.Instance
	for _, i := range m.instances {
		if i.Server == server {
			all = append(all, i.Instance)
		}
	}
	slices.SortFunc(all, func(a, b deploy.Instance) int { return strings.Compare(a.ID, b.ID) })
	return all, nil
}

// Stop implements deploy.Target: it waits for the requests in flight.
func (m *Fake) Stop(_ context.Context, id string, _ time.Duration) error {
	m.mu.Lock()
	i := m.instances[id]
	delete(m.instances, id)
	m.mu.Unlock()
	if i != nil && i.server != nil {
		i.server.Close()
	}
	return nil
}

// Kill ends an instance as a crash does.
func (m *Fake) Kill(id, reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := m.instances[id]; i != nil {
		i.State, i.Reason, i.Address = deploy.StateExited, reason, ""
		if i.server != nil {
			i.server.CloseClientConnections()
			go i.server.Close()
		}
	}
}

// Starts tells how often an instance was started.
func (m *Fake) Starts(id string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.starts[id]
}

// Logs implements deploy.Target.
func (m *Fake) Logs(_ context.Context, id string, w io.Writer, _ int64) error {
	_, err := io.WriteString(w, "log of "+id+"\n")
	return err
}

// Capacity implements deploy.Target; zero: unknown.
func (m *Fake) Capacity(context.Context) (deploy.Capacity, error) {
	return m.Image("").Capacity, nil
}

// Close ends every instance.
func (m *Fake) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, i := range m.instances {
		if i.server != nil {
			i.server.CloseClientConnections()
			i.server.Close()
		}
	}
}
