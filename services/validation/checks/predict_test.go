package checks_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
)

func plain(model string) files {
	return files{"model.onnx": model, "MLmodel": "flavors:\n  onnx: {data: model.onnx}\n"}
}

// flowers is a table of three classes that its largest number tells, but for
// one row in ten; more rows than a request holds.
func flowers(names [3]string) (table string, right, german int) {
	var b strings.Builder
	b.WriteString("a,b,c,kind,country\n")
	for i := range 600 {
		row := []string{"0.25", "0.25", "0.25"}
		row[i%3] = "2.5"
		truth, country := i%3, "FR"
		if i%10 == 0 {
			truth = (i + 1) % 3
		} else {
			right++
		}
		if i%2 == 0 {
			country = "DE"
			german++
		}
		fmt.Fprintf(&b, "%s,%s,%s\n", strings.Join(row, ","), names[truth], country)
	}
	return b.String(), right, german
}

// tableCase is a step on a table and what comes of it.
type tableCase struct {
	model, table, fields string
	state                models.ValidationState
	want                 string
	figures              map[string]float64
}

func (tt tableCase) holds(t *testing.T, check string) {
	t.Helper()
	w := newWorld(t)
	w.needServe()
	w.pushAll("set", files{"rows.csv": tt.table})
	w.apply("    - check: " + check + "\n      " + tt.fields + "\n")
	v := w.validate(w.register(plain(tt.model)))
	require.Equal(t, tt.state, v.State, v.Reason)
	require.Contains(t, said(v.Steps[0]), tt.want)
	for figure, want := range tt.figures {
		require.InDelta(t, want, measured(v.Steps[0])[figure], 1e-6, figure)
	}
}

func TestClassificationOfATable(t *testing.T) {
	t.Parallel()
	words := [3]string{"iris", "lily", "rose"}
	table, right, german := flowers(words)
	numbered, _, _ := flowers([3]string{"0", "1", "2"})
	softmax, scores := made{operators: []string{"Softmax"}, dims: []int64{-1, 3}}.onnx(), made{operators: []string{"Identity"}, dims: []int64{-1, 3}}.onnx()
	const fields = "dataset: set@1\n      target: kind\n      features: [a, b, c]\n      "
	p := math.Exp(2.25) / (math.Exp(2.25) + 2)
	tests := map[string]tableCase{
		"probabilities": {softmax, table, fields + `slices: [{name: german, where: {column: country, value: DE}}]`, models.ValidationPassed, "", map[string]float64{
			"accuracy": float64(right) / 600, "samples": 600, "samples{german}": float64(german), "accuracy{german}": 0.8,
			"log_loss": -(540*math.Log(p) + 60*math.Log((1-p)/2)) / 600, "calibration_error": math.Abs(p - 0.9),
		}},
		"logits":                     {scores, table, fields, models.ValidationPassed, "", map[string]float64{"accuracy": 0.9, "calibration_error": math.Abs(p - 0.9)}},
		"numbers for classes":        {softmax, numbered, fields, models.ValidationPassed, "", map[string]float64{"accuracy": 0.9, "recall[2]": 0.9}},
		"classes in another order":   {softmax, table, fields + "classes: [iris, rose, lily]", models.ValidationPassed, "", map[string]float64{"accuracy": 1.0 / 3}},
		"a class nobody knows":       {softmax, table, fields + "classes: [iris, lily, tulip]", models.ValidationFailed, `200 samples are "rose", which is none of the model's classes`, nil},
		"another number of classes":  {softmax, table, fields + "classes: [iris, lily]", models.ValidationErrored, "cannot be told from", nil},
		"too many columns":           {softmax, table, "dataset: set@1\n      target: kind", models.ValidationErrored, "name those that it takes under features", nil},
		"no such target":             {softmax, table, "dataset: set@1\n      target: sort", models.ValidationErrored, `target: the data set has no column "sort"`, nil},
		"no target":                  {softmax, table, "dataset: set@1", models.ValidationErrored, "target: name the column", nil},
		"no such feature":            {softmax, table, "dataset: set@1\n      target: kind\n      features: [a, b, d]", models.ValidationErrored, `features: the data set has no column "d"`, nil},
		"a slice that holds nothing": {softmax, table, fields + `slices: [{name: x, where: {column: country, value: XX}}]`, models.ValidationErrored, `the slice "x" has no sample`, nil},
		"a threshold":                {softmax, table, fields + `thresholds: {accuracy: ">= 0.95"}`, models.ValidationFailed, "accuracy is 0.9, asked for >= 0.95", nil},
		"not a number":               {made{operators: []string{"Sqrt", "Log"}, dims: []int64{-1, 3}}.onnx(), strings.ReplaceAll(table, "0.25,", "-1,"), fields, models.ValidationFailed, "predictions are NaN or infinite", nil},
		"rows without a class":       {softmax, table + "2.5,0.25,0.25,,DE\n", fields, models.ValidationPassed, "1 rows have no true class", map[string]float64{"samples": 600}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.holds(t, "classification")
		})
	}
}

