package detection_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/services/detection"
)

const shapes = "../../tests/data/shapes"

func TestScoreAgreesWithPycocotools(t *testing.T) {
	t.Parallel()
	for _, model := range []string{"v1", "v2-poor", "v3-fragile", "v4-better", "v4-dynamic"} {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			labels, names, at := readCOCO(t, filepath.Join(shapes, "instances.coco.json"))
			boxes := readPredictions(t, filepath.Join(shapes, model+".predictions.json"), at)
			requireReference(t, filepath.Join(shapes, model+".reference.json"), detection.Score(boxes, labels, names, 0))
		})
	}
}

// TestSizesAgreeWithPycocotools: its figures (small, medium, large) for the
// shapes detectors' predictions.
func TestSizesAgreeWithPycocotools(t *testing.T) {
	t.Parallel()
	for model, want := range map[string][]float64{
		"v1":        {0.40383663366336636, 0.585707025910663, 0.45},
		"v2-poor":   {0.06466171617161715, 0.20188362550652972, 0.29999999999999993},
		"v4-better": {0.4971923620933522, 0.6179931051244631, 0.5},
	} {
		labels, names, at := readCOCO(t, filepath.Join(shapes, "instances.coco.json"))
		got := detection.Score(readPredictions(t, filepath.Join(shapes, model+".predictions.json"), at), labels, names, 0)
		for i, area := range []detection.Area{detection.Small, detection.Medium, detection.Large} {
			require.InDelta(t, want[i], got.Sizes[area], 1e-9, model)
		}
	}
}

