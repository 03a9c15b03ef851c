package checks_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
)

// signed is a version with a signature and an input example; "" for none.
func signed(model, inputs, outputs, more, example string) files {
	text := "flavors:\n  onnx: {data: model.onnx}\n"
	if inputs+outputs+more != "" {
		text += fmt.Sprintf("signature:\n  inputs: '%s'\n  outputs: '%s'\n%s", inputs, outputs, more)
	}
	f := files{"model.onnx": model}
	if example != "" {
		text += "saved_input_example_info: {artifact_path: input_example.json, serving_input_path: serving_input_example.json, type: ndarray}\n"
		f["serving_input_example.json"] = example
	}
	f["MLmodel"] = text
	return f
}

func tensorOf(name, dtype, shape string) string {
	if name != "" {
		name = `"name": "` + name + `", `
	}
	return fmt.Sprintf(`[{%s"type": "tensor", "tensor-spec": {"dtype": "%s", "shape": %s}}]`, name, dtype, shape)
}

func TestSignature(t *testing.T) {
	t.Parallel()
	model := made{operators: []string{"Sqrt"}, dims: []int64{-1, 4}}.onnx()
	const example = `{"inputs": [[1, 4, 9, 16], [1, 1, 1, 1]]}`
	in, out := tensorOf("x", "float32", "[-1, 4]"), tensorOf("y", "float32", "[-1, 4]")
	columns := `[{"type": "float", "name": "a"}, {"type": "float", "name": "b"}, {"type": "float", "name": "c"}, {"type": "float", "name": "d"}]`
	table := `{"dataframe_split": {"columns": ["a", "b", "c", "d"], "data": [[1, 4, 9, 16]]}}`
	tests := map[string]struct {
		files  files
		fields string
		state  models.ValidationState
		want   string
	}{
		"all in order":          {signed(model, in, out, "", example), "", models.ValidationPassed, ""},
		"tensors without names": {signed(model, tensorOf("", "float32", "[-1, 4]"), tensorOf("", "float32", "[-1, 4]"), "", example), "", models.ValidationPassed, ""},
		"columns":               {signed(model, columns, out, "", table), "", models.ValidationPassed, ""},
		"a column that the example has not": {
			signed(model, `[{"type": "float", "name": "e"}]`, out, "", `{"dataframe_records": [{"a": 1}]}`), "", models.ValidationFailed, `the input example lacks "e", which the signature requires`,
		},
		"a column that need not be there": {
			signed(model, columns[:len(columns)-1]+`, {"type": "float", "name": "e", "required": false}]`, out, "", table), "", models.ValidationFailed, "does not take its own input example",
		},
		"no signature":                   {signed(model, "", "", "", example), "", models.ValidationPassed, "warning: MLmodel: the version has no signature"},
		"no signature, and one is asked": {signed(model, "", "", "", example), "required: true", models.ValidationFailed, "the version has no signature"},
		"no example":                     {signed(model, in, out, "", ""), "", models.ValidationPassed, "warning: MLmodel: the version has no input example"},
		"no example, and one is asked":   {signed(model, in, out, "", ""), "required: true", models.ValidationFailed, "the version has no input example"},
		"no outputs":                     {signed(model, in, "[]", "", example), "", models.ValidationPassed, "warning: MLmodel: the signature says nothing of outputs"},
		"a signature that does not parse": {
			signed(model, "[{", out, "", example), "", models.ValidationFailed, "signature.inputs does not parse",
		},
		"an example that is no request": {signed(model, in, out, "", "[1, 2]"), "", models.ValidationFailed, "is no JSON object of MLflow's scoring protocol"},
		"an example that is refused":    {signed(model, in, out, "", `{"inputs": [[1, 2]]}`), "", models.ValidationFailed, "the model does not take its own input example"},
		"an example of another shape than the signature's": {
			signed(model, tensorOf("x", "float32", "[3, 4]"), out, "", example), "", models.ValidationFailed, "the input example is of shape [2,4], and the signature says x float32 [3,4]",
		},
		"an input by another name":    {signed(model, tensorOf("z", "float32", "[-1, 4]"), out, "", example), "", models.ValidationFailed, `the signature's input "z" is none of the model's, which are x`},
		"an input of another kind":    {signed(model, tensorOf("x", "str", "[-1, 4]"), out, "", example), "", models.ValidationFailed, `the signature says x str [-1,4], and the model's "x" is FP32`},
		"an output of another width":  {signed(model, in, tensorOf("y", "float64", "[-1, 4]"), "", example), "", models.ValidationPassed, "the same kind in another width"},
		"an output of another shape":  {signed(model, in, tensorOf("y", "float32", "[-1, 5]"), "", example), "", models.ValidationFailed, `the model's "y" is of shape [-1,4]`},
		"an answer of another shape":  {signed(model, in, tensorOf("y", "float32", "[3, 4]"), "", example), "", models.ValidationFailed, `the answer's "y" is of shape [2,4], and the signature says y float32 [3,4]`},
		"an output by another name":   {signed(model, in, tensorOf("q", "float32", "[-1, 4]"), "", example), "", models.ValidationFailed, `the signature's output "q" is none of the model's, which are y`},
		"a column of numbers as text": {signed(model, in, `[{"type": "string", "name": "y"}]`, "", example), "", models.ValidationFailed, `the signature says y string, and the model's "y" is FP32`},
		"an answer that is no number": {signed(model, in, out, "", `{"inputs": [[-1, 4, 9, 16]]}`), "", models.ValidationPassed, `1 values of "y" are NaN or infinite`},
		"params": {
			signed(model, in, out, "  params: '[{\"name\": \"temperature\", \"type\": \"double\", \"default\": 0.5, \"shape\": null}]'\n", example), "",
			models.ValidationPassed, "the signature has the params temperature, which an ONNX model does not take",
		},
		"a model that is no ONNX":    {files{"MLmodel": "flavors: {sklearn: {}}"}, "", models.ValidationErrored, "slipway-serve runs no other"},
		"a model that does not load": {signed(made{opset: 99, operators: []string{"Sqrt"}}.onnx(), in, out, "", example), "", models.ValidationFailed, "the model does not load"},
		"a detector as mlflow logs it": {
			signed(onnxFiles(t, "v1")["model.onnx"], tensorOf("images", "float32", "[-1, 3, 160, 160]"), tensorOf("output0", "float32", "[-1, 8, 500]"), "", ""), "", models.ValidationPassed, "",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.needServe()
			w.apply("    - check: signature\n      " + tt.fields + "\n")
			v := w.validate(w.register(tt.files))
			require.Equal(t, tt.state, v.State, v.Reason)
			require.Contains(t, said(v.Steps[0]), tt.want)
		})
	}
}
