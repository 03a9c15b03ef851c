// Package postgres gives tests a real Postgres: a cluster for a test program,
// started when the first test asks for it, and a database for each test.
package postgres

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx

	"github.com/slipway-ml/slipway/tests/testbed"
)

// Variable names the server to use instead of a cluster of one's own. Where it
// is set, every world that tests start has its database there, too.
const Variable = "SLIPWAY_TEST_POSTGRES"

// Database makes a database that is dropped when the test ends, and gives its
// address: on the server of SLIPWAY_TEST_POSTGRES, else on the cluster of this
// program.
func Database(t testing.TB) string {
	t.Helper()
	server := os.Getenv(Variable)
	if server == "" {
		server = shared(t)
	}
	return Fresh(t, server)
}

// Fresh makes a database on a server that is dropped when the test ends.
func Fresh(t testing.TB, server string) string {
	t.Helper()
	name := "test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	Execute(t, server, "CREATE DATABASE "+name)
	t.Cleanup(func() { Execute(t, server, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	return Named(t, server, name)
}

// Named is the address of another database on the same server.
func Named(t testing.TB, server, database string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + database
	return u.String()
}

// Execute runs statements.
func Execute(t testing.TB, uri string, statements ...string) {
	t.Helper()
	db, err := sql.Open("pgx", uri)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, statement := range statements {
		if _, err := db.ExecContext(context.Background(), statement); err != nil {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

// Cluster is a running Postgres.
type Cluster struct {
	URI string // of its database postgres
	Dir string // its data are in data, its certificate is data/server.crt

	alive io.Closer // closes when this program ends
}

// Start runs a cluster of the test's own until the test ends.
func Start(t testing.TB) *Cluster {
	t.Helper()
	c, err := start(t)
	if err != nil {
		t.Fatalf("start Postgres: %v", err)
	}
	t.Cleanup(c.stop)
	return c
}

// Control runs pg_ctl on the cluster.
func (c *Cluster) Control(t testing.TB, args ...string) {
	t.Helper()
	initdb, _ := program()
	run := append([]string{filepath.Join(filepath.Dir(initdb), "pg_ctl"), "-D", filepath.Join(c.Dir, "data"), "-l", filepath.Join(c.Dir, "log")}, args...)
	if os.Getuid() == 0 {
		run = append([]string{"setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups", "--"}, run...)
	}
	cmd := exec.Command(run[0], run[1:]...)
	cmd.Dir = "/"
	if err := cmd.Run(); err != nil { // its output goes on to the server it starts: nobody may wait for that
		t.Fatalf("pg_ctl %s: %v", strings.Join(args, " "), err)
	}
}

// Stop ends the cluster at once, as a crash does.
func (c *Cluster) Stop(t testing.TB) {
	t.Helper()
	c.Control(t, "stop", "-m", "immediate", "-w")
}

// Freeze stops its processes where they are, and Thaw lets them go on.
func (c *Cluster) Freeze(t testing.TB) { c.signal(t, "-STOP") }

// Thaw ends what Freeze began.
func (c *Cluster) Thaw(t testing.TB) { c.signal(t, "-CONT") }

func (c *Cluster) signal(t testing.TB, signal string) {
	t.Helper()
	pid, err := os.ReadFile(filepath.Join(c.Dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	parent, _, _ := strings.Cut(string(pid), "\n")
	children, _ := exec.Command("pgrep", "-P", parent).Output()
	for _, p := range append([]string{parent}, strings.Fields(string(children))...) {
		_ = exec.Command("kill", signal, p).Run() // one that has ended needs none
	}
}

// Again starts a cluster that was stopped, at the same address.
func (c *Cluster) Again(t testing.TB) {
	t.Helper()
	u, err := url.Parse(c.URI)
	if err != nil {
		t.Fatal(err)
	}
	c.Control(t, "start", "-w", "-o", "-p "+u.Port())
}

func (c *Cluster) stop() {
	_ = exec.Command(script("stop"), c.Dir).Run()
	_ = os.RemoveAll(c.Dir)
	_ = c.alive.Close()
}

func script(name string) string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), name)
}

// program finds initdb of the newest Postgres here.
func program() (string, bool) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return "", false
	}
	return found[len(found)-1], true
}

func available(t testing.TB) {
	t.Helper()
	if _, ok := program(); !ok {
		testbed.Missing(t, "Postgres", "as root run make testbed, or set "+Variable+"=postgresql://…")
	}
}

func start(t testing.TB) (*Cluster, error) {
	t.Helper()
	available(t)
	dir, err := testbed.Folder("slipway-postgres-")
	if err != nil {
		return nil, err
	}
	alive, err := testbed.StopWithProgram(script("stop"), dir)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	cmd := exec.Command(script("start"), dir)
	var problem bytes.Buffer
	cmd.Stderr = &problem
	uri, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, &problem)
	}
	return &Cluster{URI: strings.TrimSpace(string(uri)), Dir: dir, alive: alive}, nil
}

// one is the cluster that the tests of a program share.
var one struct {
	sync.Once
	cluster *Cluster
	err     error
}

func shared(t testing.TB) string {
	t.Helper()
	available(t)
	one.Do(func() {
		one.cluster, one.err = start(t)
	})
	if one.err != nil {
		t.Fatalf("start Postgres: %v", one.err)
	}
	return one.cluster.URI
}
