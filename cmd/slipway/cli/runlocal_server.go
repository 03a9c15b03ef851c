package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/slipway-ml/slipway/cmd/slipway/app"
	"github.com/slipway-ml/slipway/cmd/slipway/config"
)

// local is a server of a command's own, in a folder that goes with it.
type local struct {
	remote Remote
	dir    string
	app    *app.App
	stop   context.CancelFunc
	ended  chan error
}

// settings are of a server for this command alone: nothing of them comes from
// the environment of another.
func (r *RunLocal) settings() config.Config {
	return config.Config{
		Host: "127.0.0.1", ServeArtifacts: true, LogToRuns: true, HeavyJobs: 1,
		Sources: config.Sources{AllowPrivateIPs: true, Environments: localEnvironments()},
		Python:  r.Python, AllowSteps: r.AllowSteps, StepImage: r.StepImage, DockerHost: r.DockerHost, RuntimeDir: r.RuntimeDir,
	}
}

// localEnvironments is where this user's Python environments are kept from run
// to run; "" where there is no such place.
func localEnvironments() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "slipway", "python")
}

// startLocal starts a server on a free port of loopback. The caller closes it.
func startLocal(ctx context.Context, s *Streams, cfg config.Config) (l *local, err error) {
	l = &local{ended: make(chan error, 1)}
	if l.dir, err = os.MkdirTemp("", "slipway-run-local-"); err != nil {
		return nil, fmt.Errorf("make a folder for the run: %w", err)
	}
	cfg.DataDir = l.dir
	log := slog.New(slog.NewTextHandler(s.Err, &slog.HandlerOptions{Level: slog.LevelError}))
	slog.SetDefault(log)
	// It stops in order when this command ends, also where ctx has ended.
	up, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	if l.app, err = app.New(up, cfg, log); err != nil {
		stop()
		return nil, errors.Join(err, os.RemoveAll(l.dir))
	}
	go func() { l.ended <- l.app.Run(up) }()
	l.remote = Remote{URL: l.app.URL(), Timeout: time.Minute}
	return l, nil
}

// close ends the server with all that it started, and removes its folder.
func (l *local) close() error {
	l.stop()
	err := <-l.ended
	l.app.Close()
	return errors.Join(err, os.RemoveAll(l.dir))
}
