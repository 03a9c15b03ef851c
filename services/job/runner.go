package job

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// heartbeat is well under the lease's length, so that one late beat is not
// taken for a death.
const heartbeat = 3 * time.Second

// Config is what a Runner needs.
type Config struct {
	Owner   string // unique to this process's life
	Driver  riverdriver.Driver[*sql.Tx]
	Leases  storage.Leases
	Workers []Worker
	Heavy   int // validations and builds at once
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Runner works the jobs of this process.
type Runner struct {
	cfg      Config
	client   *river.Client[*sql.Tx]
	duration *prometheus.HistogramVec
	stop     context.CancelFunc
	done     sync.WaitGroup
}

// New makes a Runner; Start begins work.
func New(cfg Config) (*Runner, error) {
	r := &Runner{cfg: cfg, duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "slipway_job_duration_seconds", Help: "Time of one run of a job, by kind and how it ended: done, later, given_back, failed (it runs again) or exhausted (it does not).",
		Buckets: prometheus.ExponentialBuckets(0.01, 4, 9),
	}, []string{"kind", "outcome"})}
	if err := cfg.Metrics.Register(r.duration); err != nil {
		return nil, err
	}
	workers, longest := river.NewWorkers(), time.Minute
	for _, w := range cfg.Workers {
		river.AddWorkerArgs(workers, args{kind: w.Kind()}, &adapter{worker: w, runner: r})
		longest = max(longest, w.Timeout())
	}
	client, err := river.NewClient(cfg.Driver, &river.Config{
		ID: cfg.Owner, Logger: slog.New(quiet{cfg.Log.Handler()}), Workers: workers,
		Queues: map[string]river.QueueConfig{
			"default": {MaxWorkers: 8}, "heavy": {MaxWorkers: cfg.Heavy}, "rollout": {MaxWorkers: 64}, "webhook": {MaxWorkers: 10},
		},
		// Our lease hands jobs back; River's own rescue must never be first.
		RescueStuckJobsAfter: longest + time.Hour,
	})
	if err != nil {
		return nil, fmt.Errorf("open the job runner: %w", err)
	}
	r.client = client
	return r, nil
}

// Start takes the lease, hands back what dead workers held and begins work. A
// process without workers has nothing to start.
func (r *Runner) Start(ctx context.Context) error {
	if len(r.cfg.Workers) == 0 {
		return nil
	}
	if err := r.cfg.Leases.Heartbeat(ctx, r.cfg.Owner); err != nil {
		return fmt.Errorf("take the worker's lease: %w", err)
	}
	if _, err := r.cfg.Leases.Rescue(ctx); err != nil {
		return err
	}
	ctx, r.stop = context.WithCancel(context.WithoutCancel(ctx))
	if err := r.client.Start(ctx); err != nil {
		return fmt.Errorf("start the job runner: %w", err)
	}
	r.done.Add(1)
	go r.beat(ctx)
	return nil
}

// Stop cancels what runs, gives it back and ends the lease.
func (r *Runner) Stop(ctx context.Context) error {
	if r.stop == nil {
		return nil
	}
	err := r.client.StopAndCancel(ctx)
	r.stop()
	r.done.Wait()
	return errors.Join(err, r.cfg.Leases.Release(context.WithoutCancel(ctx), r.cfg.Owner))
}

func (r *Runner) beat(ctx context.Context) {
	defer r.done.Done()
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := r.cfg.Leases.Heartbeat(ctx, r.cfg.Owner); err != nil {
			r.cfg.Log.WarnContext(ctx, "job lease not renewed", "error", err)
			continue
		}
		if n, err := r.cfg.Leases.Rescue(ctx); err != nil {
			r.cfg.Log.WarnContext(ctx, "job rescue failed", "error", err)
		} else if n > 0 {
			r.cfg.Log.InfoContext(ctx, "jobs of dead workers handed back", "jobs", n)
		}
	}
}

// args lets River carry any kind's JSON.
type args struct {
	kind string
	raw  []byte
}

func (a args) Kind() string                 { return a.kind }
func (a args) MarshalJSON() ([]byte, error) { return a.raw, nil }
func (a *args) UnmarshalJSON(b []byte) error {
	a.raw = append([]byte(nil), b...)
	return nil
}

// adapter runs a Worker as River's.
type adapter struct {
	river.WorkerDefaults[args]
	worker Worker
	runner *Runner
}

func (a *adapter) Timeout(*river.Job[args]) time.Duration { return a.worker.Timeout() }

func (a *adapter) Work(ctx context.Context, j *river.Job[args]) error {
	ctx = models.WithPrincipal(ctx, models.Principal{Name: models.System.Name, Role: models.System.Role, From: fmt.Sprintf("job %d", j.ID)})
	start := time.Now() //nolint:forbidigo // a duration, not a rule
	err := a.worker.Work(ctx, a.job(j))
	outcome, ending := a.ending(ctx, j.JobRow, err)
	a.runner.duration.WithLabelValues(a.worker.Kind(), outcome).Observe(time.Since(start).Seconds())
	return ending
}

func (a *adapter) job(j *river.Job[args]) Job {
	failed := make([]time.Time, len(j.Errors))
	for i, e := range j.Errors {
		failed[i] = e.At
	}
	return Job{ID: j.ID, Kind: a.worker.Kind(), Attempt: j.Attempt, Last: j.Attempt >= j.MaxAttempts, Failed: failed, Args: j.Args.raw}
}

// NextRetry implements river.Worker; a zero time is River's own.
func (a *adapter) NextRetry(j *river.Job[args]) time.Time {
	if patient, ok := a.worker.(Patient); ok {
		if wait := patient.Wait(a.job(j)); wait > 0 {
			return time.Now().Add(wait) //nolint:forbidigo // of River's clock, as its own
		}
	}
	return time.Time{}
}

// ending turns a worker's error into River's.
func (a *adapter) ending(ctx context.Context, j *rivertype.JobRow, err error) (string, error) {
	var later laterError
	switch {
	case err == nil:
		return "done", nil
	case errors.As(err, &later):
		return "later", river.JobSnooze(time.Duration(later))
	case ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "given_back", river.JobSnooze(0)
	}
	if j.Attempt >= j.MaxAttempts {
		a.runner.cfg.Log.ErrorContext(ctx, "job failed for the last time", "job_id", j.ID, "kind", a.worker.Kind(), "attempt", j.Attempt, "error", err)
		return "exhausted", err
	}
	a.runner.cfg.Log.WarnContext(ctx, "job failed, will be tried again", "job_id", j.ID, "kind", a.worker.Kind(), "attempt", j.Attempt, "error", err)
	return "failed", err
}

// quiet keeps River's own information lines out of our log.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelError && q.Handler.Enabled(ctx, l)
}
