package pipeline_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/pipeline"
	"github.com/slipway-ml/slipway/services/validation/checks"
)

func grammar(t *testing.T) *pipeline.Grammar {
	t.Helper()
	g, err := pipeline.NewGrammar(checks.Declared())
	require.NoError(t, err)
	return g
}

func full(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/full.yaml")
	require.NoError(t, err)
	return text
}

func TestParseFillsInEveryField(t *testing.T) {
	t.Parallel()
	got, problems := grammar(t).Parse(full(t), pipeline.YAML, nil)
	require.Empty(t, problems)

	dataset := &models.DatasetRef{Name: "shapes-val", Version: 1}
	base := models.ServingSpec{
		Replicas: 2, CPU: 1, MemoryBytes: 512 << 20, Threads: 1, Timeout: 5 * time.Second,
		Env: map[string]string{"CONFIDENCE": "0.25"},
	}
	staging := base
	staging.Replicas, staging.Env = 1, map[string]string{"CONFIDENCE": "0.25", "STAGE": "yes"}
	require.Equal(t, models.Pipeline{
		Model: "shapes-detector", On: models.TriggerRegistered,
		Validation: models.ValidationSpec{Steps: []models.StepSpec{
			{Name: "integrity", Check: "integrity", Timeout: 30 * time.Minute},
			{Name: "onnx", Check: "onnx", Timeout: 2 * time.Minute, Settings: json.RawMessage(`{"noise":true,"batch_tolerance":0.001}`)},
			{
				Name: "detection", Check: "detection", Timeout: 30 * time.Minute, Dataset: dataset,
				Thresholds: []models.Threshold{
					{Metric: "map50", Op: ">=", Value: 0.8},
					{Metric: "map50_95", Op: ">=", Value: 0.5},
					{Metric: "ap50[screw]", Op: ">=", Value: 0.6},
				},
				Compare:  &models.CompareSpec{Against: "production", NoWorseThan: 0.02, Metrics: []string{"map50", "map50_95"}},
				Settings: json.RawMessage(`{"exclude":["images/0007.jpg"],"max_det":100,"convention":"coco","confidence":0.25,"compare_by":"bound"}`),
			},
			{
				Name: "pytest", Run: "pytest code/tests --junitxml=report.xml", Timeout: 10 * time.Minute,
				Dataset: dataset, Env: map[string]string{"CONFIDENCE": "0.25", "STRICT": "true"}, On: "process", Network: "step",
			},
		}},
		Build: models.BuildSpec{Runtime: "auto", Base: "host"},
		Environments: map[string]models.EnvironmentSpec{
			"staging": {
				Target: "process", Promote: "auto", Gates: []string{"validated"},
				Rollout: models.RolloutSpec{
					Strategy: "canary", Steps: []models.RolloutStep{{Weight: 100}},
					Analysis: []models.AnalysisSpec{{Metric: "error_rate", Delta: 0.01, Alpha: 0.05}},
					Burst:    models.BurstSpec{Deaths: 3, Failures: 20},
					NoData:   "hold", MaxWait: 2 * time.Hour, OnFailure: "rollback",
				},
				OnAlias: "promote", RollbackWindow: 30 * time.Minute, Serving: staging,
			},
			"production": {
				Target: "docker", Promote: "manual", Gates: []string{"validated", "staging"},
				Rollout: models.RolloutSpec{
					Strategy: "canary",
					Steps: []models.RolloutStep{
						{Weight: 25, Hold: 20 * time.Second}, {Weight: 50, Hold: 90 * time.Second}, {Weight: 100},
					},
					Analysis: []models.AnalysisSpec{{Metric: "error_rate", Delta: 0.05, Alpha: 0.01}},
					Burst:    models.BurstSpec{Deaths: 2, Failures: 10},
					NoData:   "rollback", MaxWait: time.Hour, OnFailure: "rollback",
				},
				OnAlias: "refuse", RollbackWindow: time.Hour, Serving: base,
			},
		},
	}, got)
}

func TestJSONMeansTheSame(t *testing.T) {
	t.Parallel()
	var value any
	require.NoError(t, yaml.Unmarshal(full(t), &value))
	tabbed, err := json.MarshalIndent(value, "", "\t")
	require.NoError(t, err)

	g := grammar(t)
	want, _ := g.Parse(full(t), pipeline.YAML, nil)
	got, problems := g.Parse(tabbed, pipeline.JSON, nil)
	require.Empty(t, problems)
	for i := range want.Validation.Steps { // JSON objects keep no order
		require.ElementsMatch(t, want.Validation.Steps[i].Thresholds, got.Validation.Steps[i].Thresholds)
		want.Validation.Steps[i].Thresholds, got.Validation.Steps[i].Thresholds = nil, nil
	}
	require.Equal(t, want, got)
}

func TestEscapesThatYAMLDoesNotKnow(t *testing.T) {
	t.Parallel()
	got, problems := grammar(t).Parse([]byte(`{"model": "a\ud83d\ude00\\ud83d\/"}`), pipeline.JSON, nil)
	require.NotEmpty(t, problems, "a slash is in the name")
	require.Equal(t, "a😀\\ud83d/", got.Model)
}

// FuzzParse holds the parser to its promise: any text is a pipeline or has
// problems, each with a place.
func FuzzParse(f *testing.F) {
	text, err := os.ReadFile("testdata/full.yaml")
	require.NoError(f, err)
	f.Add(text)
	f.Add([]byte(`{"model": "m", "validation": {"steps": [{"check": "onnx"}]}}`))
	f.Add([]byte("a: &a [*a]"))
	g, err := pipeline.NewGrammar(checks.Declared())
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, kind := range []string{pipeline.YAML, pipeline.JSON} {
			_, problems := g.Parse(text, kind, nil)
			for _, p := range problems {
				require.Positive(t, p.Line, p.Message)
				require.Positive(t, p.Column, p.Message)
			}
		}
	})
}

func TestCheckedInSchemaIsCurrent(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "openapi", "slipway.schema.json")
	if os.Getenv("SLIPWAY_UPDATE") != "" {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, grammar(t).Schema(), 0o644))
	}
	checkedIn, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(grammar(t).Schema()), string(checkedIn), "run SLIPWAY_UPDATE=1 go test ./services/pipeline")
}

// edit replaces one text of the full document.
func edit(t *testing.T, old, replacement string) []byte {
	t.Helper()
	text := string(full(t))
	require.Equal(t, 1, strings.Count(text, old), "%q stands once in full.yaml", old)
	return []byte(strings.Replace(text, old, replacement, 1))
}
