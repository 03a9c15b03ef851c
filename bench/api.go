package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"time"
)

const mlflowAPI = "/api/2.0/mlflow/"

var asJSON = http.Header{"Content-Type": {"application/json"}}

// api measures MLflow's calls on both servers, each on SQLite and a folder.
func (b *bench) api(ctx context.Context) error {
	slipway, err := filepath.Abs(filepath.Join(b.bin, "slipway"))
	if err != nil {
		return err
	}
	ours, err := b.apiOf(ctx, "slipway", func(port string) []string {
		return []string{slipway, "server", "--port", port}
	})
	if err != nil {
		return err
	}
	python, err := filepath.Abs(b.python)
	if err != nil {
		return err
	}
	theirs, err := b.apiOf(ctx, "mlflow", func(port string) []string {
		return []string{
			python, "-m", "mlflow", "server", "--port", port,
			"--backend-store-uri", "sqlite:///mlflow.db", "--artifacts-destination", "artifacts",
		}
	})
	if err != nil {
		return err
	}
	var rows []row
	for _, c := range apiCases {
		rows = append(rows, row{c.name, ours[c.name], theirs[c.name]})
	}
	table(fmt.Sprintf("MLflow API, SQLite, %d clients", b.clients), "slipway", "mlflow server", rows)
	return nil
}

func (b *bench) apiOf(ctx context.Context, name string, arguments func(port string) []string) (map[string]result, error) {
	fmt.Printf("measuring the API of %s\n", name)
	s, err := b.start(ctx, name, "/health", arguments)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	l := apiLoad{url: s.url}
	if err := l.prepare(ctx, b.clients); err != nil {
		return nil, err
	}
	results := map[string]result{}
	for _, c := range apiCases {
		if results[c.name], err = b.load(ctx, func(ctx context.Context, client int) error { return c.call(ctx, &l, client) }); err != nil {
			return nil, fmt.Errorf("%s, %s: %w", name, c.name, err)
		}
	}
	return results, nil
}

// apiLoad is one server's experiment, a run of each client, and a model.
type apiLoad struct {
	url        string
	experiment string
	runs       []string
	step       atomic.Int64
}

var apiCases = []struct {
	name string
	call func(ctx context.Context, l *apiLoad, client int) error
}{
	{"create run", func(ctx context.Context, l *apiLoad, _ int) error { _, err := l.newRun(ctx); return err }},
	{"log metric", func(ctx context.Context, l *apiLoad, client int) error {
		return l.post(ctx, "runs/log-metric", l.metric(client, "loss"), nil)
	}},
	{"log batch of 100", func(ctx context.Context, l *apiLoad, client int) error {
		metrics := make([]map[string]any, 100)
		for i := range metrics {
			metrics[i] = l.metric(client, fmt.Sprintf("m%d", i))
		}
		return l.post(ctx, "runs/log-batch", map[string]any{"run_id": l.runs[client], "metrics": metrics}, nil)
	}},
	{"get run", func(ctx context.Context, l *apiLoad, client int) error {
		_, err := call(ctx, "GET", l.url+mlflowAPI+"runs/get?run_id="+l.runs[client], nil, nil)
		return err
	}},
	{"search runs, first 100", func(ctx context.Context, l *apiLoad, _ int) error {
		return l.post(ctx, "runs/search", map[string]any{
			"experiment_ids": []string{l.experiment}, "max_results": 100, "filter": "metrics.loss > 0.2",
		}, nil)
	}},
	{"create version", func(ctx context.Context, l *apiLoad, client int) error {
		return l.post(ctx, "model-versions/create", map[string]any{"name": "bench", "source": "mlflow-artifacts:/" + l.experiment + "/" + l.runs[client] + "/artifacts/model", "run_id": l.runs[client]}, nil)
	}},
}

func (l *apiLoad) prepare(ctx context.Context, clients int) error {
	var made struct {
		ExperimentID string `json:"experiment_id"`
	}
	if err := l.post(ctx, "experiments/create", map[string]any{"name": "bench"}, &made); err != nil {
		return err
	}
	l.experiment = made.ExperimentID
	for range clients {
		run, err := l.newRun(ctx)
		if err != nil {
			return err
		}
		l.runs = append(l.runs, run)
	}
	return l.post(ctx, "registered-models/create", map[string]any{"name": "bench"}, nil)
}

func (l *apiLoad) newRun(ctx context.Context) (string, error) {
	var made struct {
		Run struct {
			Info struct {
				RunID string `json:"run_id"`
			}
		}
	}
	err := l.post(ctx, "runs/create", map[string]any{"experiment_id": l.experiment, "start_time": time.Now().UnixMilli()}, &made)
	return made.Run.Info.RunID, err
}

func (l *apiLoad) metric(client int, key string) map[string]any {
	step := l.step.Add(1)
	return map[string]any{
		"run_id": l.runs[client], "key": key, "value": 1 / float64(step%9+1), "timestamp": time.Now().UnixMilli(), "step": step,
	}
}

func (l *apiLoad) post(ctx context.Context, path string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	answer, err := call(ctx, "POST", l.url+mlflowAPI+path, asJSON, text)
	if err != nil || into == nil {
		return err
	}
	return json.Unmarshal(answer, into)
}
