package app

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/deploy/docker"
	"github.com/slipway-ml/slipway/deploy/process"
	"github.com/slipway-ml/slipway/models"
)

// processRunner does runs that do not see what is the server's own.
func (a *App) processRunner() process.Runner {
	private := []string{a.cfg.DataDir, a.cfg.ArtifactsDestination}
	if database, ok := strings.CutPrefix(a.cfg.BackendStoreURI, "sqlite:///"); ok {
		private = append(private, database, database+"-wal", database+"-shm")
	}
	return process.Runner{Private: private, Read: append(pythonFolders(a.cfg.Python), a.cfg.RuntimeDir)}
}

// pythonFolders are those of a Python and, where it is a virtual environment,
// of the one that it was made with.
func pythonFolders(python string) []string {
	path, err := exec.LookPath(python)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return nil
	}
	all := []string{filepath.Dir(filepath.Dir(path))}
	if target, err := filepath.EvalSymlinks(path); err == nil && target != path {
		all = append(all, filepath.Dir(filepath.Dir(target)))
	}
	return all
}

// wireRunners makes the runners: of the checks' own inference, and of run:
// steps by where they run.
func (a *App) wireRunners(p *parts) error {
	p.runner, p.steps = a.processRunner(), map[string]deploy.Runner{}
	for _, on := range a.cfg.AllowSteps {
		switch on {
		case models.StepsProcess:
			p.steps[on] = p.runner
		case models.StepsDocker:
			work := filepath.Join(a.cfg.DataDir, "work")
			if err := os.MkdirAll(work, 0o750); err != nil {
				return err
			}
			work, err := filepath.Abs(work)
			if err != nil {
				return err
			}
			r, err := docker.NewRunner(docker.RunnerOptions{Host: a.cfg.DockerHost, Image: a.cfg.StepImage, Work: work})
			if err != nil {
				return err
			}
			p.steps[on] = r
			p.stop = append(p.stop, func(context.Context) error { return r.Close() })
		}
	}
	p.work = append(p.work, a.cleanRuns(p))
	return nil
}

// cleanTime bounds the wait for runs of an earlier life, which end by
// themselves when their server has gone.
const cleanTime = 10 * time.Second

// cleanRuns waits at the start until nothing of an earlier life writes into
// the folders of steps that are begun anew, and says what runs here are not
// kept from.
func (a *App) cleanRuns(p *parts) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, cleanTime)
		defer cancel()
		runners := maps.Clone(p.steps)
		runners[models.StepsProcess] = p.runner
		for on, r := range runners {
			if err := r.Clean(ctx, a.db.ServerID()); err != nil {
				a.log.WarnContext(ctx, "earlier runs may still be there", "on", on, "error", err)
			}
		}
		for on, r := range p.steps {
			if lacks := r.Lacks(); len(lacks) > 0 {
				a.log.WarnContext(ctx, "what run: steps are not kept from on this machine", "on", on, "lacks", strings.Join(lacks, "; "))
			}
		}
		return nil
	}
}
