package detection_test

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/services/bootstrap"
	"github.com/slipway-ml/slipway/services/detection"
)

// evidence is that of a detector of the shapes set.
func evidence(t *testing.T, model string, c detection.Convention) *detection.Evidence {
	t.Helper()
	labels, names, at := readCOCO(t, filepath.Join(shapes, "instances.coco.json"))
	boxes := readPredictions(t, filepath.Join(shapes, model+".predictions.json"), at)
	e := &detection.Evidence{Convention: c, Classes: names, Confidence: 0.25, MaxDet: 100}
	settings := detection.Settings{Convention: c, Confidence: 0.25, MaxDet: 100}
	for i := range labels {
		e.Pictures = append(e.Pictures, settings.Match(string(rune('a'+i)), 320, 240, boxes[i], labels[i]))
	}
	return e
}

func TestEvidenceIsReadBackAsItWas(t *testing.T) {
	t.Parallel()
	e := evidence(t, "v1", detection.COCO)
	var text, again bytes.Buffer
	require.NoError(t, e.Encode(&text))
	require.NoError(t, e.Encode(&again))
	require.Equal(t, text.Bytes(), again.Bytes())
	got, err := detection.DecodeEvidence(bytes.NewReader(text.Bytes()))
	require.NoError(t, err)
	require.Equal(t, e.Rank().Scores(), got.Rank().Scores())
	require.Equal(t, e.Confusion(), got.Confusion())
	require.Equal(t, e.Worst(10), got.Worst(10))
	for i, p := range e.Pictures {
		require.Equal(t, p.Labels, got.Pictures[i].Labels)
		for n, f := range p.Found {
			for k, v := range f.Box {
				require.InDelta(t, v, got.Pictures[i].Found[n].Box[k], 1e-4)
			}
		}
	}
	detections := 0
	for _, p := range e.Pictures {
		detections += len(p.Found)
	}
	require.Less(t, text.Len(), 12*detections, "compact")
	for _, n := range []int{0, 10, 25, text.Len() / 2, text.Len() - 1} {
		_, err := detection.DecodeEvidence(bytes.NewReader(text.Bytes()[:n]))
		require.Error(t, err, "cut off at %d", n)
	}
	_, err = detection.DecodeEvidence(bytes.NewReader(append([]byte("slipway-evidence-9\n"), text.Bytes()[19:]...)))
	require.ErrorContains(t, err, "form")
}

// TestWeightsAreCopies: a picture that weighs n scores as if it stood in the
// set n times.
func TestWeightsAreCopies(t *testing.T) {
	t.Parallel()
	for _, c := range detection.Conventions {
		e := evidence(t, "v2-poor", c)
		random := rand.New(rand.NewPCG(1, 2))
		weights, copies := make([]int32, len(e.Pictures)), *e
		copies.Pictures = nil
		for i, p := range e.Pictures {
			weights[i] = int32(random.IntN(3))
			for range weights[i] {
				copies.Pictures = append(copies.Pictures, p)
			}
		}
		got := e.Rank().Weighted(weights, detection.PartAP50|detection.PartAP|detection.PartSizes|detection.PartBest|detection.PartAt)
		want := copies.Rank().Scores()
		tolerance := 1e-12
		if c == detection.Ultralytics {
			tolerance = 0.01 // between copies its precision is interpolated
		}
		wanted := want.Figures()
		require.Len(t, got.Figures(), len(wanted))
		for i, f := range got.Figures() {
			require.Equal(t, wanted[i].Name, f.Name)
			require.InDelta(t, wanted[i].Value, f.Value, tolerance, f.Name)
		}
		require.Equal(t, []int{want.Images, want.Labels, want.Detections}, []int{got.Images, got.Labels, got.Detections})
	}
}

func TestConfusion(t *testing.T) {
	t.Parallel()
	square := func(x float64) detection.Rect { return detection.Rect{x, 0, x + 10, 10} }
	e := detection.Evidence{Classes: []string{"a", "b"}, Confidence: 0.25}
	e.Pictures = append(e.Pictures, detection.Settings{Confidence: 0.25}.Match("one", 100, 100, []detection.Box{
		{ClassID: 0, Score: 0.9, Box: square(0)},  // right
		{ClassID: 0, Score: 0.8, Box: square(21)}, // b taken for a
		{ClassID: 1, Score: 0.7, Box: square(22)}, // on the same label, farther
		{ClassID: 1, Score: 0.6, Box: square(60)}, // nothing there
		{ClassID: 1, Score: 0.2, Box: square(40)}, // not sure enough
	}, []detection.Label{
		{ClassID: 0, Box: square(0)}, {ClassID: 1, Box: square(20)}, {ClassID: 1, Box: square(40)},
	}))
	require.Equal(t, [][]int{{1, 0, 0}, {1, 0, 1}, {0, 2, 0}}, e.Confusion())
	require.Equal(t, []detection.Mistakes{{Picture: 0, Missed: 2 - 1, Wrong: 2, Right: 2}}, e.Worst(5))
}

func TestDifferencesOfDetectors(t *testing.T) {
	t.Parallel()
	v1, v4, poor := evidence(t, "v1", detection.COCO), evidence(t, "v4-better", detection.COCO), evidence(t, "v2-poor", detection.COCO)
	b := bootstrap.Bootstrap{Resamples: 1000, Seed: 7, Level: 0.95}
	figures := []string{"map50", "map50_95", "ap50[bolt]", "recall_at", "f1", "map_small", "no such"}
	got, err := detection.Compare(b, poor, v1, figures, nil)
	require.NoError(t, err)
	require.Len(t, got, len(figures)-1)
	for _, d := range got {
		require.Less(t, d.Low, d.High, d.Figure)
		require.True(t, d.Low <= d.Estimate() && d.Estimate() <= d.High, "%+v", d)
	}
	require.Less(t, got[0].High, -0.2, "far worse, whatever is drawn")

	again, err := detection.Compare(b, poor, v1, figures, nil)
	require.NoError(t, err)
	require.Equal(t, got, again, "the seed decides")

	better, err := detection.Compare(b, v4, v1, figures[:1], nil)
	require.NoError(t, err)
	require.True(t, better[0].Low < 0.035 && better[0].High > 0.035, "%+v", better[0])
	same, err := detection.Compare(b, v1, v1, figures[:2], nil)
	require.NoError(t, err)
	for _, d := range same {
		require.Zero(t, d.Low)
		require.Zero(t, d.High)
	}
	few := make([]bool, len(v1.Pictures))
	for i := range 8 {
		few[i] = true
	}
	part, err := detection.Compare(b, v4, v1, figures[:1], few)
	require.NoError(t, err)
	require.Greater(t, part[0].High-part[0].Low, better[0].High-better[0].Low, "fewer pictures tell less")

	v4.Pictures = v4.Pictures[1:]
	_, err = detection.Compare(b, v4, v1, figures, nil)
	require.ErrorContains(t, err, "same pictures")
}
