package delivery_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/deploy/deploytest"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/delivery"
	"github.com/slipway-ml/slipway/services/gateway"
	"github.com/slipway-ml/slipway/services/job"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/sqlstore"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
)

// harbour is a delivery on a real database with real jobs and a real gateway;
// only the instances and the builder are the test's own.
type harbour struct {
	*delivery.Service
	t       *testing.T
	dir     string
	db      *sqlstore.DB
	target  *deploytest.Fake
	traffic *gateway.Gateway
	metrics prometheus.Gatherer
	url     string
	model   models.RegisteredModel
	who     context.Context
	stop    func()

	mu       sync.Mutex
	images   map[string]deploytest.Behaviour
	wont     map[int64]error // versions that do not build
	builds   map[int64]int
	examples map[int64]string // input examples of versions
	hold     chan struct{}    // builds wait for it, where not nil
	bound    []string         // targets whose instances end with the server
}

// open starts it with a pipeline of these environments.
func open(t *testing.T, envs map[string]models.EnvironmentSpec) *harbour {
	t.Helper()
	h := &harbour{
		t: t, dir: t.TempDir(), target: &deploytest.Fake{}, images: map[string]deploytest.Behaviour{},
		wont: map[int64]error{}, builds: map[int64]int{}, examples: map[int64]string{},
		who: models.WithPrincipal(t.Context(), models.Principal{Name: "ada", Role: "owner", From: "127.0.0.1"}),
	}
	h.target.Image = func(digest string) deploytest.Behaviour {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.images[digest]
	}
	t.Cleanup(h.target.Close)
	h.start()
	h.tx(func(tx storage.Tx) (err error) {
		h.model, err = tx.RegisteredModels().Create(models.RegisteredModel{Name: "shapes"})
		return err
	})
	h.pipeline(envs)
	return h
}

// start begins a life of the server; stop ends it as SIGTERM does.
func (h *harbour) start() {
	h.t.Helper()
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("SLIPWAY_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.t.Context()))
	db, err := sqlstore.Open(ctx, postgres.OrSQLite(h.t, h.dir), sqlstore.Options{Log: log})
	require.NoError(h.t, err)
	reg := prometheus.NewRegistry()
	h.metrics = reg
	g, err := gateway.New(gateway.Config{Metrics: reg, Log: log, Warmup: -1})
	require.NoError(h.t, err)
	m, err := delivery.NewMetrics(reg)
	require.NoError(h.t, err)
	s := delivery.New(delivery.Config{
		DB: db, Builder: h, Traffic: g, Files: h, Targets: map[string]deploy.Target{"process": h.target}, Bound: h.bound,
		Log: log, Metrics: m, Now: time.Now, Tick: 15 * time.Millisecond, ReadyTime: 3 * time.Second, Grace: time.Second, Backoff: time.Millisecond,
	})
	require.NoError(h.t, s.Start(ctx))
	jobs, err := job.New(job.Config{Owner: uuid.NewString(), Driver: db.Queue(), Leases: db, Workers: s.Workers(), Heavy: 1, Log: log, Metrics: reg})
	require.NoError(h.t, err)
	require.NoError(h.t, jobs.Start(ctx))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := g.Serve(w, r); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	}))
	h.Service, h.db, h.traffic, h.url = s, db, g, srv.URL
	var once sync.Once
	h.stop = func() {
		once.Do(func() {
			stopping, done := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer done()
			require.NoError(h.t, jobs.Stop(stopping))
			cancel()
			require.NoError(h.t, s.Stop(stopping))
			srv.Close()
			g.Close()
			require.NoError(h.t, db.Close())
		})
	}
	h.t.Cleanup(h.stop)
}

// again is a stop and a start over the same database, while the instances live on.
func (h *harbour) again() {
	h.t.Helper()
	h.stop()
	h.start()
}

