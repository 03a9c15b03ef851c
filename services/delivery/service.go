package delivery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// Builder makes the serving image of a version; the same version again gives
// the same image. A version that cannot be built is an error of kind invalid
// or conflict.
type Builder interface {
	Build(ctx context.Context, versionID int64) (models.Image, error)
}

// Traffic is the gateway as delivery sees it.
type Traffic interface {
	// Set replaces the table of routes.
	Set(routes []models.Route)
	// Drained waits until a release that is in no route has no request left.
	Drained(ctx context.Context, model, environment string, release int64) error
	// Watch calls fn with the outcome of each request routed by weight.
	Watch(model, environment string, fn func(models.Outcome)) (stop func())
	// Recent gives the requests of the last minute.
	Recent(model, environment string) models.Sample
	// Seen gives the requests of a release since the server started.
	Seen(model, environment string, release int64) models.Sample
}

// Files reads the files of a version.
type Files interface {
	Manifest(ctx context.Context, versionID int64) (models.Manifest, error)
	Open(ctx context.Context, entry models.ManifestEntry) (io.ReadCloser, error)
}

// Config is what a Service needs; zero durations take the defaults.
type Config struct {
	DB      storage.DB
	Builder Builder
	Traffic Traffic
	Files   Files
	Images  deploy.ImageSource
	Targets map[string]deploy.Target // by name
	Bound   []string                 // targets whose instances end with the server
	Log     *slog.Logger
	Metrics *Metrics
	Now     func() time.Time

	Tick      time.Duration // between looks at instances and at a rollout, 250 ms
	BuildTime time.Duration // the longest build, 30 min
	ReadyTime time.Duration // from start to ready, 3 min
	Grace     time.Duration // for an instance to finish its requests, 30 s
	Backoff   time.Duration // after a first failure, 2 s
}

func (c *Config) fill() {
	for value, fallback := range map[*time.Duration]time.Duration{
		&c.Tick: 250 * time.Millisecond, &c.BuildTime: 30 * time.Minute, &c.ReadyTime: 3 * time.Minute, &c.Grace: 30 * time.Second,
		&c.Backoff: 2 * time.Second,
	} {
		if *value == 0 {
			*value = fallback
		}
	}
}

// Service decides what runs where. Its methods may be called concurrently.
type Service struct {
	Config
	fleet *fleet
	push  sync.RWMutex // held from a change of state until the gateway shows it
	loop  sync.WaitGroup
	quit  context.CancelFunc
}

// New makes a Service; Start begins to keep its promises.
func New(cfg Config) *Service {
	cfg.fill()
	s := &Service{Config: cfg}
	s.fleet = newFleet(&s.Config)
	return s
}

// Start makes the database, the targets and the gateway agree, and goes on
// doing so until ctx ends. It returns once the routes stand.
func (s *Service) Start(ctx context.Context) error {
	ctx, s.quit = context.WithCancel(ctx)
	if _, err := s.reconcile(ctx); err != nil {
		s.Log.WarnContext(ctx, "first reconcile failed", "error", err)
	}
	if err := s.route(ctx); err != nil {
		return err
	}
	s.loop.Go(func() { s.keep(ctx) })
	return nil
}

// Stop ends what Start began, and the instances that end with the server. The
// next start brings those back; after a crash they are found alive.
func (s *Service) Stop(ctx context.Context) error {
	if s.quit == nil {
		return nil
	}
	s.quit()
	s.loop.Wait()
	s.fleet.busy.Wait()
	var stopping errgroup.Group
	for _, name := range s.Bound {
		target, err := s.target(name)
		if err != nil {
			return err
		}
		instances, err := target.List(ctx, s.DB.ServerID())
		if err != nil {
			return fmt.Errorf("list the instances to stop: %w", err)
		}
		for _, i := range instances {
			stopping.Go(func() error { return target.Stop(ctx, i.ID, stopGrace) })
		}
	}
	return stopping.Wait()
}

// stopGrace is for requests that go to an instance past the gateway: the
// gateway's own have ended by then.
const stopGrace = 3 * time.Second

func (s *Service) keep(ctx context.Context) {
	tick := time.NewTimer(s.Tick)
	defer tick.Stop()
	said := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.fleet.kick:
		}
		changed, err := s.reconcile(ctx)
		if changed {
			err = errors.Join(err, s.route(ctx))
		}
		if err == nil {
			said = ""
		} else if text := err.Error(); text != said && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "reconcile failed, will be tried again", "error", err)
			said = text
		}
		if s.fleet.steady() {
			tick.Reset(steadyTicks * s.Tick)
		} else {
			tick.Reset(s.Tick)
		}
	}
}

// steadyTicks is how much rarer the look is while all is well.
const steadyTicks = 4
