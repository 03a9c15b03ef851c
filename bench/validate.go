package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// validated is a version whose validation is measured.
type validated struct {
	name  string   // of its folder
	files []string // of the version
	set   string   // folder of a data set, pushed as bench@1; "": none
	steps string   // of the pipeline, in YAML's flow style
	flags []string // more of the server's
}

// validation is how it went.
type validation struct {
	took         time.Duration // the shortest of the rounds
	cpu          time.Duration // of a round, the server and all that it started
	before, peak float64       // their memory in MiB
	figures      map[string]float64
	began        time.Time       // the first step of the last round
	first        []time.Duration // the steps of the first round
}

// validate registers a version with a server of its own and has it validated
// anew in each round.
func (b *bench) validate(ctx context.Context, v validated) (out validation, err error) {
	slipway, err := filepath.Abs(filepath.Join(b.bin, "slipway"))
	if err != nil {
		return out, err
	}
	home := filepath.Join(b.work, v.name)
	s, err := b.start(ctx, home, func(port string) []string {
		return append([]string{slipway, "server", "--port", port, "--data-dir", home}, v.flags...)
	})
	if err != nil {
		return out, err
	}
	defer s.stop()
	c := caller{ctx, s.url}
	if v.set != "" {
		push := exec.CommandContext(ctx, slipway, "dataset", "push", v.set, "bench")
		push.Env = append(os.Environ(), "SLIPWAY_URL="+s.url)
		if text, err := push.CombinedOutput(); err != nil {
			return out, fmt.Errorf("dataset push: %w: %s", err, text)
		}
	}
	if err := c.register(v); err != nil {
		return out, err
	}
	settle(s.command.Process.Pid, time.Minute)
	out.before = tree(s.command.Process.Pid).mib()
	stop, used := peak(s.command.Process.Pid), tree(s.command.Process.Pid).cpu
	for range b.rounds {
		var done struct {
			ID     int64
			State  string
			Reason string
			Steps  []struct {
				StartedAt    time.Time `json:"started_at"`
				EndedAt      time.Time `json:"ended_at"`
				Measurements []struct {
					Name  string
					Value float64
				}
			}
		}
		if err := c.post("/api/v1/models/m/versions/1/validations", `{"fresh": true}`, &done); err != nil {
			return out, err
		}
		if err := c.ask("GET", fmt.Sprintf("/api/v1/validations/%d?wait=2m", done.ID), nil, &done); err != nil {
			return out, err
		}
		if done.State != "passed" {
			return out, fmt.Errorf("the validation is %s: %s", done.State, done.Reason)
		}
		out.figures, out.began = map[string]float64{}, done.Steps[0].StartedAt
		ended := out.began
		for _, step := range done.Steps {
			if step.StartedAt.Before(out.began) {
				out.began = step.StartedAt
			}
			if step.EndedAt.After(ended) {
				ended = step.EndedAt
			}
			for _, m := range step.Measurements {
				out.figures[m.Name] = m.Value
			}
			if out.took == 0 {
				out.first = append(out.first, step.EndedAt.Sub(step.StartedAt))
			}
		}
		if took := ended.Sub(out.began); out.took == 0 || took < out.took {
			out.took = took
		}
	}
	out.peak, out.cpu = stop(), (tree(s.command.Process.Pid).cpu-used)/time.Duration(b.rounds)
	return out, nil
}

// caller asks a server.
type caller struct {
	ctx context.Context
	url string
}

func (c caller) post(path, text string, answer any) error {
	return c.ask("POST", path, strings.NewReader(text), answer)
}

func (c caller) ask(method, path string, body io.Reader, answer any) error {
	req, err := http.NewRequestWithContext(c.ctx, method, c.url+path, body)
	if err != nil {
		return err
	}
	if method == http.MethodPost {
		req.Header = asJSON
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if r.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s %s", method, path, r.Status, text)
	}
	if answer != nil {
		return json.Unmarshal(text, answer)
	}
	return nil
}

// register makes version 1 of the model m, with its pipeline.
func (c caller) register(v validated) error {
	var made struct {
		Run struct {
			Info struct {
				RunID string `json:"run_id"`
			}
		}
	}
	if err := c.post(mlflowAPI+"runs/create", `{"experiment_id": "0"}`, &made); err != nil {
		return err
	}
	run := made.Run.Info.RunID
	for _, path := range v.files {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		err = c.ask("PUT", proxy+"0/"+run+"/artifacts/model/"+filepath.Base(path), f, nil)
		f.Close()
		if err != nil {
			return err
		}
	}
	if err := c.post(mlflowAPI+"registered-models/create", `{"name": "m"}`, nil); err != nil {
		return err
	}
	if err := c.ask("PUT", "/api/v1/models/m/pipeline", strings.NewReader("model: m\non: manual\nvalidation: {steps: "+v.steps+"}\n"), nil); err != nil {
		return err
	}
	return c.post(mlflowAPI+"model-versions/create", `{"name": "m", "source": "mlflow-artifacts:/0/`+run+`/artifacts/model", "run_id": "`+run+`"}`, nil)
}
