package main

import (
	"strings"
	"time"
)

// target is a started server with what the cases made on it.
type target struct {
	peer        peer
	server      *server
	address     string // host:port
	artifacts   string // path of its artifact proxy
	pid         int
	databasePID int

	fresh, existing time.Duration // start to first answer, on fresh data and again on it
	idle, after     float64       // MiB resident

	conns    []*conn
	fixtures map[string]string
	runs     []string
}

func (t *target) connections(n int) []*conn {
	for len(t.conns) < n {
		t.conns = append(t.conns, newConn(t.address))
	}
	return t.conns[:n]
}

// remember makes a thing once.
func (t *target) remember(name string, create func() (string, error)) (string, error) {
	if have, ok := t.fixtures[name]; ok {
		return have, nil
	}
	made, err := create()
	if err == nil {
		t.fixtures[name] = made
	}
	return made, err
}

// experiment is the one that cases share.
func (t *target) experiment() (string, error) {
	return t.remember("experiment", func() (string, error) { return experimentOf(t.connections(1)[0], "bench") })
}

// ownRuns gives a run of each client.
func (t *target) ownRuns() ([]string, error) {
	experiment, err := t.experiment()
	for err == nil && len(t.runs) < t.peer.clients {
		var run string
		run, _, err = runOf(t.connections(1)[0], experiment)
		t.runs = append(t.runs, run)
	}
	return t.runs, err
}

func (t *target) stop() {
	for _, c := range t.conns {
		c.close()
	}
	t.server.stop()
}

func addressOf(url string) string { return strings.TrimPrefix(url, "http://") }
