package checks

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/pyenv"
	"github.com/slipway-ml/slipway/services/validation"
)

// requirementsName is where MLflow keeps a version's requirements.
const requirementsName = "requirements.txt"

// environment gives the Python that runs mlflow: of the version's own locked
// requirements, or, where that cannot be, the server's. The caller releases it.
func (p *pythonRun) environment(
	ctx context.Context, s *validation.Subject, runner deploy.Runner, settings skewSettings, report *models.Report,
) (python string, release func(), err error) {
	if settings.Environment == environmentLocked {
		why := ""
		switch {
		case !holds(s.Manifest, requirementsName):
			why = "the version has no " + requirementsName
		case s.Sources.Python == nil || s.Sources.Python.UV == "":
			why = "this server has no uv"
		default:
			return p.locked(ctx, s, runner, report)
		}
		f := warning("environment", "mlflow runs in the server's Python (--python): %s", why)
		f.Remedy = "environment: server takes it without a word"
		report.Findings = append(report.Findings, f)
	}
	found, err := exec.LookPath(s.Settings.Python)
	if err != nil || !filepath.IsAbs(found) {
		return "", nil, models.Errorf(models.KindUnsupported, "there is no Python here to run mlflow: --python names %q", s.Settings.Python)
	}
	p.read = append(p.read, filepath.Dir(filepath.Dir(found)))
	if base, err := filepath.EvalSymlinks(found); err == nil { // what a virtual environment stands on
		p.read = append(p.read, filepath.Dir(filepath.Dir(base)))
	}
	return found, func() {}, nil
}

// locked makes the environment of the version's requirements.
func (p *pythonRun) locked(ctx context.Context, s *validation.Subject, runner deploy.Runner, report *models.Report) (string, func(), error) {
	version, err := pythonVersion(ctx, s)
	if err != nil {
		return "", nil, err
	}
	made, err := s.Sources.Python.Make(ctx, pyenv.Request{
		ID: s.ID, Dir: filepath.Join(s.Dir, "environment"), Root: p.model, Requirements: requirementsName, Python: version, Runner: runner, Log: s.Log,
	})
	if err != nil {
		return "", nil, err
	}
	p.read = append(p.read, made.Dir, made.Base)
	s.Used(inputPython, made.Python)
	s.Used(inputLock, made.Digest())
	a, err := s.Attach(ctx, lockName, bytes.NewReader(made.Lock))
	if err != nil {
		made.Release()
		return "", nil, fmt.Errorf("keep the lock of the packages: %w", err)
	}
	report.Attachments = append(report.Attachments, a)
	return filepath.Join(made.Bin(), "python"), made.Release, nil
}

// minor is a version of Python but for its last number, by which a machine has
// it.
var minor = regexp.MustCompile(`^[0-9]+\.[0-9]+`)

// pythonVersion is what python_env.yaml says, else the server's Python.
func pythonVersion(ctx context.Context, s *validation.Subject) (string, error) {
	text, err := readText(ctx, s, "python_env.yaml")
	if models.IsKind(err, models.KindNotFound) {
		return s.Settings.Python, nil
	}
	if err != nil {
		return "", err
	}
	var env struct {
		Python string `yaml:"python"`
	}
	if err := yaml.Unmarshal(text, &env); err != nil {
		return "", models.Errorf(models.KindInvalid, "python_env.yaml does not parse: %v", err)
	}
	if version := minor.FindString(env.Python); version != "" {
		return version, nil
	}
	return s.Settings.Python, nil
}
