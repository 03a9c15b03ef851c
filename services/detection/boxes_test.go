package detection_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/detection"
)

func TestHeadOfOneOutput(t *testing.T) {
	t.Parallel()
	names := func(n int) detection.Meta { return detection.Meta{Names: make([]string, n)} }
	ends := detection.Meta{Names: make([]string, 2), EndToEnd: true}
	for name, c := range map[string]struct {
		shape  []int64
		meta   detection.Meta
		values []float32 // repeated; nil: 20
		want   detection.Layout
	}{
		"YOLOv8 with names":                      {[]int64{1, 8, 500}, names(4), nil, detection.YOLOv8},
		"YOLOv8 without names":                   {[]int64{1, 84, 8400}, names(0), nil, detection.YOLOv8},
		"YOLOv8 of two classes":                  {[]int64{1, 6, 8400}, names(2), nil, detection.YOLOv8},
		"YOLOv5 with names":                      {[]int64{1, 25200, 85}, names(80), nil, detection.YOLOv5},
		"YOLOv5 without names":                   {[]int64{1, 25200, 85}, names(0), nil, detection.YOLOv5},
		"YOLOv5 of one class, by its anchors":    {[]int64{1, 1575, 6}, names(1), nil, detection.YOLOv5},
		"YOLOv8 of one class":                    {[]int64{1, 5, 525}, names(1), nil, detection.YOLOv8},
		"end to end":                             {[]int64{1, 300, 6}, names(3), nil, detection.EndToEnd},
		"end to end of one class":                {[]int64{1, 300, 6}, names(1), nil, detection.EndToEnd},
		"end to end of two classes":              {[]int64{1, 300, 6}, names(2), nil, detection.EndToEnd},
		"end to end of two classes, all padding": {[]int64{1, 300, 6}, names(2), []float32{0}, detection.EndToEnd},
		"end to end of two, by its metadata":     {[]int64{1, 300, 6}, ends, []float32{.5}, detection.EndToEnd},
		"end to end without names":               {[]int64{1, 300, 6}, names(0), nil, detection.EndToEnd},
		"end to end that found nothing":          {[]int64{1, 0, 6}, names(3), nil, detection.EndToEnd},
		"RT-DETR":                                {[]int64{1, 300, 84}, names(80), []float32{.5}, detection.RTDETR},
		"RT-DETR of two classes":                 {[]int64{1, 300, 6}, names(2), []float32{.5}, detection.RTDETR},
		"RT-DETR of one class":                   {[]int64{1, 300, 5}, names(1), []float32{.5}, detection.RTDETR},
		"RT-DETR without names":                  {[]int64{1, 300, 84}, names(0), []float32{.5}, detection.RTDETR},
		"a few anchors of YOLOv5 without names":  {[]int64{1, 252, 85}, names(0), nil, detection.YOLOv5},
		"YOLOv7 with suppression":                {[]int64{3, 7}, names(4), []float32{0, 9, 9, 20, 20, 1, .5}, detection.Batched},
		"YOLOv7 that found nothing":              {[]int64{0, 7}, names(4), nil, detection.Batched},
		"a classifier":                           {[]int64{1, 1000}, names(0), nil, ""},
		"a classifier of seven":                  {[]int64{1, 7}, names(7), []float32{.1, .1, .1, .1, .1, .1, .4}, ""},
		"a segmenter":                            {[]int64{1, 3, 160, 160}, names(0), nil, ""},
		"too many channels for its names":        {[]int64{1, 40, 500}, names(4), nil, ""},
		"a batch of two":                         {[]int64{2, 8, 500}, names(4), nil, ""},
		"an embedding":                           {[]int64{1, 1, 768}, names(0), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := output("output0", c.values, c.shape...)
			got, err := detection.HeadOf([]detection.Output{o}, detection.Input{Meta: c.meta, Height: 160, Width: 160}, "")
			require.Equal(t, c.want, got.Layout)
			if c.want == "" {
				require.True(t, models.IsKind(err, models.KindInvalid))
				require.ErrorContains(t, err, "no detector")
				return
			}
			require.NoError(t, err)
		})
	}
}

// output repeats values (20) over a shape.
func output(name string, values []float32, shape ...int64) detection.Output {
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	if values == nil {
		values = []float32{20}
	}
	data := make([]float32, n)
	for i := range data {
		data[i] = values[i%len(values)]
	}
	return detection.Output{Name: name, Shape: shape, Data: data}
}

