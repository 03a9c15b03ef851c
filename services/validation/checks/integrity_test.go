package checks_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
)

func TestIntegrityOfRequirements(t *testing.T) {
	t.Parallel()
	const mlmodel = "flavors: {x: {data: model}}"
	passed, failed := models.ValidationPassed, models.ValidationFailed
	tests := map[string]struct {
		file, text string
		state      models.ValidationState
		want       string // "" for no finding
	}{
		"pinned":                     {"requirements.txt", "onnx==1.17.0\nNumPy == 2.1.3 # a comment\r\nuvicorn[standard]==0.30.1 ; python_version < \"3.13\"\n\nx===2024-custom\n", passed, ""},
		"pinned among bounds":        {"requirements.txt", "numpy>=1.2,==1.26.4,<2", passed, ""},
		"with hashes":                {"requirements.txt", "onnx==1.17.0 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\nnumpy\n", passed, `requirements.txt:4: "numpy" is not pinned`},
		"local versions and epochs":  {"requirements.txt", "torch==2.5.1+cpu\npkg==1!2.0.post1\nrc==1.0rc1\ndev==2024.1.dev0\n", passed, ""},
		"addresses and options":      {"requirements.txt", "--extra-index-url https://h/simple\nx @ https://h/x-1.0-py3-none-any.whl\ngit+https://h/x@main\n./code/x.whl\n", passed, ""},
		"bounded":                    {"requirements.txt", "onnx==1.17.0\nnumpy>=1.2", passed, `warning: requirements.txt:2: "numpy>=1.2" is not pinned`},
		"bare":                       {"requirements.txt", "pandas", passed, `"pandas" is not pinned`},
		"any of a series":            {"requirements.txt", "numpy==1.26.*", passed, `"numpy==1.26.*" is not pinned`},
		"in parentheses":             {"requirements.txt", "numpy (==1.26.4)", passed, ""},
		"one equals sign":            {"requirements.txt", "numpy=1.26", failed, `requirements.txt:1: "numpy=1.26" is no requirement`},
		"a version that is none":     {"requirements.txt", "numpy==latest", failed, `names the version "latest", which is none`},
		"words":                      {"requirements.txt", "please install numpy", failed, `is no requirement`},
		"a merge conflict":           {"requirements.txt", "<<<<<<< HEAD\nnumpy==1.0\n", failed, `requirements.txt:1: "<<<<<<< HEAD" is no requirement`},
		"a file that is there":       {"requirements.txt", "-r requirements.txt", passed, ""},
		"a file that is not":         {"requirements.txt", "-c constraints/prod.txt", failed, "names constraints/prod.txt, which is not among the version's files"},
		"conda, as mlflow writes it": {"conda.yaml", "channels: [conda-forge]\ndependencies:\n- python=3.11.2\n- pip<=24.0\n- pip:\n  - mlflow==3.17.2\nname: mlflow-env\n", passed, ""},
		"conda with a build":         {"conda.yaml", "dependencies: [python=3.11.2=h1, 'conda-forge::numpy==1.26.4']", passed, ""},
		"conda unpinned":             {"conda.yaml", "dependencies: ['python>=3.9', numpy, {pip: ['pandas']}]", passed, `"numpy" is not pinned`},
		"conda whose pip is none":    {"conda.yaml", "dependencies: [python=3.11.2, {pip: ['a b c']}]", failed, `"a b c" is no requirement`},
		"conda with a number":        {"conda.yaml", "dependencies: [3]", failed, "dependencies holds 3, which is no package"},
		"conda that is no YAML":      {"conda.yaml", "dependencies: [\n", failed, "conda.yaml does not parse"},
		"an environment of Python":   {"python_env.yaml", "python: 3.11.2\nbuild_dependencies: [pip==24.0, setuptools]\ndependencies: [onnx==1.17.0]\n", passed, ""},
		"one without Python":         {"python_env.yaml", "dependencies: [onnx==1.17.0]\n", passed, "does not say which Python the version needs"},
		"one that names a lost file": {"python_env.yaml", "python: 3.11.2\ndependencies: ['-r requirements.txt']\n", failed, "names requirements.txt, which is not among"},
		"nothing":                    {"model/readme", "", passed, "nothing says which packages the version needs"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.apply("    - check: integrity\n")
			v := w.validate(w.register(files{"MLmodel": mlmodel, "model/weights": "x", tt.file: tt.text}))
			require.Equal(t, tt.state, v.State, v.Reason)
			if tt.want == "" {
				require.Empty(t, v.Steps[0].Findings)
			}
			require.Contains(t, said(v.Steps[0]), tt.want)
		})
	}
}

func TestIntegrityTellsOfFilesThatNothingNames(t *testing.T) {
	t.Parallel()
	requirements := files{"requirements.txt": "onnx==1.17.0"}
	with := func(more files) files {
		for path, text := range requirements {
			more[path] = text
		}
		return more
	}
	external := made{operators: []string{"Sqrt"}, external: "weights.bin"}.onnx()
	tests := map[string]struct {
		files files
		want  string
	}{
		"a file in a flavour's folder":  {files{"MLmodel": "flavors: {x: {data: model}}", "model/a/b": "x"}, ""},
		"what the flavour names deeply": {files{"MLmodel": "flavors: {x: {extra_files: [{path: extra/a.txt}]}}", "extra/a.txt": "x"}, ""},
		"an input example":              {files{"MLmodel": "flavors: {x: {}}\nsaved_input_example_info: {artifact_path: e.json}", "e.json": "{}"}, ""},
		"external data of an ONNX file": {files{"MLmodel": "flavors: {onnx: {data: model.onnx}}", "model.onnx": external, "weights.bin": "0123456789abcdef"}, ""},
		"others beside an ONNX file": {
			files{"MLmodel": "flavors: {onnx: {data: model.onnx}}", "model.onnx": external, "weights.bin": "0123456789abcdef", "old/model.onnx": "x", "notes.txt": "x"},
			"warning: MLmodel: 2 files for which MLmodel does not account: notes.txt, old/model.onnx",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.apply("    - check: integrity\n")
			v := w.validate(w.register(with(tt.files)))
			require.Equal(t, models.ValidationPassed, v.State, v.Reason)
			if tt.want == "" {
				require.Empty(t, v.Steps[0].Findings)
			}
			require.Contains(t, said(v.Steps[0]), tt.want)
		})
	}
}
