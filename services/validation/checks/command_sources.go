package checks

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/checkout"
	"github.com/slipway-ml/slipway/services/pyenv"
	"github.com/slipway-ml/slipway/services/validation"
)

// What the sources of a command stand as among its inputs.
const (
	inputGit    = "git"
	inputCommit = "git_commit"
	inputPython = "python"
	inputLock   = "python_lock_digest"
)

// lockName is the attachment with every package of a command's environment.
const lockName = "requirements.lock.txt"

// fetch brings the repository that a command works on, and gives its folder.
func (p *place) fetch(ctx context.Context, s *validation.Subject) (string, error) {
	if s.Sources.Git == nil {
		return "", models.Errorf(models.KindUnsupported, "this server fetches no repositories")
	}
	got, err := s.Sources.Git.Fetch(ctx, checkout.Request{ID: s.ID, Spec: *s.Step.Git, Dir: filepath.Join(s.Dir, "git"), Log: s.Log})
	if err != nil {
		return "", err
	}
	s.Used(inputGit, got.URL)
	s.Used(inputCommit, got.Commit)
	p.write = append(p.write, got.Root) // it may look beyond its path
	return got.Dir, nil
}

// modelDir begins the path of requirements that were saved with the version.
const modelDir = "$SLIPWAY_MODEL_DIR/"

// packages puts the environment that a step asks for first on its path, and
// holds it while the step lasts.
func (p *place) packages(ctx context.Context, s *validation.Subject, report *models.Report) error {
	step := s.Step
	if step.Python == "" && step.Requirements == "" {
		return nil
	}
	if s.Sources.Python == nil {
		return models.Errorf(models.KindUnsupported, "this server makes no Python environments")
	}
	runner, err := s.StepRunner()
	if err != nil {
		return err
	}
	ask := pyenv.Request{
		ID: s.ID, Dir: filepath.Join(s.Dir, "environment"), Root: p.work, Requirements: step.Requirements, Python: cmp.Or(step.Python, s.Settings.Python),
		Runner: runner, Log: s.Log,
	}
	if step.On == models.StepsDocker {
		if ask.Image = cmp.Or(step.Image, s.Settings.StepImage); ask.Image == "" {
			return models.Errorf(models.KindInvalid, "the step names no image: image says which container it runs in, or --step-image for all that say none")
		}
		ask.Python = cmp.Or(step.Python, "python3") // the image's
	}
	if name, ok := strings.CutPrefix(step.Requirements, modelDir); ok {
		ask.Root, ask.Requirements = p.model, name
	}
	made, err := s.Sources.Python.Make(ctx, ask)
	if err != nil {
		return err
	}
	p.closers = append(p.closers, made.Release)
	p.read = append(p.read, made.Dir)
	if step.On != models.StepsDocker {
		p.read = append(p.read, made.Base)
	}
	path := usualPath
	if ask.Image != "" {
		path = made.Path
	}
	p.set("PATH", made.Bin()+":"+path)
	p.set("VIRTUAL_ENV", made.Dir)
	s.Used(inputPython, made.Python)
	if len(made.Lock) == 0 {
		return nil
	}
	s.Used(inputLock, made.Digest())
	a, err := s.Attach(ctx, lockName, bytes.NewReader(made.Lock))
	if err != nil {
		return fmt.Errorf("keep the lock of the packages: %w", err)
	}
	report.Attachments = append(report.Attachments, a)
	return nil
}

// close lets go of what the command was given.
func (p *place) close() {
	for _, end := range p.closers {
		end()
	}
}
