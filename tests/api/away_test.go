package api_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
	"github.com/slipway-ml/slipway/tests/testbed/s3"
	"github.com/slipway-ml/slipway/tests/world"
)

// Without its database every route says 503 with its reason, and when to come
// again, well within its deadline; then all goes on.
func TestEveryRouteSaysThatPostgresIsAway(t *testing.T) {
	t.Parallel()
	cluster := postgres.Start(t)
	w := world.Start(t, func(c *config.Config) { c.BackendStoreURI = postgres.Fresh(t, cluster.URI) })
	id := mlflow{w, t}.run("0")
	model := object{"name": "m"}
	w.OK(http.MethodPost, registered+"create", model)
	calls := []struct {
		method, path string
		body         any
	}{
		{"GET", "/health", nil},
		{"POST", "/api/2.0/mlflow/experiments/create", object{"name": "e"}},
		{"GET", "/api/2.0/mlflow/experiments/get?experiment_id=0", nil},
		{"POST", "/api/2.0/mlflow/experiments/search", object{"max_results": 10}},
		{"POST", "/api/2.0/mlflow/runs/create", object{"experiment_id": "0"}},
		{"GET", "/api/2.0/mlflow/runs/get?run_id=" + id, nil},
		{"POST", "/api/2.0/mlflow/runs/search", object{"experiment_ids": []string{"0"}}},
		{"POST", "/api/2.0/mlflow/runs/log-metric", object{"run_id": id, "key": "a", "value": 1, "timestamp": 1}},
		{"POST", "/api/2.0/mlflow/runs/log-batch", object{"run_id": id, "params": []object{{"key": "a", "value": "b"}}}},
		{"GET", "/api/2.0/mlflow/metrics/get-history?metric_key=a&run_id=" + id, nil},
		{"POST", registered + "create", object{"name": "n"}},
		{"GET", registered + "get?name=m", nil},
		{"GET", registered + "search?max_results=10", nil},
		{"POST", versioned + "create", object{"name": "m", "source": "s3://elsewhere/x"}},
		{"GET", versioned + "search?max_results=10", nil},
		{"GET", webhooks, nil},
		{"GET", "/get-artifact?run_id=" + id + "&path=x", nil},
		{"PUT", proxy + "/0/" + id + "/artifacts/x", []byte("1")},
		{"GET", "/api/v1/models/m/pipeline", nil},
		{"PUT", "/api/v1/models/m/pipeline", object{"model": "m", "validation": object{"steps": []object{{"check": "integrity"}}}}},
		{"GET", "/api/v1/models/m/environments", nil},
		{"POST", "/api/v1/models/m/environments/staging/promotions", object{"version": "1"}},
		{"GET", "/api/v1/promotions/1?wait=30s", nil},
		{"GET", "/api/v1/models/m/versions/1/validations", nil},
		{"GET", "/api/v1/datasets", nil},
		{"GET", "/api/v1/audit", nil},
		{"GET", "/api/v1/models/m/environments/staging", nil},
		{"GET", "/api/v1/models/m/environments/staging/releases", nil},
		{"POST", "/api/v1/gc", object{"older_than": "1h"}},
		{"GET", "/api/v1/gc", nil},
	}
	cluster.Stop(t)
	var asked sync.WaitGroup
	for _, c := range calls {
		asked.Go(func() { unavailable(t, w, c.method, c.path, c.body) })
	}
	asked.Wait()
	// GraphQL tells its errors in its answer, as MLflow's does here, too.
	data, errs := mlflow{w, t}.ask(`{ mlflowGetExperiment(input: {experimentId: "0"}) { experiment { name } } }`, nil)
	require.Equal(t, object{"mlflowGetExperiment": nil}, data)
	require.Len(t, errs, 1)
	require.Contains(t, errs[0], "the database does not answer")
	metrics := w.Do(http.MethodGet, "/metrics", nil)
	require.Equal(t, http.StatusOK, metrics.Status)
	require.Contains(t, string(metrics.Body), "slipway_db_up 0")
	cluster.Again(t)
	w.Eventually(20*time.Second, "it goes on", func() bool {
		return w.Do(http.MethodGet, "/health", nil).Status == http.StatusOK &&
			w.Do(http.MethodPost, "/api/2.0/mlflow/runs/create", object{"experiment_id": "0"}).Status == http.StatusOK
	})
}

