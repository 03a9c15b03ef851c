package checks

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/validation"
)

//go:embed skew.py
var skewScript []byte

// byMLflow has mlflow answer, in a process of its own: a model's Python is
// foreign code, which runs where run: steps may.
func byMLflow(ctx context.Context, s *validation.Subject, settings skewSettings, asks []skewAsk, report *models.Report) ([]said, error) {
	runner, err := s.StepRunner()
	if err != nil {
		return nil, err
	}
	p := pythonRun{model: "", dir: filepath.Join(s.Dir, "mlflow"), output: filepath.Join(s.Dir, "mlflow-answers")}
	if p.model, err = s.Folder(ctx); err != nil {
		return nil, err
	}
	python, release, err := p.environment(ctx, s, runner, settings, report)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := p.write(asks); err != nil {
		return nil, err
	}
	result, err := runner.Run(ctx, deploy.RunSpec{
		ID: s.ID + "-mlflow", Server: s.Settings.Server, Dir: p.dir, Command: []string{filepath.Base(python), "script.py", p.model, "questions.jsonl", p.output},
		Env: []string{
			"PATH=" + filepath.Dir(python) + ":" + usualPath, "HOME=" + p.dir, "TMPDIR=" + p.dir, "LANG=C.UTF-8",
			"PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1", "MLFLOW_DISABLE_TELEMETRY=true", "MLFLOW_TRACKING_URI=" + p.dir,
		},
		Read: append(p.read, p.model), Write: []string{p.output}, Timeout: s.Step.Timeout, Grace: commandGrace,
		MemoryBytes: memoryOf(s.Settings), FileBytes: maxFile, Processes: maxProcesses, Output: s.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("start mlflow: %w", err)
	}
	if ctx.Err() != nil && result.Ending == deploy.EndedCancel {
		return nil, ctx.Err()
	}
	return p.answers(s, result, len(asks), report)
}

// pythonRun is one run of mlflow.
type pythonRun struct {
	model, dir, output string
	read               []string
}

// write prepares the folders.
func (p *pythonRun) write(asks []skewAsk) error {
	var questions bytes.Buffer
	for _, a := range asks {
		questions.Write(a.body) // json.Marshal writes one line
		questions.WriteByte('\n')
	}
	return errors.Join(
		os.MkdirAll(p.dir, 0o750), os.MkdirAll(p.output, 0o750),
		os.WriteFile(filepath.Join(p.dir, "script.py"), skewScript, 0o600),
		os.WriteFile(filepath.Join(p.dir, "questions.jsonl"), questions.Bytes(), 0o600),
	)
}

// answers reads what mlflow left. That it could not be asked is no verdict.
func (p *pythonRun) answers(s *validation.Subject, result deploy.RunResult, count int, report *models.Report) ([]said, error) {
	left := place{output: p.output, work: p.output}
	if text, err := left.leftFile("failed.json"); err == nil && text != nil {
		var failed struct{ Stage, Error string }
		_ = json.Unmarshal(text, &failed)
		if failed.Stage == "mlflow" {
			return nil, models.Errorf(models.KindUnsupported, "the Python environment has no mlflow that could run the model: %s", cut(failed.Error, maxTrace))
		}
		return nil, models.Errorf(models.KindInvalid, "mlflow does not load the saved flavour: %s (the log has all of it)", cut(failed.Error, maxTrace))
	}
	if result.Ending != deploy.EndedExit || result.ExitCode != 0 {
		return nil, models.Errorf(models.KindInvalid, "mlflow did not answer: %s; see the log", cmp.Or(result.Detail, string(result.Ending)))
	}
	if text, err := left.leftFile("facts.json"); err == nil && text != nil {
		var facts map[string]string
		_ = json.Unmarshal(text, &facts)
		for _, name := range []string{"mlflow", "python"} {
			report.Facts[name] = facts[name]
		}
	}
	file, err := os.Open(filepath.Join(p.output, "answers.jsonl"))
	if err != nil {
		return nil, models.Errorf(models.KindInvalid, "mlflow left no answers").Because(err)
	}
	defer func() { _ = file.Close() }()
	var all []said
	lines := bufio.NewReader(file)
	decoder := json.NewDecoder(lines)
	decoder.UseNumber()
	for len(all) < count {
		var answer struct {
			Predictions any    `json:"predictions"`
			Error       string `json:"error"`
		}
		if err := decoder.Decode(&answer); err != nil {
			return nil, models.Errorf(models.KindInvalid, "mlflow answered %d of %d requests", len(all), count).Because(err)
		}
		all = append(all, said{predictions: answer.Predictions, refused: answer.Error})
		s.Progress(int64(count+len(all)), int64(2*count), "requests")
	}
	return all, nil
}
