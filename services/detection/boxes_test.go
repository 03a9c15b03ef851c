package detection_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/detection"
)

func TestLayoutOf(t *testing.T) {
	t.Parallel()
	names := func(n int) detection.Meta { return detection.Meta{Names: make([]string, n)} }
	for name, c := range map[string]struct {
		shape []int64
		meta  detection.Meta
		want  detection.Layout
	}{
		"YOLOv8 with names":                   {[]int64{1, 8, 500}, names(4), detection.YOLOv8},
		"YOLOv8 without names":                {[]int64{1, 84, 8400}, names(0), detection.YOLOv8},
		"YOLOv8 of two classes":               {[]int64{1, 6, 8400}, names(2), detection.YOLOv8},
		"YOLOv5 with names":                   {[]int64{1, 25200, 85}, names(80), detection.YOLOv5},
		"YOLOv5 without names":                {[]int64{1, 25200, 85}, names(0), detection.YOLOv5},
		"YOLOv5 of one class, by its anchors": {[]int64{1, 1575, 6}, names(1), detection.YOLOv5},
		"YOLOv8 of one class":                 {[]int64{1, 5, 525}, names(1), detection.YOLOv8},
		"end to end":                          {[]int64{1, 300, 6}, names(3), detection.EndToEnd},
		"end to end of one class":             {[]int64{1, 300, 6}, names(1), detection.EndToEnd},
		"end to end without names":            {[]int64{1, 300, 6}, names(0), detection.EndToEnd},
		"end to end that found nothing":       {[]int64{1, 0, 6}, names(3), detection.EndToEnd},
		"a classifier":                        {[]int64{1, 1000}, names(0), ""},
		"a segmenter":                         {[]int64{1, 3, 160, 160}, names(0), ""},
		"too many channels for its names":     {[]int64{1, 40, 500}, names(4), ""},
		"a batch of two":                      {[]int64{2, 8, 500}, names(4), ""},
		"an embedding":                        {[]int64{1, 1, 768}, names(0), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := detection.LayoutOf(c.shape, c.meta, 160, 160)
			require.Equal(t, c.want, got)
			if c.want == "" {
				require.True(t, models.IsKind(err, models.KindInvalid))
				require.ErrorContains(t, err, "no detector")
				return
			}
			require.NoError(t, err)
			require.NoError(t, got.Check(c.shape))
		})
	}
}

func TestBoxes(t *testing.T) {
	t.Parallel()
	fit := detection.Fit{Ratio: 0.5, Left: 0, Top: 20, Width: 320, Height: 240}
	meta := detection.Meta{Names: []string{"a", "b"}}
	nan := float32(math.NaN())
	// Three anchors: two that overlap, one of another class at the same place.
	v8 := []float32{
		50, 51, 50, // cx
		60, 60, 60, // cy
		20, 20, 20, // w
		20, 20, 20, // h
		0.9, 0.8, 0.1, // class a
		0.1, 0.2, 0.7, // class b
	}
	v5 := []float32{
		50, 60, 20, 20, 0.9, 1, 0.1,
		51, 60, 20, 20, 0.8, 1, 0.2,
		50, 60, 20, 20, 0.7, 0.1, 1,
	}
	final := []float32{
		40, 50, 60, 70, 0.7, 1,
		40, 50, 60, 70, 0.9, 0,
		40, 50, 60, 70, 0.2, 1,
		40, nan, 60, 70, 0.8, 1,
	}
	want := []detection.Box{
		{ClassID: 0, Class: "a", Score: float64(float32(0.9)), Box: detection.Rect{80, 60, 120, 100}},
		{ClassID: 1, Class: "b", Score: float64(float32(0.7)), Box: detection.Rect{80, 60, 120, 100}},
	}
	o := detection.Options{Confidence: 0.25, IoU: 0.7, MaxDet: 300}
	require.Equal(t, want, detection.Boxes(detection.YOLOv8, v8, []int64{1, 6, 3}, meta, fit, o))
	require.Equal(t, want, detection.Boxes(detection.YOLOv5, v5, []int64{1, 3, 7}, meta, fit, o))
	require.Equal(t, want, detection.Boxes(detection.EndToEnd, final, []int64{1, 4, 6}, meta, fit, o))

	o.MaxDet = 1
	require.Equal(t, want[:1], detection.Boxes(detection.YOLOv8, v8, []int64{1, 6, 3}, meta, fit, o))
	o = detection.Options{Confidence: 0.25, IoU: 0.99, MaxDet: 300}
	require.Len(t, detection.Boxes(detection.YOLOv8, v8, []int64{1, 6, 3}, meta, fit, o), 3, "nothing overlaps so much")
	outside := []float32{-50, -50, 500, 500, 0.9, 0}
	got := detection.Boxes(detection.EndToEnd, outside, []int64{1, 1, 6}, meta, fit, o)
	require.Equal(t, detection.Rect{0, 0, 320, 240}, got[0].Box, "clipped to the picture")
}

func TestOptionsValidate(t *testing.T) {
	t.Parallel()
	require.NoError(t, detection.DefaultOptions.Validate())
	require.NoError(t, detection.EvalOptions.Validate())
	require.ErrorContains(t, detection.Options{Confidence: math.NaN(), IoU: 0.7, MaxDet: 1}.Validate(), "conf")
	require.ErrorContains(t, detection.Options{Confidence: 0.1, IoU: 2, MaxDet: 1}.Validate(), "iou")
	require.ErrorContains(t, detection.Options{Confidence: 0.1, IoU: 0.7}.Validate(), "max_det")
}