func TestRegressionOfATable(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("x,y,part\n")
	squares, sum, n := 0.0, 0.0, 500
	for i := range n {
		x, off := float64(i), float64(i%5-2)
		fmt.Fprintf(&b, "%g,%g,p%d\n", x*x, x-off, i%2) // the model takes the root
		squares += off * off
		sum += math.Abs(off)
	}
	root := made{operators: []string{"Sqrt"}, dims: []int64{-1, 1}}.onnx()
	const fields = "dataset: set@1\n      target: y\n      features: [x]\n      "
	tests := map[string]tableCase{
		"errors": {root, b.String(), fields + "slices: [{name: even, where: {column: part, value: p0}}]", models.ValidationPassed, "", map[string]float64{
			"mae": sum / float64(n), "rmse": math.Sqrt(squares / float64(n)), "max_error": 2, "bias": 0, "rows": 500, "rows{even}": 250,
		}},
		"a threshold":             {root, b.String(), fields + `thresholds: {mae: "<= 1"}`, models.ValidationFailed, "mae is 1.2, asked for <= 1", nil},
		"a target of words":       {root, b.String(), "dataset: set@1\n      target: part\n      features: [x]", models.ValidationErrored, `target: the column "part" is of type text`, nil},
		"more than one number":    {made{operators: []string{"Sqrt"}, dims: []int64{-1, 2}}.onnx(), b.String(), "dataset: set@1\n      target: y\n      features: [x, x]", models.ValidationErrored, `"y" is no output with one number a row`, nil},
		"not a number":            {root, b.String() + "-1,5,p0\n", fields, models.ValidationFailed, "1 predictions are NaN or infinite", nil},
		"rows without a truth":    {root, b.String() + "1,,p0\n", fields, models.ValidationPassed, "1 rows have no true number", map[string]float64{"rows": 500}},
		"a truth that stays same": {root, "x,y\n4,1\n9,1\n", fields, models.ValidationPassed, "r2 cannot be told", map[string]float64{"mae": 1.5}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.holds(t, "regression")
		})
	}
}

// painted is a picture of one colour.
func painted(t *testing.T, c color.Color) string {
	t.Helper()
	im := image.NewRGBA(image.Rect(0, 0, 40, 30))
	for i := range 40 * 30 {
		im.Set(i%40, i/40, c)
	}
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, im))
	return b.String()
}

func TestClassificationOfPictures(t *testing.T) {
	t.Parallel()
	all := files{}
	for i := range 4 {
		shade := uint8(200 + i)
		all[fmt.Sprintf("blue/%d.png", i)] = painted(t, color.RGBA{B: shade, A: 255})
		all[fmt.Sprintf("green/%d.png", i)] = painted(t, color.RGBA{G: shade, A: 255})
		all[fmt.Sprintf("red/%d.png", i)] = painted(t, color.RGBA{R: shade, A: 255})
	}
	all["red/4.png"] = painted(t, color.RGBA{G: 90, A: 255}) // it is green
	// The mean of each plane: red, green and blue.
	model := pooling()
	for name, tt := range map[string]struct {
		fields, want string
		state        models.ValidationState
		accuracy     float64
	}{
		"in the order of the output":  {"classes: [red, green, blue]", "", models.ValidationPassed, 12.0 / 13},
		"stretched, with a scale":     {"classes: [red, green, blue]\n      picture: {fit: stretch, mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2]}", "", models.ValidationPassed, 12.0 / 13},
		"in the order of the folders": {"", "", models.ValidationPassed, 4.0 / 13},
		"without one picture":         {"classes: [red, green, blue]\n      exclude: [red/4.png]", "", models.ValidationPassed, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.needServe()
			w.pushAll("set", all)
			w.apply("    - check: classification\n      dataset: set@1\n      " + tt.fields + "\n")
			v := w.validate(w.register(plain(model)))
			require.Equal(t, tt.state, v.State, v.Reason)
			require.InDelta(t, tt.accuracy, measured(v.Steps[0])["accuracy"], 1e-9)
		})
	}
}

