package api_test

import (
	crand "crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/tests/testbed/disk"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
	"github.com/slipway-ml/slipway/tests/world"
)

// A server is killed while files come in, again and again: what is there then
// is whole, what was acknowledged is there, and nothing else is left.
func TestAServerMayBeKilledAtAnyPointOfAnUpload(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := func(key, generation int) string {
		return strings.Repeat(fmt.Sprintf("file %d, generation %03d\n", key, generation), 20_000+key)
	}
	const keys = 6
	var acknowledged [keys]int // generations; 0: none yet
	generation := 0
	for range 5 {
		p := world.StartProcess(t, dir)
		killed := make(chan struct{})
		var clients sync.WaitGroup
		first := generation
		for key := range keys {
			clients.Go(func() {
				for g := first + 1; g < first+1000; g++ {
					req, err := http.NewRequest(http.MethodPut, fmt.Sprintf("%s%s/d/%d", p.URL, proxy, key), strings.NewReader(text(key, g)))
					if err != nil {
						t.Error(err)
						return
					}
					r, err := http.DefaultClient.Do(req)
					if err != nil { // it was killed
						return
					}
					_ = r.Body.Close()
					if r.StatusCode != http.StatusOK {
						t.Errorf("PUT %d: %s", key, r.Status)
						return
					}
					acknowledged[key] = g
				}
			})
		}
		go func() {
			time.Sleep(rand.N(300 * time.Millisecond))
			p.Kill()
			close(killed)
		}()
		<-killed
		clients.Wait()
		generation = first + 1000

		p = world.StartProcess(t, dir)
		if !onS3() {
			left, err := os.ReadDir(filepath.Join(dir, "artifacts", ".upload"))
			require.NoError(t, err)
			require.Empty(t, left, "what was cut off is swept")
		}
		for key := range keys {
			r := p.Do(http.MethodGet, fmt.Sprintf("%s/d/%d", proxy, key), nil)
			if r.Status == http.StatusNotFound {
				require.Zero(t, acknowledged[key])
				continue
			}
			require.Equal(t, http.StatusOK, r.Status, "%s", r.Body)
			var of, g int
			_, err := fmt.Sscanf(string(r.Body), "file %d, generation %d\n", &of, &g)
			require.NoError(t, err)
			require.Equal(t, text(key, g), string(r.Body), "it is whole")
			require.GreaterOrEqual(t, g, acknowledged[key], "what was acknowledged is there, or what came after it")
			if tag := r.Header.Get("ETag"); tag != "" {
				require.Equal(t, fmt.Sprintf(`"%x"`, sha256.Sum256(r.Body)), tag, "no digest of other bytes")
			}
		}
		require.LessOrEqual(t, len(files(p.World, "d")), keys)
		p.Kill()
	}
}

// fullDisk fills a server's database until it is refused, and sees that it goes
// on, with nothing lost, and works again once drop has made room.
func fullDisk(t *testing.T, w *world.World, drop func()) {
	t.Helper()
	params := make([]object, 50)
	for i := range params {
		noise := make([]byte, 3000) // which Postgres cannot make smaller
		_, _ = crand.Read(noise)
		params[i] = object{"key": fmt.Sprintf("p%d", i), "value": hex.EncodeToString(noise)}
	}
	var runs sync.Map
	fill := func() (refusal world.Response) {
		for {
			r := w.Do(post, a2+"runs/create", object{"experiment_id": "0", "start_time": 1})
			if r.Status != http.StatusOK {
				return r
			}
			id := r.JSON(t)["run"].(object)["info"].(object)["run_id"].(string)
			runs.Store(id, 0)
			if r = w.Do(post, a2+"runs/log-batch", object{"run_id": id, "params": params}); r.Status != http.StatusOK {
				return r
			}
			runs.Store(id, len(params))
		}
	}
	look := func() {
		t.Helper()
		runs.Range(func(id, logged any) bool {
			run := w.OK(get, a2+"runs/get?run_id="+id.(string), nil)["run"].(object)
			stored, _ := run["data"].(object)["params"].([]any)
			require.Len(t, stored, logged.(int), "a batch is whole or absent")
			return true
		})
	}
	together(4, func(int) {
		r := fill()
		if r.Status != http.StatusInsufficientStorage {
			t.Errorf("%d: %s", r.Status, r.Body)
			return
		}
		if message := r.JSON(t)["message"]; message != "the disk of the database is full: nothing was changed; make room, then try again" || r.JSON(t)["error_code"] != "RESOURCE_EXHAUSTED" {
			t.Errorf("%s", r.Body)
		}
	})
	require.Equal(t, http.StatusOK, w.Do(get, "/health", nil).Status)
	look()
	drop()
	w.Eventually(20*time.Second, "with room it is written to again", func() bool {
		r := w.Do(post, a2+"runs/create", object{"experiment_id": "0", "start_time": 1})
		if r.Status == http.StatusOK {
			runs.Store(r.JSON(t)["run"].(object)["info"].(object)["run_id"].(string), 0)
		}
		return r.Status == http.StatusOK
	})
	look()
}

