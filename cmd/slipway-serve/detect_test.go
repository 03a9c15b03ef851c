package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/services/detection"
)

// TestDetectorsScoreAsPycocotoolsSays takes the whole way: picture, letterbox,
// model, boxes, average precision; each detector's figures are within 0.01 of
// those that pycocotools gave for Pillow and ONNX Runtime in Python.
func TestDetectorsScoreAsPycocotoolsSays(t *testing.T) {
	t.Parallel()
	for _, model := range []string{"v1", "v2-poor", "v3-fragile", "v4-better", "v4-dynamic"} {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			scoreLikeReference(t, shapes, filepath.Join(shapes, "val/images"), model, 0.01)
		})
	}
}

// TestDetectorsOfAnotherSet does the same on a folder outside the repository:
// images/, instances.coco.json, NAME.onnx and NAME.reference.json.
func TestDetectorsOfAnotherSet(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("SLIPWAY_TEST_COCO")
	if dir == "" {
		t.Skip("SLIPWAY_TEST_COCO names no folder")
	}
	references, err := filepath.Glob(filepath.Join(dir, "*.reference.json"))
	require.NoError(t, err)
	for _, reference := range references {
		model := filepath.Base(reference[:len(reference)-len(".reference.json")])
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			scoreLikeReference(t, dir, filepath.Join(dir, "images"), model, 0.01)
		})
	}
}

func scoreLikeReference(t *testing.T, dir, images, model string, tolerance float64) {
	t.Helper()
	server := start(t, filepath.Join(dir, model+".onnx"))
	var set struct {
		Images []struct {
			ID       int
			FileName string `json:"file_name"`
		}
		Categories  []struct{ Name string }
		Annotations []struct {
			ImageID    int `json:"image_id"`
			CategoryID int `json:"category_id"`
			BBox       [4]float64
		}
	}
	readJSON(t, filepath.Join(dir, "instances.coco.json"), &set)
	var names []string
	for _, c := range set.Categories {
		names = append(names, c.Name)
	}
	boxes, labels := make([][]detection.Box, len(set.Images)), make([][]detection.Label, len(set.Images))
	for i, image := range set.Images {
		for _, a := range set.Annotations {
			if a.ImageID == image.ID {
				b := a.BBox
				labels[i] = append(labels[i], detection.Label{ClassID: a.CategoryID, Box: detection.Rect{b[0], b[1], b[0] + b[2], b[1] + b[3]}})
			}
		}
		answer := detect(t, server, filepath.Join(images, image.FileName), "?conf=0.001")
		for _, b := range answer.Boxes {
			require.Equal(t, names[b.ClassID], b.Class)
		}
		boxes[i] = answer.Boxes
	}
	got := detection.Score(boxes, labels, names, 0)
	var want struct {
		Pycocotools *struct {
			MAP50   float64 `json:"map50"`
			MAP5095 float64 `json:"map50_95"`
		}
	}
	readJSON(t, filepath.Join(dir, model+".reference.json"), &want)
	if want.Pycocotools == nil {
		t.Skip("no figures of pycocotools for it")
	}
	t.Logf("%s: mAP50 %.4f (pycocotools %.4f), mAP50-95 %.4f (%.4f)", model,
		got.MAP50, want.Pycocotools.MAP50, got.MAP5095, want.Pycocotools.MAP5095)
	require.InDelta(t, want.Pycocotools.MAP50, got.MAP50, tolerance)
	require.InDelta(t, want.Pycocotools.MAP5095, got.MAP5095, tolerance)
}

type detected struct {
	Width, Height int
	Layout        detection.Layout
	Boxes         []detection.Box
}

func detect(t *testing.T, server *instance, path, query string) detected {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	got := server.post("/detect"+query, "image/jpeg", data)
	require.Equal(t, http.StatusOK, got.status, string(got.body))
	var out detected
	got.json(t, &out)
	return out
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, into))
}

// TestLayoutsScoreAlike: the same detector in other layouts. Suppression inside
// the model takes every class of an anchor, so it differs a little.
func TestLayoutsScoreAlike(t *testing.T) {
	t.Parallel()
	for model, tolerance := range map[string]float64{"yolov5": 0.01, "end-to-end": 0.03} {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for from, to := range map[string]string{
				"testdata/" + model + ".onnx":                model + ".onnx",
				filepath.Join(shapes, "v1.reference.json"):   model + ".reference.json",
				filepath.Join(shapes, "instances.coco.json"): "instances.coco.json",
			} {
				require.NoError(t, os.WriteFile(filepath.Join(dir, to), readFile(t, from), 0o600))
			}
			scoreLikeReference(t, dir, filepath.Join(shapes, "val/images"), model, tolerance)
		})
	}
}

