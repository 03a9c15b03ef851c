package checks_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/tests/testbed"
)

// byPython gives a version whose flavour for mlflow is Python of its own beside
// the ONNX file that is served.
func byPython(model, code string, example string) files {
	f := files{
		"model.onnx": model, "code/flavour.py": code,
		"MLmodel": "flavors:\n  onnx: {data: model.onnx}\n  python_function: {loader_module: flavour, code: code, data: model.onnx}\n",
	}
	if example != "" {
		f["MLmodel"] += "saved_input_example_info: {serving_input_path: example.json, artifact_path: example.json, type: dataframe}\n"
		f["example.json"] = example
	}
	return f
}

// flavour is a loader that answers a table by an expression of x, its numbers.
func flavour(answer string) string {
	return "import numpy as np\nimport pandas as pd\nclass Model:\n    def predict(self, data):\n        x = np.asarray(data, dtype=np.float32)\n        return " +
		answer + "\ndef _load_pyfunc(path):\n    return Model()\n"
}

func TestSkew(t *testing.T) {
	t.Parallel()
	doubled := made{operators: []string{"Relu"}, dims: []int64{-1, 3}}.onnx() // y = max(x, 0)
	const example = `{"dataframe_split": {"columns": ["a", "b", "c"], "data": [[1, -2, 3], [0.5, 0.25, -1]]}}`
	const honest = "np.maximum(x, 0)"
	var rows strings.Builder
	rows.WriteString("a,b,c\n")
	for i := range 500 {
		_, _ = fmt.Fprintf(&rows, "%d,%d,0.5\n", i%7-3, i)
	}
	onnx := files{
		"model.onnx": doubled, "example.json": example,
		"MLmodel": "flavors:\n  onnx: {data: model.onnx}\n  python_function: {loader_module: mlflow.onnx, data: model.onnx}\n" +
			"saved_input_example_info: {serving_input_path: example.json, artifact_path: example.json, type: dataframe}\n",
	}
	tests := map[string]struct {
		files        files
		fields       string
		python       string
		state        models.ValidationState
		want         string
		rows, differ float64
	}{
		"an ONNX model as mlflow saves it":         {onnx, "dataset: rows@1", "", models.ValidationPassed, "", 102, 0},
		"a flavour that does what the ONNX does":   {byPython(doubled, flavour("pd.DataFrame({'y': list("+honest+")})"), example), "dataset: rows@1\n      rows: 50", "", models.ValidationPassed, "", 52, 0},
		"a flavour that scales what serving lacks": {byPython(doubled, flavour("np.maximum(x / 255, 0)"), example), "", "", models.ValidationFailed, `row 1 of the input example: y is "0.003921568859368563" by mlflow and "1" by slipway-serve`, 2, 2},
		"one row in a hundred":                     {byPython(doubled, flavour("np.where(x[:, [1]] == 250, 9, "+honest+")"), ""), "dataset: rows@1", "", models.ValidationFailed, "1 of 100 rows differently", 100, 1},
		"a flavour that fails":                     {byPython(doubled, flavour("1 / 0"), example), "", "", models.ValidationFailed, "slipway-serve answers, and mlflow does not: ZeroDivisionError: division by zero", 2, 2},
		"a flavour that does not load":             {byPython(doubled, "raise RuntimeError('no weights')", example), "", "", models.ValidationErrored, "mlflow does not load the saved flavour: RuntimeError: no weights", 0, 0},
		"a flavour that ends its process":          {byPython(doubled, flavour("__import__('os')._exit(4)"), example), "", "", models.ValidationErrored, "mlflow did not answer: exit code 4", 0, 0},
		"no flavour for mlflow":                    {plain(doubled), "dataset: rows@1", "", models.ValidationErrored, "MLmodel has no flavour python_function", 0, 0},
		"nothing to ask":                           {byPython(doubled, flavour(honest), ""), "", "", models.ValidationErrored, "there is nothing to ask", 0, 0},
		"no Python":                                {onnx, "", "no-such-python", models.ValidationErrored, `there is no Python here to run mlflow: --python names "no-such-python"`, 0, 0},
		"a Python without mlflow":                  {onnx, "", "/usr/bin/python3", models.ValidationErrored, "the Python environment has no mlflow that could run the model: ModuleNotFoundError", 0, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.needServe()
			if w.Settings.Python = tt.python; tt.python == "" {
				w.Settings.Python = testbed.Python(t)
			}
			if strings.Contains(tt.fields, "dataset") {
				w.pushAll("rows", files{"rows.csv": rows.String()})
			}
			w.apply("    - check: skew\n      environment: server\n      " + tt.fields + "\n")
			v := w.validate(w.register(tt.files))
			require.Equal(t, tt.state, v.State, "%s\n%s", v.Reason, w.log(v.Steps[0]))
			require.Contains(t, said(v.Steps[0]), tt.want)
			if tt.state != models.ValidationErrored {
				got := measured(v.Steps[0])
				require.Equal(t, []float64{tt.rows, tt.differ}, []float64{got["rows"], got["differing"]}, "%v\n%s", got, said(v.Steps[0]))
			}
		})
	}
}

// The pictures of a data set are asked as the tensors that the model takes.
func TestSkewOfADetector(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.needServe()
	w.Settings.Python = testbed.Python(t)
	w.push(nil)
	w.apply("    - check: skew\n      dataset: shapes-val@1\n      images: 3\n      thresholds: {differing_share: \"<= 0\"}\n")
	v := w.validate(w.register(onnxFiles(t, "v1")))
	require.Equal(t, models.ValidationPassed, v.State, "%s\n%s", v.Reason, w.log(v.Steps[0]))
	got := measured(v.Steps[0])
	require.InDelta(t, 3, got["rows"], 0)
	require.Greater(t, got["values"], 1000.0)
	require.Contains(t, said(v.Steps[0]), "warning: environment: mlflow runs in the server's Python (--python): this server has no uv")
	require.Equal(t, "3.17.2", v.Steps[0].Facts["mlflow"])
}
