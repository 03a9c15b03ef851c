// Package app wires the server together: New builds every part, Run serves
// until its context ends, Close lets go. It alone names concrete back-ends, and
// tests start the same App that the command does.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/slipway-ml/slipway/api"
	"github.com/slipway-ml/slipway/api/pace"
	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/services/job"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/sqlstore"
	"github.com/slipway-ml/slipway/telemetry"
)

// App is a server, ready to run.
type App struct {
	cfg      config.Config
	log      *slog.Logger
	db       *sqlstore.DB
	data     storage.DB // the same, traced where spans are sent
	spans    *telemetry.Telemetry
	jobs     *job.Runner
	metrics  *prometheus.Registry
	http     *http.Server
	listener net.Listener
	parts    *parts
	up       context.Context // ends when the server begins to stop
	down     context.CancelFunc
}

// New opens the database and the store, listens, and builds every part. It
// starts nothing: Run does.
func New(ctx context.Context, cfg config.Config, log *slog.Logger) (*App, error) {
	cfg.Fill()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	a := &App{cfg: cfg, log: log, metrics: prometheus.NewRegistry()}
	a.up, a.down = context.WithCancel(context.WithoutCancel(ctx))
	a.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := a.open(ctx); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

func (a *App) open(ctx context.Context) (err error) {
	if a.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", a.cfg.Listen()); err != nil {
		return fmt.Errorf("listen on %s: %w", a.cfg.Listen(), err)
	}
	owner := uuid.NewString()
	if a.spans, err = telemetry.New(ctx, a.cfg.Tracing.Options(Version, owner)); err != nil {
		return err
	}
	if a.db, err = sqlstore.Open(ctx, a.cfg.BackendStoreURI, a.cfg.Database.Options(a.log)); err != nil {
		return err
	}
	a.data = a.spans.Database(a.db)
	if err := a.db.Measure(a.metrics); err != nil {
		return err
	}
	if a.parts, err = a.wire(ctx); err != nil {
		return err
	}
	if a.jobs, err = job.New(job.Config{
		Owner: owner, Driver: a.db.Queue(), Leases: a.db, Workers: a.spans.Jobs(a.parts.workers),
		Heavy: a.cfg.HeavyJobs, Log: a.log, Metrics: a.metrics,
	}); err != nil {
		return err
	}
	engine, err := api.New(a.parts.handlers, api.Options{ //nolint:contextcheck // a handler has its request's
		AllowedHosts: a.cfg.AllowedHosts, ArtifactsOnly: a.cfg.ArtifactsOnly, Stall: a.cfg.Connections.StallTimeout, Now: time.Now, Log: a.log, Steps: a.parts.doors.Tokens, Trace: a.spans.Requests(), TraceID: a.spans.Names(), //nolint:contextcheck // as above
	})
	if err != nil {
		return err
	}
	a.parts.doors.Engine = engine
	a.http = &http.Server{
		Handler: engine, ReadHeaderTimeout: a.cfg.Connections.HeaderTimeout, IdleTimeout: a.cfg.Connections.IdleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	return nil
}

// URL is where the server answers.
func (a *App) URL() string { return "http://" + a.listener.Addr().String() }

// Run serves until ctx ends, then stops in order: no new requests, jobs given
// back, those in flight finished.
func (a *App) Run(ctx context.Context) error {
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	starts := a.parts.start
	if !a.cfg.ArtifactsOnly {
		starts = slices.Concat(starts, a.parts.work, []func(context.Context) error{a.jobs.Start})
	}
	for _, start := range starts {
		if err := start(background); err != nil {
			return err
		}
	}
	served := make(chan error, 1)
	go func() { served <- a.http.Serve(pace.Answers(a.listener, a.cfg.Connections.StallTimeout, time.Now)) }()
	a.log.InfoContext(ctx, "slipway is ready", "url", a.URL(), "data_dir", a.cfg.DataDir)
	go debug.FreeOSMemory() // what only the start needed
	var failed error
	select {
	case <-ctx.Done():
	case failed = <-served:
	}
	return errors.Join(failed, a.stop(ctx))
}

// maxHeader bounds a request's line and headers: the longest that MLflow's
// clients send is a list of a hundred runs.
const maxHeader = 64 << 10

// stopTime bounds a stop, and lastSpans the sending of what spans are left:
// what is not done by then is given up.
const (
	stopTime  = 20 * time.Second
	lastSpans = 3 * time.Second
)

func (a *App) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	a.log.InfoContext(ctx, "slipway is stopping")
	a.down()
	err := a.jobs.Stop(ctx)
	if a.http.Shutdown(ctx) != nil {
		err = errors.Join(err, a.http.Close())
	}
	for _, stop := range a.parts.stop {
		err = errors.Join(err, stop(ctx))
	}
	sending, done := context.WithTimeout(ctx, lastSpans)
	defer done()
	if lost := a.spans.Close(sending); lost != nil {
		a.log.WarnContext(ctx, "the last spans were not sent", "error", lost)
	}
	return err
}

// Close lets go of what New opened.
func (a *App) Close() {
	a.down()
	if a.listener != nil {
		_ = a.listener.Close()
	}
	if a.db != nil {
		_ = a.db.Close()
	}
}