func TestTheDiskOfSQLiteIsFull(t *testing.T) {
	t.Parallel()
	dir := disk.Small(t, 24)
	uri := "sqlite:///" + filepath.Join(dir, "slipway.db")
	p := world.StartProcess(t, dir, "--backend-store-uri", uri)
	fullDisk(t, p.World, disk.Ballast(t, dir, 6))
	if !onS3() {
		r := p.Do(http.MethodPut, proxy+"/d/x", make([]byte, 24<<20))
		require.Equal(t, http.StatusInsufficientStorage, r.Status, "%s", r.Body)
		require.Empty(t, files(p.World, "d"))
	}
	p.Kill()
	p = world.StartProcess(t, dir, "--backend-store-uri", uri)
	run(p.World)
	p.Term()
	db, err := sql.Open("sqlite", filepath.Join(dir, "slipway.db"))
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	require.Equal(t, []string{"ok"}, linesOf(t, db, "PRAGMA integrity_check"))
}

func TestTheDiskOfPostgresIsFull(t *testing.T) {
	t.Parallel()
	cluster := postgres.Start(t)
	dir := disk.Small(t, 40)
	owner, err := user.Lookup("postgres")
	require.NoError(t, err)
	uid, err := strconv.Atoi(owner.Uid)
	require.NoError(t, err)
	place := filepath.Join(dir, "space")
	require.NoError(t, os.Mkdir(place, 0o700))
	require.NoError(t, os.Chown(place, uid, -1))
	for folder := dir; folder != os.TempDir() && folder != "/"; folder = filepath.Dir(folder) {
		require.NoError(t, os.Chmod(folder, 0o755)) // Postgres has to reach it
	}
	postgres.Execute(t, cluster.URI, "CREATE TABLESPACE small LOCATION '"+place+"'", "CREATE DATABASE full_disk TABLESPACE small")
	w := world.Start(t, func(c *config.Config) { c.BackendStoreURI = postgres.Named(t, cluster.URI, "full_disk") })
	fullDisk(t, w, disk.Ballast(t, dir, 6))
	w.Stop()
	cluster.Control(t, "stop", "-m", "fast", "-w") // it lets go of what is unmounted
}

// A caller who leaves before all has come has changed nothing.
func TestACallerWhoLeavesHasChangedNothing(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	for _, path := range []string{a2 + "experiments/create", a2 + "registered-models/create", "/api/v1/datasets"} {
		body, ends := io.Pipe()
		go func() {
			_, _ = io.WriteString(ends, `{"name": "left`)
			_ = ends.CloseWithError(errors.New("the caller has gone"))
		}()
		req, err := http.NewRequestWithContext(t.Context(), post, w.URL+path, body)
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		_, err = http.DefaultClient.Do(req) //nolint:bodyclose // there is no answer
		require.Error(t, err)
	}
	createModel(w, "left")
	require.Equal(t, "1", w.OK(post, a2+"experiments/create", object{"name": "left"})["experiment_id"])
}