func (h *harbour) tx(fn func(tx storage.Tx) error) {
	h.t.Helper()
	require.NoError(h.t, h.db.InTx(h.who, fn))
}

func (h *harbour) pipeline(envs map[string]models.EnvironmentSpec) {
	h.t.Helper()
	h.tx(func(tx storage.Tx) error {
		_, err := tx.Pipelines().Add(models.PipelineRevision{
			ModelID: h.model.ID, Model: "shapes", Document: []byte("{}"), Digest: uuid.NewString(), Pipeline: models.Pipeline{Model: "shapes", Environments: envs},
		})
		return err
	})
}

// production is an environment with a canary that is over as soon as the
// analysis is.
func production(change ...func(*models.EnvironmentSpec)) models.EnvironmentSpec {
	spec := models.EnvironmentSpec{
		Target: "process", Promote: models.PromoteManual, OnAlias: models.AliasPromote, RollbackWindow: time.Hour,
		Serving: models.ServingSpec{Replicas: 1, Timeout: 5 * time.Second},
		Rollout: models.RolloutSpec{
			Strategy: models.StrategyCanary, Steps: []models.RolloutStep{{Weight: 25}, {Weight: 50}, {Weight: 100}},
			Analysis: []models.AnalysisSpec{{Metric: models.MetricErrorRate, Delta: 0.2, Alpha: 0.05}},
			Burst:    models.BurstSpec{Deaths: 3, Failures: 20}, NoData: models.NoDataHold,
		},
	}
	for _, c := range change {
		c(&spec)
	}
	return spec
}

// atOnce is an environment without a canary.
func atOnce(spec *models.EnvironmentSpec) {
	spec.Rollout.Steps = []models.RolloutStep{{Weight: 100}}
}

func gated(names ...string) func(*models.EnvironmentSpec) {
	return func(spec *models.EnvironmentSpec) { spec.Gates = names }
}

func auto(spec *models.EnvironmentSpec) { spec.Promote = models.PromoteAuto }

// version registers a version whose instances behave so, and gives its number.
func (h *harbour) version(b deploytest.Behaviour) int64 {
	h.t.Helper()
	var v models.Version
	h.tx(func(tx storage.Tx) (err error) {
		v, err = tx.Versions().Create(models.Version{ModelID: h.model.ID, Model: "shapes", Files: models.FilesFrozen})
		return err
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.images[digest(v.ID)] = b
	return v.Number
}

func digest(versionID int64) string { return fmt.Sprintf("sha256:%d", versionID) }

// Build implements delivery.Builder.
func (h *harbour) Build(ctx context.Context, versionID int64) (models.Image, error) {
	h.mu.Lock()
	h.builds[versionID]++
	err, wait := h.wont[versionID], h.hold
	h.mu.Unlock()
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
			return models.Image{}, ctx.Err()
		}
	}
	return models.Image{VersionID: versionID, Digest: digest(versionID)}, err
}

// Manifest implements delivery.Files: a version has its input example, if any.
func (h *harbour) Manifest(_ context.Context, versionID int64) (models.Manifest, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.examples[versionID] == "" {
		return models.Manifest{}, nil
	}
	return models.Manifest{Entries: []models.ManifestEntry{{Path: "model/serving_input_example.json", Key: h.examples[versionID]}}}, nil
}

// Open implements delivery.Files.
func (h *harbour) Open(_ context.Context, e models.ManifestEntry) (io.ReadCloser, error) {
	if e.Key == "lost" {
		return nil, models.Errorf(models.KindUnavailable, "the artifact store is away")
	}
	return io.NopCloser(strings.NewReader(e.Key)), nil
}

