package checks_test

import (
	"fmt"
	"image/color"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
)

const robustnessStep = "    - check: robustness\n      dataset: shapes-val@1\n"

func TestRobustness(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.needServe()
	w.push(nil)
	w.apply(robustnessStep + "      thresholds: {unanswered: \"<= 0\", \"map50_drop[flip_horizontal]\": \"<= 0.2\", worst_map50_drop: \"<= 0.9\"}\n")
	v := w.validate(w.register(onnxFiles(t, "v1")))
	require.Equal(t, models.ValidationPassed, v.State, v.Reason)
	got := measured(v.Steps[0])
	require.InDelta(t, reference(t, "v1").MAP50, got["map50"], 0.01, "unchanged pictures give what detection gives")
	require.InDelta(t, reference(t, "v1").MAP5095, got["map50_95"], 0.01)
	require.Equal(t, "brightness_up, brightness_down, contrast_up, contrast_down, blur, noise, jpeg, shift, flip_horizontal", v.Steps[0].Facts["changes"])
	worst := 0.0
	for _, change := range []string{"brightness_up", "brightness_down", "contrast_up", "contrast_down", "blur", "noise", "jpeg", "shift", "flip_horizontal"} {
		require.InDelta(t, got["map50"]-got["map50["+change+"]"], got["map50_drop["+change+"]"], 1e-12, change)
		require.InDelta(t, got["map50_95"]-got["map50_95["+change+"]"], got["map50_95_drop["+change+"]"], 1e-12, change)
		worst = max(worst, got["map50_drop["+change+"]"])
	}
	require.Equal(t, worst, got["worst_map50_drop"])
	require.Positive(t, got["map50_drop[blur]"], "a blurred picture is harder")
	require.InDelta(t, got["map50"], got["map50[shift]"], 0.2, "labels move with the picture")
	require.NotContains(t, got, "map50[flip_vertical]")
	require.EqualValues(t, 48, got["images"])
	require.Equal(t, "figures.json", v.Steps[0].Attachments[0].Name)

	v2 := w.validate(w.register(onnxFiles(t, "v1")))
	require.Equal(t, v.Steps[0].Measurements, v2.Steps[0].Measurements, "the same again")
}

func TestRobustnessFindsWhatNoDataSetShows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.needServe()
	w.push(nil)
	w.apply(detectionStep + robustnessStep + "      changes: [brightness_down]\n")
	v := w.validate(w.register(onnxFiles(t, "v3-fragile")))
	require.Equal(t, models.VerdictPassed, v.Steps[0].Verdict, "on the pictures of the data set it is as good as others")
	require.Equal(t, models.ValidationFailed, v.State)
	require.Regexp(t, `it does not answer an all-black picture: .*Gather`, v.Reason)
	require.Contains(t, said(v.Steps[1]), "error: brightness_down: it does not answer ", "nor pictures of the data set in the dark")
	require.NotContains(t, said(v.Steps[1]), "all-white")
	require.Positive(t, measured(v.Steps[1])["unanswered"])
}

func TestRobustnessOnOtherInput(t *testing.T) {
	t.Parallel()
	classes := "val: val/images\nnames: [bolt, washer, nut, "
	tests := map[string]struct {
		model   files
		changes files
		fields  string
		state   models.ValidationState
		want    string
	}{
		"changes that are named": {onnxFiles(t, "v1"), nil, "changes: [flip_vertical, jpeg]\n      sample: 5", models.ValidationPassed, ""},
		"a threshold on a change that is not made": {
			onnxFiles(t, "v1"), nil, "changes: [jpeg]\n      sample: 5\n      thresholds: {\"map50_drop[blur]\": \"<= 1\"}", models.ValidationErrored, "nothing measured map50_drop[blur]",
		},
		"a class that is another in a mirror": {
			onnxFiles(t, "v1"), files{"data.yaml": classes + "left screw]\n"}, "sample: 5", models.ValidationFailed, `info: flip_horizontal: the class "left screw" may be another in a mirror`,
		},
		"a stronger change":             {onnxFiles(t, "v1"), nil, "changes: [brightness_down]\n      strength: 2\n      sample: 5\n      thresholds: {\"map50[brightness_down]\": \"<= 0.01\"}", models.ValidationPassed, ""},
		"a model that is no detector":   {with(made{operators: []string{"Sqrt"}}.onnx(), nil), nil, "sample: 5", models.ValidationFailed, "the model is no detector"},
		"an image that does not decode": {onnxFiles(t, "v1"), files{"val/images/0007.jpg": "no picture"}, "", models.ValidationErrored, "val/images/0007.jpg does not decode"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.needServe()
			w.push(tt.changes)
			w.apply(robustnessStep + "      " + tt.fields + "\n")
			v := w.validate(w.register(tt.model))
			require.Equal(t, tt.state, v.State, v.Reason)
			require.Contains(t, said(v.Steps[0]), tt.want)
		})
	}
}

func TestRobustnessOfAClassifier(t *testing.T) {
	t.Parallel()
	all := files{}
	for i := range 4 {
		shade := uint8(200 + i)
		all[fmt.Sprintf("blue/%d.png", i)] = painted(t, color.RGBA{B: shade, A: 255})
		all[fmt.Sprintf("red/%d.png", i)] = painted(t, color.RGBA{R: shade, A: 255})
	}
	tests := map[string]struct {
		model  string
		fields string
		state  models.ValidationState
		want   string
		clean  float64
	}{
		"one that nothing confuses": {pooling(), "classes: [red, green, blue]\n      thresholds: {worst_accuracy_drop: \"<= 0\"}", models.ValidationPassed, "", 1},
		"in another order":          {pooling(), "classes: [green, blue, red]", models.ValidationPassed, "", 0},
		"one that fails in the dark": {
			pooling("Log", "Neg"), "classes: [red, green, blue]\n      changes: [blur]", models.ValidationFailed, "it does not answer an all-black picture: values of output \"y\" are no numbers", 0,
		},
		"no classifier": {made{operators: []string{"Sqrt"}}.onnx(), "changes: [blur]", models.ValidationFailed, "a classifier of pictures takes one FP32", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.needServe()
			w.pushAll("set", all)
			w.apply("    - check: robustness\n      dataset: set@1\n      " + tt.fields + "\n")
			v := w.validate(w.register(plain(tt.model)))
			require.Equal(t, tt.state, v.State, v.Reason)
			require.Contains(t, said(v.Steps[0]), tt.want)
			if tt.state == models.ValidationPassed {
				got := measured(v.Steps[0])
				require.InDelta(t, tt.clean, got["accuracy"], 1e-12)
				require.InDelta(t, got["accuracy"]-got["accuracy[jpeg]"], got["accuracy_drop[jpeg]"], 1e-12)
				require.NotContains(t, got, "map50")
			}
		})
	}
}