func TestHeadOfSeveralOutputs(t *testing.T) {
	t.Parallel()
	whole := func(o detection.Output) detection.Output { o.Integer = true; return o }
	in := detection.Input{Meta: detection.Meta{Names: make([]string, 4)}, Height: 160, Width: 160}
	for name, c := range map[string]struct {
		outputs []detection.Output
		want    detection.Layout
	}{
		"logits and boxes":                    {[]detection.Output{output("logits", nil, 1, 100, 4), output("pred_boxes", nil, 1, 100, 4)}, detection.DETR},
		"logits with no-object and boxes":     {[]detection.Output{output("logits", nil, 1, 100, 5), output("pred_boxes", nil, 1, 100, 4)}, detection.DETR},
		"boxes, classes, scores":              {[]detection.Output{output("boxes", nil, 7, 4), whole(output("labels", nil, 7)), output("scores", nil, 7)}, detection.Final},
		"the same of a batch of one":          {[]detection.Output{output("boxes", nil, 1, 7, 4), output("labels", nil, 1, 7), output("scores", nil, 1, 7)}, detection.Final},
		"boxes with scores, classes":          {[]detection.Output{output("dets", nil, 1, 7, 5), whole(output("labels", nil, 1, 7))}, detection.FinalDets},
		"a YOLOv5 with its raw heads dropped": {[]detection.Output{output("output", nil, 1, 1575, 9), output("other", nil, 1, 2)}, detection.YOLOv5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := detection.HeadOf(c.outputs, in, "")
			require.NoError(t, err)
			require.Equal(t, c.want, got.Layout)
			_, err = detection.HeadOf(c.outputs, in, c.want)
			require.NoError(t, err)
			_, err = detection.HeadOf(c.outputs, in, detection.YOLOv8)
			require.ErrorContains(t, err, "not in layout yolov8")
		})
	}
	other := detection.Input{Classes: 7, Height: 160, Width: 160}
	got, err := detection.HeadOf([]detection.Output{output("output0", nil, 1, 8, 500)}, other, "")
	require.NoError(t, err, "without names, another count is the caller's to judge")
	require.Equal(t, 4, got.Classes)
	_, err = detection.HeadOf(nil, in, "yolov9")
	require.ErrorContains(t, err, "none of")
}

func TestBoxes(t *testing.T) {
	t.Parallel()
	fit := detection.Fit{RatioX: 0.5, RatioY: 0.5, Left: 0, Top: 20, Width: 320, Height: 240}
	in := detection.Input{Meta: detection.Meta{Names: []string{"a", "b"}}, Height: 160, Width: 160}
	nan := float32(math.NaN())
	one := func(shape []int64, data ...float32) []detection.Output {
		return []detection.Output{{Name: "output0", Shape: shape, Data: data}}
	}
	logit := func(p float64) float32 { return float32(math.Log(p / (1 - p))) }
	// Three anchors: two that overlap, one of another class at the same place.
	v8 := one(
		[]int64{1, 6, 3},
		50, 51, 50, // cx
		60, 60, 60, // cy
		20, 20, 20, // w
		20, 20, 20, // h
		0.9, 0.8, 0.1, // class a
		0.1, 0.2, 0.7, // class b
	)
	v5 := one(
		[]int64{1, 3, 7},
		50, 60, 20, 20, 0.9, 1, 0.1,
		51, 60, 20, 20, 0.8, 1, 0.2,
		50, 60, 20, 20, 0.7, 0.1, 1,
	)
	want := []detection.Box{
		{ClassID: 0, Class: "a", Score: float64(float32(0.9)), Box: detection.Rect{80, 60, 120, 100}},
		{ClassID: 1, Class: "b", Score: float64(float32(0.7)), Box: detection.Rect{80, 60, 120, 100}},
	}
	o := detection.Options{Confidence: 0.25, IoU: 0.7, MaxDet: 300}
	boxes := func(outputs []detection.Output, l detection.Layout, o detection.Options) []detection.Box {
		head, err := detection.HeadOf(outputs, in, l)
		require.NoError(t, err)
		return head.Boxes(outputs, in, fit, o)
	}
	for layout, outputs := range map[detection.Layout][]detection.Output{
		detection.YOLOv8: v8,
		detection.YOLOv5: v5,
		detection.EndToEnd: one(
			[]int64{1, 4, 6},
			40, 50, 60, 70, 0.7, 1,
			40, 50, 60, 70, 0.9, 0,
			40, 50, 60, 70, 0.2, 1,
			40, nan, 60, 70, 0.8, 1,
		),
		detection.Batched: one(
			[]int64{2, 7},
			0, 40, 50, 60, 70, 1, 0.7,
			0, 40, 50, 60, 70, 0, 0.9,
		),
		detection.RTDETR: one(
			[]int64{1, 3, 6},
			0.3125, 0.375, 0.125, 0.125, 0.1, 0.7,
			0.3125, 0.375, 0.125, 0.125, 0.9, 0.1,
			0.3125, 0.375, 0.125, 0.125, 0.2, 0.1,
		),
		detection.DETR: {
			{Name: "pred_boxes", Shape: []int64{1, 2, 4}, Data: []float32{0.3125, 0.375, 0.125, 0.125, 0.3125, 0.375, 0.125, 0.125}},
			{Name: "logits", Shape: []int64{1, 2, 2}, Data: []float32{logit(.1), logit(.7), logit(.9), logit(.1)}},
		},
		detection.Final: {
			{Name: "boxes", Shape: []int64{3, 4}, Data: []float32{40, 50, 60, 70, 40, 50, 60, 70, 0, 0, 0, 0}},
			{Name: "scores", Shape: []int64{3}, Data: []float32{0.7, 0.9, 0.8}},
			{Name: "labels", Shape: []int64{3}, Data: []float32{1, 0, -1}, Integer: true},
		},
		detection.FinalDets: {
			{Name: "dets", Shape: []int64{1, 2, 5}, Data: []float32{40, 50, 60, 70, 0.7, 40, 50, 60, 70, 0.9}},
			{Name: "labels", Shape: []int64{1, 2}, Data: []float32{1, 0}, Integer: true},
		},
	} {
		got := boxes(outputs, layout, o)
		require.Len(t, got, 2, layout)
		for i := range want {
			require.InDelta(t, want[i].Score, got[i].Score, 1e-6, layout)
			require.Equal(t, want[i].Box, got[i].Box, layout)
			require.Equal(t, want[i].Class, got[i].Class, layout)
		}
	}

	o.MaxDet = 1
	require.Equal(t, want[:1], boxes(v8, "", o))
	o = detection.Options{Confidence: 0.25, IoU: 0.99, MaxDet: 300}
	require.Len(t, boxes(v8, "", o), 3, "nothing overlaps so much")
	outside := one([]int64{1, 1, 6}, -50, -50, 500, 500, 0.9, 0)
	require.Equal(t, detection.Rect{0, 0, 320, 240}, boxes(outside, detection.EndToEnd, o)[0].Box, "clipped to the picture")

	o = detection.Options{Confidence: 0.15, IoU: 0.7, MaxDet: 300, Convention: detection.Ultralytics}
	several := []float64{0.9, 0.7, 0.2}
	for _, outputs := range [][]detection.Output{v8, one([]int64{1, 1, 7}, 50, 60, 20, 20, 1, 0.9, 0.7)} {
		got := boxes(outputs, "", o)
		require.GreaterOrEqual(t, len(got), 2)
		for i, b := range got[:2] {
			require.InDelta(t, several[i], b.Score, 1e-6, "an anchor gives each of its classes")
		}
	}
}