// validation writes a validation that ended so.
func (h *harbour) validation(number int64, state models.ValidationState, reason string) {
	h.t.Helper()
	h.tx(func(tx storage.Tx) error {
		ver, err := tx.Versions().ByNumber("shapes", number)
		if err != nil {
			return err
		}
		rev, err := tx.Pipelines().Current(h.model.ID)
		if err != nil {
			return err
		}
		v, err := tx.Validations().Create(models.Validation{VersionID: ver.ID, RevisionID: rev.ID, State: models.ValidationQueued})
		if err != nil {
			return err
		}
		if err := tx.Validations().SetState(v.ID, state, reason); err != nil || state != models.ValidationPassed {
			return err
		}
		return tx.Enqueue(models.JobValidated, map[string]int64{"validation_id": v.ID})
	})
}

// serving is a model that answers; each nth inference fails where n > 0, and
// the smoke test's never does.
func serving(n int64) deploytest.Behaviour {
	var calls atomic.Int64
	return deploytest.Behaviour{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch {
		case r.URL.Path == "/v2/models/shapes":
			_, _ = io.WriteString(w, `{"inputs": [{"name": "images", "datatype": "FP32", "shape": [-1, 2, 2]}]}`)
		case r.URL.Path == "/v2/models/shapes/infer":
			_, _ = io.WriteString(w, `{"outputs": []}`)
		case n > 0 && calls.Add(1)%n == 0:
			http.Error(w, `{"error_code":"MODEL_FAILED"}`, http.StatusInternalServerError)
		default:
			_, _ = io.WriteString(w, "[]")
		}
	})}
}

