package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
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
	var want map[string]json.RawMessage
	readJSON(t, filepath.Join(dir, model+".reference.json"), &want)
	compared := 0
	for tool, convention := range map[string]detection.Convention{"pycocotools": detection.COCO, "ultralytics": detection.Ultralytics} {
		if want[tool] == nil {
			continue
		}
		var figures struct {
			MAP50   float64 `json:"map50"`
			MAP5095 float64 `json:"map50_95"`
			MAP75   float64 `json:"map75"`
		}
		require.NoError(t, json.Unmarshal(want[tool], &figures))
		got := scored(t, server, dir, convention, func(name string) []byte { return readFile(t, filepath.Join(images, name)) })
		t.Logf("%s: mAP50 %.4f (%s %.4f), mAP50-95 %.4f (%.4f)", model, got.MAP50, tool, figures.MAP50, got.MAP5095, figures.MAP5095)
		require.InDelta(t, figures.MAP50, got.MAP50, tolerance, tool)
		require.InDelta(t, figures.MAP5095, got.MAP5095, tolerance, tool)
		compared++
	}
	if compared == 0 {
		t.Skip("no figures of another tool for it")
	}
}

// scored has a detector look at a set's pictures and scores it.
func scored(t *testing.T, server *instance, dir string, convention detection.Convention, picture func(name string) []byte) detection.Scores {
	t.Helper()
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
	e := detection.Evidence{Convention: convention, Confidence: 0.25}
	for _, c := range set.Categories {
		e.Classes = append(e.Classes, c.Name)
	}
	settings := detection.Settings{Convention: convention, Confidence: 0.25}
	for _, image := range set.Images {
		var labels []detection.Label
		for _, a := range set.Annotations {
			if a.ImageID == image.ID {
				b := a.BBox
				labels = append(labels, detection.Label{ClassID: a.CategoryID, Box: detection.Rect{b[0], b[1], b[0] + b[2], b[1] + b[3]}})
			}
		}
		answer := detected{}
		res := server.post("/detect?conf=0.001&convention="+string(convention), "image/jpeg", picture(image.FileName))
		require.Equal(t, http.StatusOK, res.status, string(res.body))
		res.json(t, &answer)
		for _, b := range answer.Boxes {
			require.Equal(t, e.Classes[b.ClassID], b.Class)
		}
		e.Pictures = append(e.Pictures, settings.Match(image.FileName, answer.Width, answer.Height, answer.Boxes, labels))
	}
	return e.Rank().Scores()
}

// TestDetectorsScoreAsUltralyticsSays: what "ultralytics val" 8.4 gives for
// the shapes detectors: its steps, followed in NumPy, OpenCV and ONNX Runtime,
// which reproduced the figures of the tool itself for another set to 1e-6.
func TestDetectorsScoreAsUltralyticsSays(t *testing.T) {
	t.Parallel()
	type figures struct{ map50, map5095, map75, precision, recall, confidence float64 }
	asPNG := func(name string) []byte {
		im, err := detection.Decode(readFile(t, filepath.Join(shapes, "val/images", name)))
		require.NoError(t, err)
		return pngOf(t, im)
	}
	for model, want := range map[string]struct{ jpeg, png figures }{
		"v1": {
			figures{0.859649, 0.549019, 0.600783, 0.796496, 0.791132, 0.494494},
			figures{0.857560, 0.549080, 0.612316, 0.789056, 0.791146, 0.496496},
		},
		"v2-poor": {
			figures{0.321633, 0.142816, 0.091957, 0.293812, 0.405389, 0.496496},
			figures{0.321870, 0.144011, 0.091888, 0.310462, 0.393083, 0.511512},
		},
		"v3-fragile": {
			figures{0.865412, 0.561618, 0.675889, 0.850038, 0.756683, 0.576577},
			figures{0.863186, 0.561119, 0.671616, 0.865720, 0.755202, 0.589590},
		},
		"v4-better": {
			figures{0.874603, 0.582350, 0.690550, 0.773730, 0.820845, 0.486486},
			figures{0.876568, 0.582055, 0.685881, 0.780236, 0.823692, 0.490490},
		},
	} {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			server := start(t, filepath.Join(shapes, model+".onnx"))
			got := scored(t, server, shapes, detection.Ultralytics, func(name string) []byte {
				return readFile(t, filepath.Join(shapes, "val/images", name))
			})
			require.InDelta(t, want.jpeg.map50, got.MAP50, 0.01)
			require.InDelta(t, want.jpeg.map5095, got.MAP5095, 0.01)

			got = scored(t, server, shapes, detection.Ultralytics, asPNG)
			t.Logf("mAP50 %.6f (%.6f), mAP50-95 %.6f (%.6f)", got.MAP50, want.png.map50, got.MAP5095, want.png.map5095)
			for _, f := range [][2]float64{
				{want.png.map50, got.MAP50},
				{want.png.map5095, got.MAP5095},
				{want.png.map75, got.MAP75},
				{want.png.precision, got.Best.Precision},
				{want.png.recall, got.Best.Recall},
				{want.png.confidence, got.Best.Confidence},
			} {
				require.InDelta(t, f[0], f[1], 0.003)
			}
		})
	}
}

func pngOf(t *testing.T, im detection.Image) []byte {
	t.Helper()
	out := image.NewNRGBA(image.Rect(0, 0, im.Width, im.Height))
	for i := range im.Width * im.Height {
		copy(out.Pix[4*i:], im.Pix[3*i:3*i+3])
		out.Pix[4*i+3] = 0xff
	}
	var text bytes.Buffer
	require.NoError(t, png.Encode(&text, out))
	return text.Bytes()
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