func TestSoftmaxHasAClassForNothing(t *testing.T) {
	t.Parallel()
	in := detection.Input{Meta: detection.Meta{Names: []string{"a", "b"}}, Height: 160, Width: 160}
	outputs := []detection.Output{
		{Name: "logits", Shape: []int64{1, 2, 3}, Data: []float32{0, 0, 5, 3, 0, 0}},
		{Name: "pred_boxes", Shape: []int64{1, 2, 4}, Data: []float32{.5, .5, .1, .1, .5, .5, .1, .1}},
	}
	head, err := detection.HeadOf(outputs, in, "")
	require.NoError(t, err)
	got := head.Boxes(outputs, in, detection.Fit{RatioX: 1, RatioY: 1, Width: 160, Height: 160}, detection.DefaultOptions)
	require.Len(t, got, 1, "the first query saw nothing")
	require.InDelta(t, math.Exp(3)/(math.Exp(3)+2), got[0].Score, 1e-6)
}

func TestAnswerKeepsItsBoxes(t *testing.T) {
	t.Parallel()
	want := detection.Answer{Width: 640, Height: 480, InputWidth: 160, InputHeight: 96, Classes: 4, Layout: detection.YOLOv8, Boxes: []detection.Box{
		{ClassID: 3, Score: float64(float32(0.3)), Box: detection.Rect{-1.5, 2, 3, 1e9}}, {ClassID: 70000, Score: 1},
	}}
	text := want.Append(nil)
	got, err := detection.ReadAnswer(text)
	require.NoError(t, err)
	require.Equal(t, want, got)
	for n := range text {
		if got, err = detection.ReadAnswer(text[:n]); err == nil {
			require.Less(t, len(got.Boxes), 2, "cut off at %d", n)
		}
	}
}

func TestOptionsValidate(t *testing.T) {
	t.Parallel()
	require.NoError(t, detection.DefaultOptions.Validate())
	require.NoError(t, detection.EvalOptions.Validate())
	require.ErrorContains(t, detection.Options{Confidence: math.NaN(), IoU: 0.7, MaxDet: 1}.Validate(), "conf")
	require.ErrorContains(t, detection.Options{Confidence: 0.1, IoU: 2, MaxDet: 1}.Validate(), "iou")
	require.ErrorContains(t, detection.Options{Confidence: 0.1, IoU: 0.7}.Validate(), "max_det")
	require.ErrorContains(t, detection.Options{Confidence: 0.1, IoU: 0.7, MaxDet: 1, Convention: "voc"}.Validate(), "convention")
}