// unavailable asks what must be answered in time by 503 and when to try again.
func unavailable(t *testing.T, w *world.World, method, path string, body any) {
	began := time.Now()
	r := w.Do(method, path, body)
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("%s %s: it took %s", method, path, took)
	}
	if r.Status != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" {
		t.Errorf("%s %s: %d, Retry-After %q: %s", method, path, r.Status, r.Header.Get("Retry-After"), r.Body)
	}
}

// A Postgres that stands still, with its connections open, keeps no request
// beyond its deadline, which is twice that of a statement.
func TestAFrozenPostgresKeepsNobody(t *testing.T) {
	t.Parallel()
	cluster := postgres.Start(t)
	w := world.Start(t, func(c *config.Config) {
		c.BackendStoreURI, c.Database.StatementTimeout = postgres.Fresh(t, cluster.URI), 2*time.Second
	})
	id := mlflow{w, t}.run("0")
	w.OK(http.MethodPost, registered+"create", object{"name": "m"})
	cluster.Freeze(t)
	defer cluster.Thaw(t)
	var asked sync.WaitGroup
	for _, c := range []struct {
		method, path string
		body         any
	}{
		{"GET", "/health", nil},
		{"POST", "/api/2.0/mlflow/runs/create", object{"experiment_id": "0"}},
		{"GET", "/api/2.0/mlflow/runs/get?run_id=" + id, nil},
		{"POST", "/api/2.0/mlflow/runs/search", object{"experiment_ids": []string{"0"}}},
		{"POST", "/api/2.0/mlflow/runs/log-batch", object{"run_id": id, "params": []object{{"key": "a", "value": "b"}}}},
		{"POST", versioned + "create", object{"name": "m", "source": "s3://elsewhere/x"}},
		{"PUT", proxy + "/0/" + id + "/artifacts/x", []byte("1")},
		{"DELETE", proxy + "/0/" + id + "/artifacts/x", nil},
		{"GET", "/api/v1/promotions/1?wait=30s", nil},
		{"POST", "/api/v1/gc", object{"older_than": "1h"}},
	} {
		asked.Go(func() { unavailable(t, w, c.method, c.path, c.body) })
	}
	asked.Wait()
	cluster.Thaw(t)
	w.Eventually(30*time.Second, "it goes on", func() bool {
		return w.Do(http.MethodPost, "/api/2.0/mlflow/runs/create", object{"experiment_id": "0"}).Status == http.StatusOK
	})
}