// failing is a model that fails on everything.
func failing() deploytest.Behaviour {
	return deploytest.Behaviour{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"error_code":"MODEL_FAILED"}`, http.StatusInternalServerError)
	})}
}

// promote asks for a version and does not wait.
func (h *harbour) promote(env string, number int64) models.Promotion {
	h.t.Helper()
	p, err := h.Promote(h.who, delivery.Request{Model: "shapes", Environment: env, Version: number, Cause: models.CauseManual})
	require.NoError(h.t, err)
	return p
}

// until waits for a promotion to be in one of these states.
func (h *harbour) until(id int64, states ...models.PromotionState) models.Promotion {
	h.t.Helper()
	var p models.Promotion
	require.Eventually(h.t, func() bool {
		var err error
		if p, err = h.Promotion(h.t.Context(), id); err != nil {
			return false // it is not asked for yet
		}
		for _, s := range states {
			if p.State == s {
				return true
			}
		}
		return false
	}, 20*time.Second, 5*time.Millisecond, "promotion %d never became %v: %+v", id, states, &p)
	return p
}

// live promotes a version to where it takes the traffic.
func (h *harbour) live(env string, number int64) models.Promotion {
	h.t.Helper()
	return h.until(h.promote(env, number).ID, models.PromotionSucceeded, models.PromotionFailed, models.PromotionRolledBack)
}

func (h *harbour) status(env string) models.EnvironmentStatus {
	h.t.Helper()
	s, err := h.Environment(h.t.Context(), "shapes", env)
	require.NoError(h.t, err)
	return s
}

// stable is the version that takes the traffic.
func (h *harbour) stable(env string) int64 {
	h.t.Helper()
	r, ok := h.status(env).Stable()
	require.True(h.t, ok, "nothing is live in %s", env)
	return r.Version
}

// post sends one request to production and tells the release that answered.
func (h *harbour) post() (release string, status int) {
	resp, err := http.Post(h.url+"/serve/shapes/production/invocations", "application/json", strings.NewReader("{}"))
	if err != nil {
		h.t.Log(err)
		return "", 0
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	if resp.StatusCode == http.StatusServiceUnavailable {
		h.t.Logf("no release answered: %s", text)
		return "", resp.StatusCode
	}
	return resp.Header.Get("X-Slipway-Release"), resp.StatusCode
}

// load sends requests to production until the test is over or stop is called, which tells how
// many were sent and how many were not answered by a release at all.
func (h *harbour) load() (stop func() (sent, lost int64)) {
	ctx, cancel := context.WithCancel(h.t.Context())
	var sent, lost atomic.Int64
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			tick := time.NewTicker(2 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				release, _ := h.post()
				sent.Add(1)
				if release == "" {
					lost.Add(1)
				}
			}
		})
	}
	stop = func() (int64, int64) {
		cancel()
		work.Wait()
		return sent.Load(), lost.Load()
	}
	h.t.Cleanup(func() { stop() })
	return stop
}

// actions lists the audit of production, oldest first.
func (h *harbour) actions() []string {
	h.t.Helper()
	var list []string
	require.NoError(h.t, h.db.View(h.t.Context(), func(tx storage.Tx) error {
		records, err := tx.AuditRecords(models.AuditFilter{Environment: "production", Limit: 1000})
		for _, r := range records {
			list = append([]string{r.Action}, list...)
		}
		return err
	}))
	return list
}

func (h *harbour) alias() int64 {
	h.t.Helper()
	var m models.RegisteredModel
	require.NoError(h.t, h.db.View(h.t.Context(), func(tx storage.Tx) (err error) {
		m, err = tx.RegisteredModels().Get("shapes")
		return err
	}))
	return m.Aliases["production"]
}

func request(env string, number int64) delivery.Request {
	return delivery.Request{Model: "shapes", Environment: env, Version: number, Cause: models.CauseManual}
}

const (
	waitFor  = 20 * time.Second
	pollEach = 5 * time.Millisecond
)

// runs waits until a version takes production's traffic.
func (h *harbour) runs(number int64) {
	h.t.Helper()
	require.Eventually(h.t, func() bool {
		r, ok := h.status("production").Stable()
		return ok && r.Version == number
	}, waitFor, pollEach, "version %d never went live", number)
}

// ids are the instances of a release of production that the target knows.
func (h *harbour) ids(release int64) []string {
	h.t.Helper()
	all, err := h.target.List(h.t.Context(), h.db.ServerID())
	require.NoError(h.t, err)
	var list []string
	for _, i := range all {
		if i.Environment == "production" && i.Release == release {
			list = append(list, i.ID)
		}
	}
	return list
}

// gone waits until nothing of a release of production is left.
func (h *harbour) gone(release int64) {
	h.t.Helper()
	require.Eventually(h.t, func() bool { return len(h.ids(release)) == 0 }, waitFor, pollEach, "release %d is still there", release)
	require.Eventually(h.t, func() bool {
		list, err := h.Releases(h.t.Context(), "shapes", "production", 0, 100)
		require.NoError(h.t, err)
		for _, r := range list {
			if r.Number == release {
				return r.RetiredAt != nil
			}
		}
		return true // it never became one
	}, waitFor, pollEach, "release %d was not retired", release)
}

// kill makes an instance of a release of production crash so many times.
func (h *harbour) kill(release int64, times int) {
	h.t.Helper()
	for range times {
		var ids []string
		require.Eventually(h.t, func() bool {
			ids = h.ids(release)
			if len(ids) == 0 {
				return false
			}
			i, err := h.target.Inspect(h.t.Context(), ids[0])
			return err == nil && i.State == deploy.StateReady
		}, waitFor, pollEach)
		starts := h.target.Starts(ids[0])
		h.target.Kill(ids[0], "signal: killed")
		require.Eventually(h.t, func() bool { return h.target.Starts(ids[0]) > starts || len(h.ids(release)) == 0 || times == 3 }, waitFor, pollEach)
	}
}

// ended counts the promotions that Prometheus was told to have ended so.
func (h *harbour) ended(state models.PromotionState) int {
	h.t.Helper()
	families, err := h.metrics.Gather()
	require.NoError(h.t, err)
	n := 0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if f.GetName() == "slipway_delivery_promotions_total" && l.GetName() == "state" && l.GetValue() == string(state) {
					n += int(m.GetCounter().GetValue())
				}
			}
		}
	}
	return n
}
