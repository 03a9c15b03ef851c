package checks_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/tracking"
)

// registerOf registers a version of a run that logged each metric twice.
func (w *world) registerOf(metrics map[string]float64) models.Version {
	w.t.Helper()
	w.runs++
	id := fmt.Sprintf("%032x", w.runs)
	runs := &tracking.Service{DB: w.db, ArtifactRoot: "mlflow-artifacts:", Now: time.Now, NewID: func() string { return id }}
	require.NoError(w.t, runs.Init(w.t.Context()))
	run, err := runs.CreateRun(w.t.Context(), tracking.NewRun{})
	require.NoError(w.t, err)
	var points []models.Metric
	for name, value := range metrics {
		points = append(points, models.Metric{Key: name, Value: 0.5, Step: 1, TimestampMS: 1}, models.Metric{Key: name, Value: value, Step: 2, TimestampMS: 2})
	}
	require.NoError(w.t, runs.LogBatch(w.t.Context(), run.ID, tracking.Batch{Metrics: points}))
	w.run = run.ID
	return w.register(files{"MLmodel": "flavors: {x: {}}"})
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		logged map[string]float64 // nil: the version names no run
		fields string
		state  models.ValidationState
		want   string
		taken  map[string]float64
	}{
		"all of them, the latest": {
			map[string]float64{"val/acc": 0.9, "val loss": 0.25}, "name: m", models.ValidationPassed, "", map[string]float64{"val/acc": 0.9, "val loss": 0.25},
		},
		"those that a threshold names": {
			map[string]float64{"acc": 0.9, "loss": 0.25}, `thresholds: {acc: ">= 0.8"}`, models.ValidationPassed, "", map[string]float64{"acc": 0.9},
		},
		"a threshold that does not hold": {
			map[string]float64{"acc": 0.7}, `thresholds: {acc: ">= 0.8"}`, models.ValidationFailed, "acc is 0.7, asked for >= 0.8", map[string]float64{"acc": 0.7},
		},
		"a metric that was not logged": {
			map[string]float64{"acc": 0.7, "f1": 1}, `thresholds: {accuracy: ">= 0.8"}`, models.ValidationErrored, `logged no metric "accuracy"; it logged acc, f1`, map[string]float64{},
		},
		"a metric that is no number": {
			map[string]float64{"loss": math.NaN()}, `thresholds: {loss: "<= 0.8"}`, models.ValidationFailed, "loss is NaN", map[string]float64{},
		},
		"no run": {nil, `thresholds: {acc: ">= 0.8"}`, models.ValidationErrored, "m/1 names no run", map[string]float64{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.apply("    - check: metrics\n      " + tt.fields + "\n")
			var version models.Version
			if tt.logged == nil {
				version = w.register(files{"MLmodel": "flavors: {x: {}}"})
			} else {
				version = w.registerOf(tt.logged)
			}
			v := w.validate(version)
			require.Equal(t, tt.state, v.State, v.Reason)
			require.Contains(t, said(v.Steps[0]), tt.want)
			require.Equal(t, tt.taken, measured(v.Steps[0]))
		})
	}
}

func TestMetricsAgainstProductionsRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const step = "    - check: metrics\n      lower: [loss]\n      thresholds: {acc: \">= 0.1\", loss: \"<= 9\"}\n      compare: {against: production, no_worse_than: 0.05}\n"
	w.apply(step)
	first := w.registerOf(map[string]float64{"acc": 0.9, "loss": 1})
	require.Contains(t, said(w.validate(first).Steps[0]), "production runs no version yet")
	w.release(first)
	require.Contains(t, said(w.validate(first).Steps[0]), "production runs this very version")

	v := w.validate(w.registerOf(map[string]float64{"acc": 0.86, "loss": 1.04}))
	require.Equal(t, models.ValidationPassed, v.State, v.Reason)
	require.InDelta(t, 0.9, *v.Steps[0].Measurements[0].Champion, 1e-12)
	v = w.validate(w.registerOf(map[string]float64{"acc": 0.8, "loss": 0.5}))
	require.Equal(t, models.ValidationFailed, v.State)
	require.Equal(t, "metrics: acc is 0.8, and production's is 0.9: worse by 0.1, more than 0.05", v.Reason)
	v = w.validate(w.registerOf(map[string]float64{"acc": 1, "loss": 1.2}))
	require.Equal(t, "metrics: loss is 1.2, and production's is 1: worse by 0.2, more than 0.05", v.Reason)

	w.apply(strings.Replace(step, "0.05}", "0.05, metrics: [f1]}", 1))
	v = w.validate(w.registerOf(map[string]float64{"acc": 1, "loss": 1, "f1": 1}))
	require.Equal(t, models.ValidationPassed, v.State, v.Reason)
	require.Contains(t, said(v.Steps[0]), "m/1, which production runs, was logged without f1")
}