// Without its artifact store metadata goes on; what needs the store says 503
// with the reason, and what waits for it goes on once it is back.
func TestEveryRouteOfArtifactsSaysThatS3IsAway(t *testing.T) {
	t.Parallel()
	server := s3.Shared(t)
	line := connect(t, server.URL)
	w := world.Start(t, func(c *config.Config) { c.ArtifactsDestination, c.S3Endpoint = server.Address(t), line.URL })
	id, gone := mlflow{w, t}.run("0"), mlflow{w, t}.run("0")
	root := "0/" + id + "/artifacts/"
	upload(t, w, root+"model/MLmodel", "flavors: {}")
	upload(t, w, "0/"+gone+"/artifacts/x", "1")
	w.OK("POST", registered+"create", object{"name": "m"})
	source := "mlflow-artifacts:/" + root + "model"
	create := object{"name": "m", "source": source, "run_id": id}
	w.OK("POST", versioned+"create", create)
	w.OK("POST", "/api/2.0/mlflow/runs/delete", object{"run_id": gone})
	line.cut()

	for _, c := range []struct {
		method, path string
		body         any
	}{
		{"GET", proxy + "/" + root + "model/MLmodel", nil},
		{"GET", proxy + "?path=" + root, nil},
		{"PUT", proxy + "/" + root + "y", []byte("1")},
		{"PUT", proxy + "/" + root + "model/MLmodel", []byte("1")},
		{"DELETE", proxy + "/" + root + "model/MLmodel", nil},
		{"GET", "/api/2.0/mlflow/artifacts/list?run_id=" + id, nil},
		{"GET", "/get-artifact?run_id=" + id + "&path=model/MLmodel", nil},
		{"GET", "/model-versions/get-artifact?name=m&version=1&path=MLmodel", nil},
		{"GET", "/api/2.0/mlflow-artifacts/presigned/" + root + "model/MLmodel", nil},
		{"POST", "/api/2.0/mlflow-artifacts/mpu/create/" + root, object{"path": "big", "num_parts": 1}},
		{"POST", "/ajax-api/2.0/mlflow/upload-artifact?run_uuid=" + id + "&path=z", []byte("1")},
	} {
		began := time.Now()
		r := w.Do(c.method, c.path, c.body)
		require.Less(t, time.Since(began), 30*time.Second, "%s %s", c.method, c.path)
		require.Equal(t, http.StatusServiceUnavailable, r.Status, "%s %s: %s", c.method, c.path, r.Body)
		require.NotEmpty(t, r.Header.Get("Retry-After"), c.path)
		require.Contains(t, string(r.Body), "does not answer", c.path)
	}
	// Registration cites what is recorded, or leaves it to a job; gc ends and says why.
	registering := w.Do("POST", versioned+"create", create)
	require.Contains(t, []int{http.StatusOK, http.StatusServiceUnavailable}, registering.Status, "%s", registering.Body)
	w.OK("GET", versioned+"get?name=m&version=1", nil)
	w.OK("POST", "/api/2.0/mlflow/runs/log-metric", object{"run_id": id, "key": "a", "value": 1, "timestamp": 1})
	failed := collect(w, object{"older_than": "0s"})
	require.Equal(t, "failed", failed["state"])
	require.Contains(t, failed["reason"], "does not answer")
	require.Equal(t, http.StatusOK, w.Do("GET", "/health", nil).Status)

	line.mend()
	w.Eventually(60*time.Second, "artifacts answer", func() bool {
		return w.Do("GET", proxy+"/"+root+"model/MLmodel", nil).Status == http.StatusOK
	})
	w.OK("POST", versioned+"create", create)
	w.Eventually(60*time.Second, "the version's files are frozen", func() bool {
		r := w.Do("GET", "/model-versions/get-artifact?name=m&version=2&path=MLmodel", nil)
		return r.Status == http.StatusOK && strings.HasPrefix(string(r.Body), "flavors")
	})
	done := collect(w, object{"older_than": "0s"})
	require.Equal(t, "done", done["state"], "%v", done)
	require.Equal(t, http.StatusNotFound, w.Do("GET", proxy+"/0/"+gone+"/artifacts/x", nil).Status)
}

// line is a connection to a server that can be cut and mended.
type line struct {
	URL string
	t   *testing.T
	to  string

	mu       sync.Mutex
	listener net.Listener
	open     []net.Conn
}

func connect(t *testing.T, server string) *line {
	t.Helper()
	l := &line{t: t, to: strings.TrimPrefix(server, "http://"), URL: "http://127.0.0.1:0"}
	l.mend()
	t.Cleanup(l.cut)
	return l
}

func (l *line) mend() {
	l.t.Helper()
	listener, err := net.Listen("tcp", strings.TrimPrefix(l.URL, "http://"))
	require.NoError(l.t, err)
	l.URL, l.listener = "http://"+listener.Addr().String(), listener
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", l.to)
			if err != nil {
				_ = from.Close()
				continue
			}
			l.mu.Lock()
			l.open = append(l.open, from, to)
			l.mu.Unlock()
			for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
				go func() {
					_, _ = io.Copy(way[1], way[0])
					_ = way[1].Close()
				}()
			}
		}
	}()
}

func (l *line) cut() {
	_ = l.listener.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.open {
		_ = c.Close()
	}
	l.open = nil
}
