package app

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/deploy"
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

// stepRunners are those that run: steps may use.
func (a *App) stepRunners(p *parts) map[string]deploy.Runner {
	allowed := map[string]deploy.Runner{}
	for _, on := range a.cfg.AllowSteps {
		if on == models.StepsProcess {
			allowed[on] = p.runner
		}
	}
	return allowed
}

// cleanTime bounds the wait for runs of an earlier life, which end by
// themselves when their server has gone.
const cleanTime = 10 * time.Second

// cleanRuns waits at the start until nothing of an earlier life writes into
// the folders of steps that are begun anew.
func (a *App) cleanRuns(p *parts) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, cleanTime)
		defer cancel()
		if err := p.runner.Clean(ctx, a.db.ServerID()); err != nil {
			a.log.WarnContext(ctx, "earlier runs are still ending", "error", err)
		}
		return nil
	}
}
