package checks

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
)

func TestAnswersAreCompared(t *testing.T) {
	t.Parallel()
	const served = `[{"y": 1.0}, {"y": -2.0}]`
	tests := map[string]struct {
		theirs, ours string
		settings     skewSettings
		differing    int
		want         string // among what is found
		err          string
	}{
		"the same":                       {served, served, skewSettings{}, 0, "", ""},
		"within the tolerance":           {`[{"y": 1.0005}, {"y": -2.001}]`, served, skewSettings{}, 0, "", ""},
		"beyond it, of one row":          {`[{"y": 1.0005}, {"y": -2.01}]`, served, skewSettings{}, 1, `row 2 of the rows: y is "-2.01" by mlflow and "-2" by slipway-serve`, ""},
		"within one of its own":          {`[{"y": 1.4}, {"y": -2.4}]`, served, skewSettings{ATol: 0.5}, 0, "", ""},
		"no name":                        {`[1, -2]`, served, skewSettings{}, 0, "", ""},
		"another name of the only one":   {`[{"score": 1}, {"score": -2}]`, served, skewSettings{}, 0, "", ""},
		"no name, and several served":    {`[1, -2]`, `{"label": [1, -2], "p": [[0.5, 0.5], [0.1, 0.9]]}`, skewSettings{}, 0, "", "name the one that is compared under output"},
		"no name, and one is named":      {`[1, -2]`, `{"label": [1, -2], "p": [[0.5, 0.5], [0.1, 0.9]]}`, skewSettings{Output: "label"}, 0, "", ""},
		"one that is named, and is none": {`[1, -2]`, served, skewSettings{Output: "label"}, 0, "", `slipway-serve gives ["y"], not "label"`},
		"an output that serving lacks":   {`[{"y": 1, "label": "cat"}, {"y": -2, "label": "dog"}]`, `[{"y": 1, "z": 1}, {"y": -2, "z": 1}]`, skewSettings{}, 0, `mlflow gives an output "label", which slipway-serve does not`, ""},
		"no output in common":            {`[{"a": 1, "b": 1}, {"a": 1, "b": 2}]`, `[{"y": 1, "z": 1}, {"y": -2, "z": 1}]`, skewSettings{}, 0, "", "no output has the same name"},
		"texts":                          {`["cat", "dog"]`, `[{"y": "cat"}, {"y": "cow"}]`, skewSettings{}, 1, `y is "dog" by mlflow and "cow" by slipway-serve`, ""},
		"numbers as texts":               {`["1", "-2"]`, served, skewSettings{}, 0, "", ""},
		"what is no number, twice":       {`[{"y": null}, {"y": -2}]`, `[{"y": null}, {"y": -2}]`, skewSettings{}, 0, "", ""},
		"what is no number, once":        {`[{"y": null}, {"y": -2}]`, served, skewSettings{}, 1, `y is "NaN" by mlflow and "1" by slipway-serve`, ""},
		"more values":                    {`[{"y": [1, 2]}, {"y": [1, 2]}]`, served, skewSettings{}, 2, "mlflow gives 4 values on the rows, and slipway-serve 2", ""},
		"an output of no rows":           {`{"y": [1, 2, 3]}`, `{"y": [1, 2, 3]}`, skewSettings{}, 0, "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := skewSettings{RTol: 1e-3, ATol: 1e-5, Output: tt.settings.Output}
			if tt.settings.ATol > 0 {
				settings.ATol = tt.settings.ATol
			}
			var report models.Report
			c := comparing{settings: settings, report: &report}
			err := c.add(skewAsk{what: "the rows", rows: 2}, said{predictions: parsed(t, tt.theirs)}, said{predictions: parsed(t, tt.ours)})
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			require.NoError(t, c.conclude())
			require.Equal(t, tt.differing, c.differing)
			var found []string
			for _, f := range report.Findings {
				found = append(found, f.Where+": "+f.Message)
			}
			require.Contains(t, strings.Join(found, "\n"), tt.want)
			if tt.differing == 0 && tt.want == "" {
				require.Empty(t, found)
			}
		})
	}
}

func parsed(t *testing.T, text string) (value any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	require.NoError(t, d.Decode(&value))
	return value
}
