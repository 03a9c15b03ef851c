package main_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBrokenModelsAreRefused: exit code 3, and one line of JSON that says why in words.
func TestBrokenModelsAreRefused(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile(filepath.Join(shapes, "v1.onnx"))
	require.NoError(t, err)
	external, err := os.ReadFile("testdata/external.onnx")
	require.NoError(t, err)
	for name, c := range map[string]struct {
		files map[string][]byte // of a folder; nil: an ONNX file of testdata
		model string
		says  []string
	}{
		"an opset to come":              {nil, "testdata/future-opset.onnx", []string{"opset 99", "ai.onnx", "up to 28"}},
		"an IR version to come":         {nil, "testdata/future-ir.onnx", []string{"IR version 99", "up to 14"}},
		"an unknown domain":             {nil, "testdata/unknown-domain.onnx", []string{"com.example 3", "Sparkle"}},
		"a type that we do not carry":   {nil, "testdata/half.onnx", []string{`"x"`, "element type 10"}},
		"no such file":                  {nil, "testdata/none.onnx", []string{"none.onnx", "no such file"}},
		"cut off":                       {map[string][]byte{"m.onnx": whole[:len(whole)/2]}, "m.onnx", []string{"m.onnx", "cut off"}},
		"the last byte missing":         {map[string][]byte{"m.onnx": whole[:len(whole)-1]}, "m.onnx", []string{"m.onnx", "cut off"}},
		"empty":                         {map[string][]byte{"m.onnx": {}}, "m.onnx", []string{"0 bytes"}},
		"text":                          {map[string][]byte{"m.onnx": []byte("hello, world")}, "m.onnx", []string{"no ONNX"}},
		"weights missing":               {map[string][]byte{"m.onnx": external}, "m.onnx", []string{"external.weights"}},
		"a folder without MLmodel":      {map[string][]byte{"m.onnx": whole}, ".", []string{"no MLflow model folder"}},
		"an MLmodel of another flavour": {mlmodel("flavors: {sklearn: {}}"), ".", []string{"no flavour onnx"}},
		"an MLmodel that leads outside": {mlmodel("flavors: {onnx: {data: ../m.onnx}}"), ".", []string{"no path inside"}},
		"an MLmodel that is no YAML":    {mlmodel("flavors: ["), ".", []string{"MLmodel does not parse"}},
		"an MLmodel without its file":   {mlmodel("flavors: {onnx: {data: model.onnx}}"), ".", []string{"model.onnx", "no such file"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			model := c.model
			if c.files != nil {
				model = filepath.Join(folder(t, c.files), c.model)
			}
			cmd, log := command(t, model)
			err := cmd.Run()
			var exit *exec.ExitError
			require.True(t, errors.As(err, &exit), "%v %s", err, log.text())
			require.Equal(t, 3, exit.ExitCode(), log.text())
			require.Equal(t, 1, strings.Count(log.text(), "\n"), log.text())
			var line struct {
				ErrorCode string `json:"error_code"`
				Message   string `json:"message"`
			}
			require.NoError(t, json.Unmarshal([]byte(log.text()), &line), log.text())
			require.Equal(t, "MODEL_LOAD_FAILED", line.ErrorCode)
			t.Log(line.Message)
			for _, text := range c.says {
				require.Contains(t, line.Message, text)
			}
			require.NotContains(t, line.Message, "onnxruntime_src")
		})
	}
}

func mlmodel(text string) map[string][]byte { return map[string][]byte{"MLmodel": []byte(text)} }

func folder(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	return dir
}

// TestRuntimeMissingIsNotTheModelsFault: another exit code.
func TestRuntimeMissingIsNotTheModelsFault(t *testing.T) {
	t.Parallel()
	cmd, log := command(t, filepath.Join(shapes, "v1.onnx"), "--ort", filepath.Join(t.TempDir(), "none.so"))
	var exit *exec.ExitError
	require.True(t, errors.As(cmd.Run(), &exit))
	require.Equal(t, 1, exit.ExitCode())
	require.Contains(t, log.text(), "--ort")
}

// TestExternalWeightsAreFound from whatever folder the program is started in.
func TestExternalWeightsAreFound(t *testing.T) {
	t.Parallel()
	server := start(t, "testdata/external.onnx")
	got := server.get("/v2/models/external")
	require.Equal(t, 200, got.status)
}
