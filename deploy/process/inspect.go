package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-ml/slipway/deploy"
)

// Inspect implements deploy.Target.
func (t *Target) Inspect(ctx context.Context, id string) (deploy.Instance, error) {
	dir, err := t.dir(id)
	if err != nil {
		return deploy.Instance{}, err
	}
	var r record
	err = readJSON(filepath.Join(dir, recordFile), &r)
	if errors.Is(err, fs.ErrNotExist) {
		return deploy.Instance{ID: id, State: deploy.StateGone}, nil
	}
	if err != nil {
		return deploy.Instance{}, fmt.Errorf("read the record of instance %s: %w", id, err)
	}
	return t.inspect(ctx, dir, r), nil
}

func (t *Target) inspect(ctx context.Context, dir string, r record) deploy.Instance {
	i := deploy.Instance{
		ID: r.ID, Server: r.Server, Model: r.Model, Environment: r.Environment, Release: r.Release,
		State: deploy.StateStarting, StartedAt: r.StartedAt,
	}
	if !t.lives(dir) {
		i.State, i.Reason = deploy.StateExited, reason(dir)
		return i
	}
	address, err := os.ReadFile(filepath.Join(dir, addressFile))
	if err != nil {
		return i
	}
	i.Address = strings.TrimSpace(string(address))
	if t.healthy(ctx, i.Address) {
		i.State = deploy.StateReady
	}
	return i
}

// lives tells whether an instance's keeper does. Between the record and the
// keeper's first word it waits for the one who starts it.
func (t *Target) lives(dir string) bool {
	var k keeper
	if readJSON(filepath.Join(dir, keeperFile), &k) != nil {
		t.mu.Lock()
		err := readJSON(filepath.Join(dir, keeperFile), &k)
		t.mu.Unlock()
		if err != nil {
			return false
		}
	}
	return k.alive()
}

func (t *Target) healthy(ctx context.Context, address string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/health", http.NoBody)
	if err != nil {
		return false
	}
	res, err := t.http.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// reason says in a line why an instance has ended: in its own words, where its
// last line is a JSON error, else by how it ended.
func reason(dir string) string {
	var e end
	if err := readJSON(filepath.Join(dir, endFile), &e); err != nil {
		return "it ended unseen: it was killed, or this machine restarted"
	}
	var last bytes.Buffer
	_ = tail(filepath.Join(dir, logFile), &last, 16<<10)
	line := deploy.LastLine(last.String())
	switch {
	case e.Result.Ending != deploy.EndedExit || line == "":
		return e.Result.Detail
	default:
		return line + " (" + e.Result.Detail + ")"
	}
}

// records reads every instance's.
func (t *Target) records() ([]record, error) {
	paths, err := filepath.Glob(filepath.Join(t.Dir, "*", recordFile))
	if err != nil {
		return nil, err
	}
	var all []record
	for _, p := range paths {
		var r record
		err := readJSON(p, &r)
		if errors.Is(err, fs.ErrNotExist) {
			continue // stopped meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", p, err)
		}
		all = append(all, r)
	}
	return all, nil
}

// List implements deploy.Target.
func (t *Target) List(ctx context.Context, server string) ([]deploy.Instance, error) {
	records, err := t.records()
	if err != nil {
		return nil, err
	}
	var own []record
	for _, r := range records {
		if r.Server == server {
			own = append(own, r)
		}
	}
	list := make([]deploy.Instance, len(own))
	var g errgroup.Group
	g.SetLimit(8)
	for i, r := range own {
		g.Go(func() error {
			list[i] = t.inspect(ctx, filepath.Join(t.Dir, r.ID), r)
			return nil
		})
	}
	return list, g.Wait()
}

// Logs implements deploy.Target.
func (t *Target) Logs(_ context.Context, id string, w io.Writer, limit int64) error {
	dir, err := t.dir(id)
	if err != nil {
		return err
	}
	return tail(filepath.Join(dir, logFile), w, limit)
}

// Capacity implements deploy.Target: the cores not promised to instances, and
// the memory that the kernel could give.
func (t *Target) Capacity(context.Context) (deploy.Capacity, error) {
	records, err := t.records()
	if err != nil {
		return deploy.Capacity{}, err
	}
	c := deploy.Capacity{CPU: float64(runtime.NumCPU())}
	for _, r := range records {
		if t.lives(filepath.Join(t.Dir, r.ID)) {
			c.CPU -= r.CPU
		}
	}
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return c, nil //nolint:nilerr // unknown
	}
	_, rest, _ := strings.Cut(string(text), "MemAvailable:")
	if fields := strings.Fields(rest); len(fields) > 0 {
		kib, _ := strconv.ParseInt(fields[0], 10, 64)
		c.MemoryBytes = kib << 10
	}
	return c, nil
}

var _ deploy.Target = (*Target)(nil)
