package checks_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/validation/checks"
)

const withExample = "flavors:\n  onnx: {data: model.onnx}\nsaved_input_example_info: {artifact_path: input_example.json, serving_input_path: serving_input_example.json}\n"

func TestLatency(t *testing.T) {
	t.Parallel()
	open := made{operators: []string{"Sqrt"}, dims: []int64{-1, 4}}.onnx()
	example := files{"MLmodel": withExample, "serving_input_example.json": `{"inputs": [[1, 4, 9, 16], [1, 1, 1, 1], [0, 0, 0, 0]]}`}
	tests := map[string]struct {
		files   files
		step    string
		state   models.ValidationState
		want    string
		request string
	}{
		"noise of the declared shape": {with(open, nil), "requests: 300", models.ValidationPassed, "", "uniform noise of shape [1,4]"},
		"noise in a batch":            {with(open, nil), "batch: 8", models.ValidationPassed, "", "uniform noise of shape [8,4]"},
		"the input example":           {with(open, example), "concurrency: 3", models.ValidationPassed, "", "its input example"},
		"rows of the input example":   {with(open, example), "batch: 8", models.ValidationPassed, "", "8 rows of its input example"},
		"images to a detector":        {onnxFiles(t, "v1"), "dataset: shapes-val@1", models.ValidationPassed, "", "images of shapes-val@1 to /detect"},
		"images in a batch":           {onnxFiles(t, "v1"), "dataset: shapes-val@1\n      batch: 2", models.ValidationErrored, "/detect takes one image", ""},
		"a threshold on the tail of few requests": {
			with(open, nil), "requests: 299\n      thresholds: {p99_ms: \"<= 1e9\"}", models.ValidationErrored, "set requests to 300 or more", "",
		},
		"a threshold on the tail": {with(open, nil), "requests: 300\n      thresholds: {p99_ms: \"<= 1e9\"}", models.ValidationPassed, "", "uniform noise of shape [1,4]"},
		"a threshold that does not hold": {
			with(open, nil), "thresholds: {peak_memory_mb: \"<= 1\"}", models.ValidationFailed, "peak_memory_mb is", "uniform noise of shape [1,4]",
		},
		"a fixed batch that is asked for another": {
			with(made{operators: []string{"Sqrt"}}.onnx(), example), "batch: 8", models.ValidationErrored, "the model could not be asked (8 rows of its input example", "",
		},
		"a model that fails": {onnxFiles(t, "v3-fragile"), "dataset: shapes-val@1", models.ValidationFailed, "under load: the model failed", "images of shapes-val@1 to /detect"},
		"a model that does not load": {
			with(made{opset: 99, operators: []string{"Sqrt"}}.onnx(), nil), "requests: 300", models.ValidationFailed, "the model does not load", "",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.needServe()
			if strings.Contains(tt.step, "dataset") {
				changes := files{}
				if name == "a model that fails" {
					changes["val/images/0005.jpg"] = night(t)
				}
				w.push(changes)
			}
			w.apply("    - check: latency\n      starts: 1\n      rounds: 2\n      " + tt.step + "\n")
			v := w.validate(w.register(tt.files))
			require.Equal(t, tt.state, v.State, v.Reason)
			require.Contains(t, said(v.Steps[0]), tt.want)
			require.Contains(t, v.Steps[0].Facts["hardware"], "cores")
			require.Equal(t, tt.request, v.Steps[0].Facts["request"])
			if tt.state == models.ValidationPassed {
				ordered(t, measured(v.Steps[0]))
			}
		})
	}
}

func TestLatencyAgainstProduction(t *testing.T) {
	t.Parallel()
	quick := with(made{operators: []string{"Neg"}, dims: []int64{1, 65536}}.onnx(), nil)
	slow := with(made{operators: slices.Repeat([]string{"Sin"}, 60), dims: []int64{1, 65536}}.onnx(), nil)
	const step = "    - check: latency\n      starts: 1\n      requests: 60\n      rounds: 6\n      compare: {against: production, no_worse_than: 0.5}\n"
	w := newWorld(t)
	w.needServe()
	w.apply(step)
	v := w.validate(w.register(quick))
	require.Equal(t, models.ValidationPassed, v.State, v.Reason)
	require.Contains(t, said(v.Steps[0]), "production runs no version yet: nothing to compare with, which does not block")

	w.release(w.register(quick))
	v = w.validate(w.register(slow))
	require.Equal(t, models.ValidationFailed, v.State)
	require.Regexp(t, `^latency: p50_ms is [\d.]+, and production's is [\d.]+ \([\d.]+ times, from [\d.]+ to [\d.]+ at 95 %\): (|\d+ rounds cannot tell whether it is )worse by more than 50 %`, v.Reason)
	require.Regexp(t, `^(worse|inconclusive): [\d.]+ times`, v.Steps[0].Facts["compare p50_ms"])
	require.Len(t, v.Steps[0].Measurements, len(checks.Latency{}.Declare().Measures)-1, "all but the tail")
	require.NotNil(t, v.Steps[0].Measurements[0].Champion)
	require.Less(t, *v.Steps[0].Measurements[0].Champion, v.Steps[0].Measurements[0].Value)

	w.release(w.register(slow))
	w.apply(strings.Replace(step, "no_worse_than: 0.5", "no_worse_than: 1000", 1)) // whatever else the machine does
	v = w.validate(w.register(quick))
	require.Equal(t, models.ValidationPassed, v.State, v.Reason)
	require.Regexp(t, `^no worse: `, v.Steps[0].Facts["compare p50_ms"])

	w.apply(strings.Replace(step, "rounds: 6", "rounds: 4", 1))
	v = w.validate(w.register(quick))
	require.Equal(t, models.ValidationErrored, v.State)
	require.Contains(t, v.Reason, "set rounds to 5 or more")
}

// night is a picture in the dark, on which v3-fragile fails.
func night(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(shapes, "live", "night-01.jpg"))
	require.NoError(t, err)
	return string(text)
}

// ordered holds figures of time against one another.
func ordered(t *testing.T, got map[string]float64) {
	t.Helper()
	_, tail := got["p99_ms"]
	require.Equal(t, got["requests"] >= 300, tail, "a p99 from 300 samples, and none from fewer")
	require.Positive(t, got["p50_ms"])
	require.LessOrEqual(t, got["p50_ms"], got["p90_ms"])
	require.LessOrEqual(t, got["p90_ms"], got["max_ms"])
	require.LessOrEqual(t, got["mean_ms"], got["max_ms"])
	for _, name := range []string{"throughput", "cold_start_ms", "peak_memory_mb", "cpu_ms", "cpu_cores"} {
		require.Positive(t, got[name], name)
	}
}