// TestFragileFailsInTheDark: the model answers every labelled picture and fails
// on five live ones. ONNX Runtime calls that an invalid argument; it is the
// model's failure all the same, and counted.
func TestFragileFailsInTheDark(t *testing.T) {
	t.Parallel()
	dark := map[string]bool{"night-01.jpg": true, "night-03.jpg": true, "night-06.jpg": true, "night-08.jpg": true, "night-11.jpg": true}
	server := start(t, filepath.Join(shapes, "v3-fragile.onnx"))
	live, err := filepath.Glob(filepath.Join(shapes, "live/*.jpg"))
	require.NoError(t, err)
	require.Len(t, live, 12)
	for _, file := range live {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		got := server.post("/detect", "", data)
		if !dark[filepath.Base(file)] {
			require.Equal(t, http.StatusOK, got.status, file)
			continue
		}
		require.Equal(t, http.StatusInternalServerError, got.status, file)
		code, message := got.failure(t)
		require.Equal(t, "MODEL_FAILED", code)
		require.Contains(t, message, "indices element out of data bounds")
	}
	require.Equal(t, "5", server.metric(`slipway_serve_errors_total{code="MODEL_FAILED",route="detect"}`))
	require.Equal(t, "5", server.metric(`slipway_serve_requests_total{route="detect",status="500"}`))
	require.Equal(t, "7", server.metric(`slipway_serve_requests_total{route="detect",status="200"}`))
	require.Equal(t, "5", server.metric(`slipway_serve_model_failures_total`))
}

// TestDetectTakesEveryForm: the same picture in another form gives the same boxes.
func TestDetectTakesEveryForm(t *testing.T) {
	t.Parallel()
	server := start(t, filepath.Join(shapes, "v4-better.onnx"))
	forms := "../../services/detection/testdata"
	want := detect(t, server, filepath.Join(forms, "plain.png"), "?conf=0.3")
	require.NotEmpty(t, want.Boxes)
	for _, file := range []string{
		"rgba.png", "lossless.webp", "plain.bmp", "lzw.tiff", "progressive.jpg", "cmyk.jpg", "lossy.webp",
		"orientation-1.jpg", "orientation-2.jpg", "orientation-3.jpg", "orientation-4.jpg",
		"orientation-5.jpg", "orientation-6.jpg", "orientation-7.jpg", "orientation-8.jpg", "orientation-6.png",
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			got := detect(t, server, filepath.Join(forms, file), "?conf=0.3")
			require.Equal(t, []int{want.Width, want.Height}, []int{got.Width, got.Height})
			require.NotEmpty(t, got.Boxes)
			for i := range 4 {
				require.InDelta(t, want.Boxes[0].Box[i], got.Boxes[0].Box[i], 2)
			}
			require.Equal(t, want.Boxes[0].Class, got.Boxes[0].Class)
		})
	}
}

func TestDetectRefuses(t *testing.T) {
	t.Parallel()
	server := start(t, filepath.Join(shapes, "v1.onnx"), "--max-body", "100000")
	picture, err := os.ReadFile(filepath.Join(shapes, "val/images/0000.jpg"))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		query  string
		body   []byte
		status int
		says   string
	}{
		"no picture":             {"", nil, 400, "not a picture"},
		"text":                   {"", []byte("hello"), 400, "not a picture"},
		"a picture cut off":      {"", picture[:len(picture)/2], 400, "does not decode"},
		"too large a body":       {"", make([]byte, 100001), 413, "100000"},
		"a confidence above one": {"?conf=2", picture, 400, "conf"},
		"no number":              {"?iou=half", picture, 400, "iou"},
		"an unknown parameter":   {"?confidence=0.5", picture, 400, "confidence"},
		"an unknown layout":      {"?layout=yolov9", picture, 400, "yolov8"},
		"a layout that is not":   {"?layout=end-to-end", picture, 400, "[1 8 500]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := server.post("/detect"+c.query, "image/jpeg", c.body)
			require.Equal(t, c.status, got.status, string(got.body))
			_, message := got.failure(t)
			require.Contains(t, message, c.says)
		})
	}
}

// TestSameBoxesWithAnyThreads: figures do not depend on the machine's speed.
func TestSameBoxesWithAnyThreads(t *testing.T) {
	t.Parallel()
	var want detected
	for threads := 1; threads <= 4; threads *= 4 {
		server := start(t, filepath.Join(shapes, "v4-dynamic.onnx"), "--threads", fmt.Sprint(threads))
		got := detect(t, server, filepath.Join(shapes, "val/images/0001.jpg"), "?conf=0.001")
		if threads == 1 {
			want = got
		}
		require.Equal(t, want, got)
	}
}