// pooling is a model of FP32 [1,3,8,8] that gives the mean of each plane, after
// operators that change it.
func pooling(more ...string) string {
	value := func(name string, dims ...int64) string {
		var shape message
		for _, n := range dims {
			shape = shape.text(1, string(message{}.number(1, n)))
		}
		return string(message{}.text(1, name).text(2, string(message{}.text(1, string(message{}.number(1, 1).text(2, string(shape)))))))
	}
	pool := message{}.text(1, "x").text(2, "p").text(4, "GlobalAveragePool")
	from := "p"
	graph := message{}.text(1, string(pool))
	for i, operator := range more {
		to := string(rune('a' + i))
		graph = graph.text(1, string(message{}.text(1, from).text(2, to).text(4, operator)))
		from = to
	}
	flat := message{}.text(1, from).text(2, "y").text(4, "Flatten")
	graph = graph.text(1, string(flat)).text(2, "g").text(11, value("x", 1, 3, 8, 8)).text(12, value("y", 1, 3))
	return string(message{}.number(1, 8).text(7, string(graph)).text(8, string(message{}.text(1, "").number(2, 17))))
}

func TestTablesAreComparedWithAnotherVersion(t *testing.T) {
	t.Parallel()
	names := [3]string{"iris", "lily", "rose"}
	table, _, _ := flowers(names)
	w := newWorld(t)
	w.needServe()
	w.pushAll("flowers", files{"rows.csv": table})
	var roots strings.Builder
	roots.WriteString("x,y,part\n")
	for i := range 500 {
		fmt.Fprintf(&roots, "%d,%g,p%d\n", i*i, float64(i)-float64(i%5-2), i%2)
	}
	w.pushAll("roots", files{"rows.csv": roots.String()})
	good, poor := made{operators: []string{"Softmax"}, dims: []int64{-1, 3}}.onnx(), made{operators: []string{"Neg", "Softmax"}, dims: []int64{-1, 3}}.onnx()
	root, zero := made{operators: []string{"Sqrt"}, dims: []int64{-1, 1}}.onnx(), made{operators: []string{"Sqrt", "Sqrt"}, dims: []int64{-1, 1}}.onnx()
	step := func(check, compare string) string {
		set := "flowers@1\n      target: kind\n      features: [a, b, c]\n"
		if check == "regression" {
			set = "roots@1\n      target: y\n      features: [x]\n"
		}
		return "    - check: " + check + "\n      dataset: " + set + "      " + compare + "\n"
	}
	w.apply(step("classification", ""))
	first := w.validate(w.register(plain(good)))
	require.Equal(t, models.ValidationPassed, first.State, first.Reason)
	w.validate(w.register(plain(root))) // version 2

	for name, tt := range map[string]struct {
		check, compare, model string
		state                 models.ValidationState
		says                  string
	}{
		"as good": {"classification", "compare: {against: {version: 1}, no_worse_than: 0.01}", good, models.ValidationPassed, "f1_macro is 0.9"},
		"poor":    {"classification", "compare: {against: {version: 1}, no_worse_than: 0.1}", poor, models.ValidationFailed, "worse by more than 0.1"},
		"a figure whose less is better": {
			"classification", "compare: {against: {version: 1}, no_worse_than: 0.1, metrics: [log_loss]}", poor, models.ValidationFailed, "worse by more than 0.1",
		},
		"of a class": {"classification", `compare: {against: {version: 1}, no_worse_than: 0.1, metrics: ["recall[rose]"]}`, good, models.ValidationPassed, "recall[rose] is 0.9"},
		"of a slice": {
			"classification", "compare: {against: {version: 1}, no_worse_than: 0.1, metrics: [\"accuracy{german}\"]}\n      slices: [{name: german, where: {column: country, value: DE}}]",
			poor, models.ValidationFailed, "accuracy{german} is",
		},
		"of no numbers":  {"classification", "compare: {against: {version: 2}, no_worse_than: 0.1}", good, models.ValidationPassed, "cannot be measured on flowers@1"},
		"errors":         {"regression", "compare: {against: {version: 2}, no_worse_than: 0.1}", root, models.ValidationPassed, "mae is 1.2"},
		"larger errors":  {"regression", "compare: {against: {version: 2}, no_worse_than: 0.1}", zero, models.ValidationFailed, "worse by more than 0.1"},
		"few rows":       {"regression", "compare: {against: {version: 2}, no_worse_than: 0, metrics: [rmse]}\n      compare_by: estimate", root, models.ValidationPassed, "no worse by more than 0"},
		"nothing so far": {"regression", `compare: {against: "@nobody", no_worse_than: 0}`, root, models.ValidationPassed, "runs no version yet"},
	} {
		w.apply(step(tt.check, tt.compare))
		v := w.validate(w.register(plain(tt.model)))
		require.Equal(t, tt.state, v.State, "%s: %s\n%s", name, v.Reason, said(v.Steps[0]))
		require.Contains(t, said(v.Steps[0]), tt.says, name)
	}
}
