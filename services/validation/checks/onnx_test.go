package checks_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
)

// with is a version with another model file, and more files.
func with(model string, more files) files {
	f := files{"MLmodel": "flavors:\n  onnx: {data: model.onnx}\n", "model.onnx": model}
	for path, text := range more {
		f[path] = text
	}
	return f
}

func TestONNX(t *testing.T) {
	t.Parallel()
	v1 := onnxFiles(t, "v1")["model.onnx"]
	example := "flavors:\n  onnx: {data: model.onnx}\nsaved_input_example_info: {artifact_path: input_example.json, serving_input_path: serving_input_example.json}\n"
	tests := map[string]struct {
		files files
		state models.ValidationState
		want  string
	}{
		"a good one":                 {with(made{operators: []string{"Sqrt"}}.onnx(), nil), models.ValidationPassed, ""},
		"a file without MLmodel":     {files{"m.onnx": made{operators: []string{"Sqrt"}}.onnx()}, models.ValidationFailed, "the version has no file MLmodel"},
		"cut off":                    {with(v1[:len(v1)/2], nil), models.ValidationFailed, "model.onnx: no ONNX, or cut off"},
		"empty":                      {with("", nil), models.ValidationFailed, "a file of 0 bytes is no ONNX"},
		"something else":             {with("<html>not found</html>", nil), models.ValidationFailed, "no ONNX"},
		"no ONNX flavour":            {files{"MLmodel": "flavors: {sklearn: {pickled_model: model.pkl}}"}, models.ValidationFailed, "MLmodel has no flavor onnx"},
		"a file that is not there":   {files{"MLmodel": "flavors: {onnx: {data: other.onnx}}"}, models.ValidationFailed, `MLmodel names "other.onnx"`},
		"an IR version of tomorrow":  {with(made{ir: 99, operators: []string{"Sqrt"}}.onnx(), nil), models.ValidationFailed, "model.onnx has IR version 99; onnxruntime 1.32.0 reads up to"},
		"an opset of tomorrow":       {with(made{opset: 99, operators: []string{"Sqrt"}}.onnx(), nil), models.ValidationFailed, "model.onnx needs opset 99 of ai.onnx; onnxruntime 1.32.0 has up to"},
		"an unknown domain":          {with(made{domain: "acme.custom", operators: []string{"Magic"}}.onnx(), nil), models.ValidationFailed, `operators of the domain "acme.custom" are not ONNX Runtime's`},
		"an unknown operator":        {with(made{operators: []string{"NoSuchOperator"}}.onnx(), nil), models.ValidationFailed, "NoSuchOperator"},
		"NaN on noise":               {with(made{operators: []string{"Neg", "Sqrt"}}.onnx(), nil), models.ValidationFailed, `4 values of output "y" are NaN on uniform noise`},
		"another answer each time":   {with(made{operators: []string{"RandomUniformLike"}}.onnx(), nil), models.ValidationFailed, "differently the second time"},
		"open dimensions":            {with(made{operators: []string{"Sqrt"}, dims: []int64{-1, 3, -1, -1}}.onnx(), nil), models.ValidationPassed, ""},
		"external data that is gone": {with(made{operators: []string{"Sqrt"}, external: "weights.bin"}.onnx(), nil), models.ValidationFailed, "weights.bin holds 1 of the model's tensors and is not among"},
		"external data beside it":    {with(made{operators: []string{"Sqrt"}, external: "weights.bin"}.onnx(), files{"weights.bin": "0123456789abcdef"}), models.ValidationPassed, ""},
		"external data cut off":      {with(made{operators: []string{"Sqrt"}, external: "weights.bin"}.onnx(), files{"weights.bin": "01234567"}), models.ValidationFailed, "ends at byte 16 of weights.bin, which has 8"},
		"external data elsewhere":    {with(made{operators: []string{"Sqrt"}, external: "../../../etc/passwd"}.onnx(), nil), models.ValidationFailed, "outside the model's folder"},
		"noise is asked beside the input example": {
			with(made{operators: []string{"Neg", "Sqrt"}}.onnx(), files{"MLmodel": example, "serving_input_example.json": `{"inputs": [[-1, -4, -9, -16]]}`}),
			models.ValidationFailed, `4 values of output "y" are NaN on uniform noise`,
		},
		"an input example on which it fails to be a number": {
			with(made{operators: []string{"Sqrt"}}.onnx(), files{"MLmodel": example, "serving_input_example.json": `{"inputs": [[-1, 4, 9, 16]]}`}),
			models.ValidationFailed, "NaN or infinite on its input example",
		},
		"an input example of another form": {
			with(made{operators: []string{"Sqrt"}}.onnx(), files{"MLmodel": example, "serving_input_example.json": `{"inputs": [[1, 4]]}`}),
			models.ValidationPassed, "warning: serving_input_example.json: the model does not take its own input example",
		},
		"an input example that is no request": {
			with(made{operators: []string{"Sqrt"}}.onnx(), files{"MLmodel": example, "serving_input_example.json": `[[1, 4, 9, 16]]`}),
			models.ValidationPassed, "warning: input example: serving_input_example.json is no JSON object",
		},
		"noise of the example's shape": {
			with(made{operators: []string{"Neg", "Sqrt"}, dims: []int64{1, -1}}.onnx(), files{"MLmodel": example, "serving_input_example.json": `{"inputs": [[-1, -4, -9]]}`}),
			models.ValidationFailed, "3 values of output \"y\" are NaN on uniform noise of shape [1,3]",
		},
		"rows that are answered by themselves":                    {with(made{operators: []string{"Sqrt"}, dims: []int64{-1, 4}}.onnx(), nil), models.ValidationPassed, ""},
		"rows that are mixed":                                     {with(mixing("batch", 0), nil), models.ValidationFailed, "a row in a batch of 8 differs from the same row alone by"},
		"steps of a sequence are no rows":                         {with(mixing("sequence_length", 0), nil), models.ValidationPassed, ""},
		"a batch that is open and is not":                         {with(mixing("batch", 1), nil), models.ValidationFailed, "its first dimension is open, and it fails on 8 rows"},
		"a model that fails in the dark is not asked in the dark": {onnxFiles(t, "v3-fragile"), models.ValidationPassed, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.needServe()
			w.apply("    - check: onnx\n")
			v := w.validate(w.register(tt.files))
			require.Equal(t, tt.state, v.State, v.Reason)
			require.Contains(t, said(v.Steps[0]), tt.want)
		})
	}
}

