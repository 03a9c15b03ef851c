package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// peer is a server that is measured.
type peer struct {
	name      string
	artifacts string // path of its artifact proxy
	starts    int    // times that a start is measured
	clients   int
	command   func(port, database, folder string) []string
}

const proxy = "/api/2.0/mlflow-artifacts/artifacts/"

// allPeers gives those asked for; database is "sqlite:///…" or
// "postgresql://…" and folder is for files.
func (b *bench) allPeers() (list []peer, err error) {
	homes := map[string]string{}
	if slices.Contains(b.peers, "mlflow") || slices.Contains(b.peers, "fasttrackml") {
		out, err := exec.Command("bench/peers", b.cache).Output()
		if err != nil {
			return nil, fmt.Errorf("bench/peers: %w", err)
		}
		for home := range strings.FieldsSeq(string(out)) {
			name, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(home), "peer-"), "-")
			homes[name] = home
		}
	}
	slipway, err := filepath.Abs(filepath.Join(b.bin, "slipway"))
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	for _, p := range []peer{
		{name: "slipway", artifacts: proxy, starts: 3, command: func(port, database, folder string) []string {
			return []string{slipway, "server", "--port", port, "--backend-store-uri", database, "--artifacts-destination", folder}
		}},
		{name: "mlflow", artifacts: proxy, starts: 1, command: func(port, database, folder string) []string {
			// With psycopg2, which this scheme names, the default one takes another driver.
			database = strings.Replace(database, "postgresql://", "postgresql+psycopg2://", 1)
			return []string{
				filepath.Join(homes["mlflow"], "bin", "mlflow"), "server", "--host", "127.0.0.1", "--port", port,
				"--backend-store-uri", database, "--artifacts-destination", folder,
			}
		}},
		{name: "fasttrackml", starts: 3, command: func(port, database, folder string) []string {
			// Its SQLite URI counts slashes otherwise.
			database = strings.Replace(database, "sqlite:///", "sqlite://", 1)
			return []string{
				filepath.Join(homes["fasttrackml"], "bin", "fml"), "server", "--listen-address", "127.0.0.1:" + port,
				"--database-uri", database, "--default-artifact-root", folder,
			}
		}},
		{name: "files", artifacts: "/", starts: 1, command: func(port, _, folder string) []string {
			return []string{self, "-files", folder, "-port", port}
		}},
	} {
		if slices.Contains(b.peers, p.name) {
			p.clients = b.clients
			list = append(list, p)
		}
	}
	return list, nil
}

// launch measures a peer's starts and leaves it running.
func (b *bench) launch(ctx context.Context, p peer, kind string, pg *postgres) (*target, error) {
	t := &target{peer: p, artifacts: p.artifacts, fixtures: map[string]string{}}
	if pg != nil {
		t.databasePID = pg.pid
	}
	var fresh, existing []time.Duration
	for i := range p.starts {
		if t.server != nil {
			t.server.stop()
		}
		folder := filepath.Join(b.work, fmt.Sprintf("%s-%s-%d", kind, p.name, i))
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, err
		}
		database := "sqlite:///" + filepath.Join(folder, "data.db")
		if pg != nil {
			var err error
			if database, err = pg.fresh(ctx, fmt.Sprintf("%s_%d", p.name, i)); err != nil {
				return nil, err
			}
		}
		var err error
		for _, took := range []*[]time.Duration{&fresh, &existing} {
			if t.server != nil {
				t.server.stop()
			}
			t.server, err = b.start(ctx, folder, func(port string) []string {
				return p.command(port, database, filepath.Join(folder, "artifacts"))
			})
			if err != nil {
				return nil, err
			}
			*took = append(*took, t.server.took)
		}
	}
	t.fresh, t.existing = median(fresh), median(existing)
	t.address, t.pid = addressOf(t.server.url), t.server.command.Process.Pid
	settle(t.pid, time.Minute) // mlflow's workers still load
	t.idle = tree(t.pid).mib()
	return t, nil
}

func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}