// TestScoreAgreesOnAnotherSet does the same on a set outside the repository:
// SLIPWAY_TEST_COCO is a folder with instances.coco.json and NAME.predictions.json
// beside NAME.reference.json.
func TestScoreAgreesOnAnotherSet(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("SLIPWAY_TEST_COCO")
	if dir == "" {
		t.Skip("SLIPWAY_TEST_COCO names no folder")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.predictions.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	labels, names, at := readCOCO(t, filepath.Join(dir, "instances.coco.json"))
	for _, file := range files {
		base := file[:len(file)-len(".predictions.json")]
		requireReference(t, base+".reference.json", detection.Score(readPredictions(t, file, at), labels, names, 0))
	}
}

func TestScore(t *testing.T) {
	t.Parallel()
	square := func(x float64) detection.Rect { return detection.Rect{x, 0, x + 10, 10} }
	names := []string{"a", "b"}
	t.Run("perfect boxes score 1 and an absent class is left out", func(t *testing.T) {
		t.Parallel()
		s := detection.Score([][]detection.Box{{{Score: 0.5, Box: square(0)}}}, [][]detection.Label{{{Box: square(0)}}}, names, 0)
		require.InDelta(t, 1, s.MAP50, 1e-12)
		require.InDelta(t, 1, s.MAP5095, 1e-12)
		require.InDelta(t, -1, s.Classes[1].AP50, 0)
		require.Equal(t, 1, s.Labels)
	})
	t.Run("no labels at all is -1, not 0", func(t *testing.T) {
		t.Parallel()
		s := detection.Score([][]detection.Box{{{Score: 0.5, Box: square(0)}}}, [][]detection.Label{nil}, names, 0)
		require.InDelta(t, -1, s.MAP50, 0)
	})
	t.Run("labels without detections is 0", func(t *testing.T) {
		t.Parallel()
		s := detection.Score(nil, [][]detection.Label{{{Box: square(0)}}}, names, 0)
		require.InDelta(t, 0, s.MAP50, 0)
	})
	t.Run("a detection on a crowd counts neither way", func(t *testing.T) {
		t.Parallel()
		labels := [][]detection.Label{{{Box: square(0)}, {Box: square(40), Crowd: true}}}
		boxes := [][]detection.Box{{{Score: 0.9, Box: square(40)}, {Score: 0.8, Box: square(41)}, {Score: 0.5, Box: square(0)}}}
		s := detection.Score(boxes, labels, names, 0)
		require.InDelta(t, 1, s.MAP50, 1e-12)
		require.Equal(t, 1, s.Labels)
	})
	t.Run("150 perfect boxes in one picture reach 1 when the bound allows", func(t *testing.T) {
		t.Parallel()
		boxes, labels := make([][]detection.Box, 1), make([][]detection.Label, 1)
		for i := range 150 {
			boxes[0] = append(boxes[0], detection.Box{Score: 0.5, Box: square(float64(20 * i))})
			labels[0] = append(labels[0], detection.Label{Box: square(float64(20 * i))})
		}
		s := detection.Score(boxes, labels, names, 300)
		require.InDelta(t, 1, s.MAP5095, 1e-12)
		require.Zero(t, s.Capped)
		s = detection.Score(boxes, labels, names, 0)
		require.Less(t, s.MAP50, 0.7)
		require.Equal(t, 1, s.Capped)
	})
}

// readCOCO reads labels in the order of image ids; at tells an id's place.
func readCOCO(t *testing.T, path string) (labels [][]detection.Label, names []string, at map[int]int) {
	t.Helper()
	var doc struct {
		Images      []struct{ ID int }
		Categories  []struct{ Name string }
		Annotations []struct {
			ImageID    int `json:"image_id"`
			CategoryID int `json:"category_id"`
			BBox       [4]float64
		}
	}
	readJSON(t, path, &doc)
	at = map[int]int{}
	for i, image := range doc.Images {
		at[image.ID] = i
	}
	for _, c := range doc.Categories {
		names = append(names, c.Name)
	}
	labels = make([][]detection.Label, len(doc.Images))
	for _, a := range doc.Annotations {
		i := at[a.ImageID]
		labels[i] = append(labels[i], detection.Label{ClassID: a.CategoryID, Box: corners(a.BBox)})
	}
	return labels, names, at
}

func readPredictions(t *testing.T, path string, at map[int]int) [][]detection.Box {
	t.Helper()
	var list []struct {
		ImageID    int `json:"image_id"`
		CategoryID int `json:"category_id"`
		Score      float64
		BBox       [4]float64
	}
	readJSON(t, path, &list)
	boxes := make([][]detection.Box, len(at))
	for _, p := range list {
		i := at[p.ImageID]
		boxes[i] = append(boxes[i], detection.Box{ClassID: p.CategoryID, Score: p.Score, Box: corners(p.BBox)})
	}
	return boxes
}

func corners(b [4]float64) detection.Rect {
	return detection.Rect{b[0], b[1], b[0] + b[2], b[1] + b[3]}
}

func requireReference(t *testing.T, path string, got detection.Scores) {
	t.Helper()
	var want struct {
		Pycocotools struct {
			MAP50    float64 `json:"map50"`
			MAP5095  float64 `json:"map50_95"`
			MAP75    float64 `json:"map75"`
			AR       float64 `json:"ar_100"`
			PerClass map[string]struct {
				AP50   float64 `json:"ap50"`
				AP5095 float64 `json:"ap50_95"`
			} `json:"per_class"`
		}
	}
	readJSON(t, path, &want)
	const tolerance = 1e-9
	require.InDelta(t, want.Pycocotools.MAP50, got.MAP50, tolerance)
	require.InDelta(t, want.Pycocotools.MAP5095, got.MAP5095, tolerance)
	if want.Pycocotools.MAP75 != 0 {
		require.InDelta(t, want.Pycocotools.MAP75, got.MAP75, tolerance)
	}
	require.InDelta(t, want.Pycocotools.AR, got.AR, tolerance)
	for _, c := range got.Classes {
		if one, ok := want.Pycocotools.PerClass[c.Class]; ok {
			require.InDelta(t, one.AP50, c.AP50, tolerance, c.Class)
			require.InDelta(t, one.AP5095, c.AP5095, tolerance, c.Class)
		}
	}
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, into))
}