func TestONNXWithoutNoise(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.needServe()
	w.apply("    - check: onnx\n      noise: false\n")
	negative := with(made{operators: []string{"Neg", "Sqrt"}}.onnx(), files{"MLmodel": withExample, "serving_input_example.json": `{"inputs": [[-1, -4, -9, -16]]}`})
	v := w.validate(w.register(negative))
	require.Equal(t, models.ValidationPassed, v.State, v.Reason)
	require.Equal(t, "its input example", v.Steps[0].Facts["asked"])

	v = w.validate(w.register(with(made{operators: []string{"Sqrt"}}.onnx(), nil)))
	require.Equal(t, models.ValidationErrored, v.State)
	require.Contains(t, v.Reason, "it was logged without an input example")
}

func TestONNXTellsOfInputsAndOutputs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.needServe()
	w.apply("    - check: onnx\n")
	v := w.validate(w.register(onnxFiles(t, "v4-dynamic")))
	require.Equal(t, models.ValidationPassed, v.State, v.Reason)
	require.Equal(t, "images FLOAT [batch,3,height,width]", v.Steps[0].Facts["inputs"])
	require.Regexp(t, `^output0 FLOAT \[batch,8,\w+\]$`, v.Steps[0].Facts["outputs"])
	require.Contains(t, v.Steps[0].Facts["asked"], "8 rows together and alone", said(v.Steps[0]))
	require.Less(t, measured(v.Steps[0])["batch_difference"], 1e-3)
}

func TestIntegrity(t *testing.T) {
	t.Parallel()
	good := onnxFiles(t, "v1")
	tests := map[string]struct {
		files files
		state models.ValidationState
		want  string
	}{
		"a good one":               {good, models.ValidationPassed, ""},
		"no MLmodel":               {files{"x.txt": "a run that holds no model"}, models.ValidationFailed, "no MLmodel under mlflow-artifacts:/1/x/artifacts/model"},
		"no file at all":           {files{}, models.ValidationFailed, "no MLmodel"},
		"MLmodel that is no YAML":  {files{"MLmodel": "flavors: [\n"}, models.ValidationFailed, "MLmodel does not parse"},
		"MLmodel without flavors":  {files{"MLmodel": "run_id: x"}, models.ValidationFailed, "names no flavors"},
		"a flavour without file":   {files{"MLmodel": "flavors: {onnx: {data: model.onnx}}"}, models.ValidationFailed, `flavors.onnx.data names "model.onnx"`},
		"an environment that lies": {files{"MLmodel": "flavors: {python_function: {env: {conda: conda.yaml}}}"}, models.ValidationFailed, `flavors.python_function.env.conda names "conda.yaml"`},
		"requirements unpinned": {
			files{"MLmodel": "flavors: {x: {}}", "requirements.txt": "onnx==1.17.0\nnumpy>=1.2\n# a comment\npandas\nx @ https://h/x.whl\n"},
			models.ValidationPassed, `warning: requirements.txt:2: "numpy>=1.2" is not pinned`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.apply("    - check: integrity\n")
			v := w.validate(w.register(tt.files))
			require.Equal(t, tt.state, v.State, v.Reason)
			require.Contains(t, said(v.Steps[0]), tt.want)
		})
	}
}

func TestAFileThatIsNotWhatWasRegistered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.apply("    - check: integrity\n")
	version := w.register(onnxFiles(t, "v1"))
	entries, err := w.Files.Manifest(t.Context(), version.ID)
	require.NoError(t, err)
	model := entries.Entries[1]
	require.Equal(t, "model.onnx", model.Path)
	_, err = w.blobs.Put(t.Context(), model.Key, zeros(model.Size), model.Size)
	require.NoError(t, err)
	require.NoError(t, w.blobs.Delete(t.Context(), entries.Entries[2].Key))

	v := w.validate(version)
	require.Equal(t, models.ValidationFailed, v.State)
	require.Contains(t, said(v.Steps[0]), "model.onnx is not what was registered")
	require.Contains(t, said(v.Steps[0]), "python_env.yaml: its bytes are no longer in the artifact store")
}
