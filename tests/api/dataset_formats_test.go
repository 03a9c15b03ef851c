package api_test

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

// picture makes a real PNG; shade tells one from another.
func picture(t *testing.T, width, height int, shade uint8) string {
	t.Helper()
	im := image.NewGray(image.Rect(0, 0, width, height))
	for i := range im.Pix {
		im.Pix[i] = shade + uint8(i%5)
	}
	var out bytes.Buffer
	require.NoError(t, png.Encode(&out, im))
	return out.String()
}

// committed pushes a data set that is not at fault.
func committed(t *testing.T, w *world.World, name string, files map[string]string) map[string]any {
	t.Helper()
	r := pushDataset(t, w, name, files)
	require.Equal(t, http.StatusOK, r.Status, "%s", r.Body)
	return r.JSON(t)
}

func TestDatasetsOfEveryFormat(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	var table bytes.Buffer
	type row struct {
		X    float64 `parquet:"x"`
		Kind string  `parquet:"kind"`
	}
	require.NoError(t, parquet.Write(&table, []row{{0, "bolt"}, {-2.5, "nut"}}))
	a, b := picture(t, 40, 20, 10), picture(t, 40, 20, 60)
	for format, test := range map[string]struct {
		files map[string]string
		task  string
		sum   object
	}{
		"yolo": {
			map[string]string{"data.yaml": "names: [bolt]\n", "images/a.png": a, "labels/a.txt": "0 0.1 0.5 0.4 0.5\n", "images/b.png": b[:60]},
			"detection",
			object{
				"classes": []any{object{"name": "bolt", "images": 1.0, "boxes": 1.0}},
				"findings": []any{
					object{
						"rule": "undecodable", "severity": "error", "count": 1.0, "message": "pictures that do not decode",
						"remedy":   "mend or remove them and push again, or name them under exclude in the pipeline",
						"examples": []any{object{"where": "images/b.png", "message": "the png picture does not decode: png: invalid format: not enough pixel data"}},
					},
					object{
						"rule": "outside", "severity": "warning", "count": 1.0, "message": "boxes that reach out of their picture; they are kept as they are",
						"remedy":   "check that the labels were made for these pictures",
						"examples": []any{object{"where": "labels/a.txt:1", "message": "from -0.1, 0.25 to 0.3, 0.75"}},
					},
					object{
						"rule": "without-labels", "severity": "warning", "count": 1.0,
						"message":  "images without a label file: taken for backgrounds, a detection on them is wrong",
						"remedy":   "add their labels; an empty file says that there is nothing to see",
						"examples": []any{object{"where": "images/b.png", "message": "there is no labels/b.txt"}},
					},
				},
			},
		},
		"coco": {
			map[string]string{
				"val/a.png": a, "annotations/instances_val.json": `{"images": [{"id": 7, "file_name": "a.png", "width": 40, "height": 20, "tags": ["night"]}],
					"annotations": [{"id": 1, "image_id": 7, "category_id": 90, "bbox": [0, 0, 10, 10]}], "categories": [{"id": 90, "name": "bolt"}]}`,
			},
			"detection",
			object{
				"classes": []any{object{"name": "bolt", "images": 1.0, "boxes": 1.0}}, "tags": []any{object{"tag": "night", "images": 1.0}},
				"findings": []any{object{
					"rule": "found-by-name", "severity": "info", "count": 1.0, "message": "images that are found by their base name alone, not by the folder of file_name",
					"examples": []any{object{"where": "annotations/instances_val.json:1", "message": `"a.png" is val/a.png`}},
				}},
			},
		},
		"folders": {
			map[string]string{"bolt/a.png": a, "nut/b.png": b, "tags.csv": "path,tag\nnut,small\n"},
			"classification",
			object{
				"classes": []any{object{"name": "bolt", "images": 1.0}, object{"name": "nut", "images": 1.0}},
				"tags":    []any{object{"tag": "small", "images": 1.0}}, "findings": []any{},
			},
		},
		"csv": {
			map[string]string{"a.csv": "x,kind\n0,bolt\n,nut\n"},
			"table",
			object{"rows": 2.0, "findings": []any{}, "columns": []any{
				object{"name": "x", "type": "int", "missing": 1.0, "min": 0.0, "max": 0.0, "examples": []any{"0"}},
				object{"name": "kind", "type": "text", "missing": 0.0, "examples": []any{"bolt", "nut"}},
			}},
		},
		"parquet": {
			map[string]string{"part.parquet": table.String()},
			"table",
			object{"rows": 2.0, "findings": []any{}, "columns": []any{
				object{"name": "x", "type": "float", "missing": 0.0, "min": -2.5, "max": 0.0, "examples": []any{"0", "-2.5"}},
				object{"name": "kind", "type": "text", "missing": 0.0, "examples": []any{"bolt", "nut"}},
			}},
		},
	} {
		v := committed(t, w, format, test.files)
		require.Equal(t, format, v["format"])
		require.Equal(t, test.task, v["task"])
		require.Equal(t, test.sum, v["summary"], format)
		require.Equal(t, v, w.OK(http.MethodGet, "/api/v1/datasets/"+format+"/versions/1", nil))
		set := w.OK(http.MethodGet, "/api/v1/datasets/"+format, nil)
		require.Equal(t, []any{format, test.task}, []any{set["format"], set["task"]})
		list := w.OK(http.MethodGet, "/api/v1/datasets/"+format+"/versions", nil)["items"].([]any)[0].(object)
		require.NotContains(t, list, "summary")
		require.Equal(t, format, list["format"])
	}
}

func TestTagsAndFormatOfAPush(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	files := map[string]string{"data.yaml": "names: [bolt]\n", "images/a.png": picture(t, 8, 8, 1), "labels/a.txt": "0 .5 .5 .5 .5\n"}
	plain := committed(t, w, "set", files)
	page := w.OK(http.MethodGet, "/api/v1/datasets/set/versions/1/files", nil)
	manifest := page["items"].([]any)
	for _, f := range manifest {
		if f.(object)["path"] == "images/a.png" {
			f.(object)["tags"] = []string{"time=night", "blurred"}
		}
	}
	begin := func(body object) world.Response { return w.Do(http.MethodPost, "/api/v1/datasets/set/versions", body) }
	v := begin(object{"files": manifest, "format": "yolo"}).JSON(t)
	require.EqualValues(t, 2, v["version"])
	require.NotEqual(t, plain["digest"], v["digest"])
	require.NotContains(t, v, "missing", "the files are there: they are kept once")
	v = w.OK(http.MethodPost, "/api/v1/datasets/set/versions/2/commit", nil)
	require.Equal(t, []any{object{"tag": "blurred", "images": 1.0}, object{"tag": "time=night", "images": 1.0}}, v["summary"].(object)["tags"])
	files2 := w.OK(http.MethodGet, "/api/v1/datasets/set/versions/2/files", nil)["items"].([]any)
	require.Equal(t, []any{"blurred", "time=night"}, files2[1].(object)["tags"])

	require.Contains(t, refused(t, begin(object{"files": manifest, "format": "voc"}), http.StatusBadRequest, "INVALID_PARAMETER_VALUE"), "format")
	manifest[0].(object)["tags"] = []string{"="}
	require.Contains(t, refused(t, begin(object{"files": manifest}), http.StatusBadRequest, "INVALID_PARAMETER_VALUE"), "is no tag")
}

func TestFaultsOfADatasetAreListedAndCapped(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	files := map[string]string{"data.yaml": "names: [bolt]\n", "images/a.png": picture(t, 8, 8, 1)}
	for range 150 {
		files["labels/a.txt"] += "0 .5 .5 2 .5\n"
	}
	r := pushDataset(t, w, "set", files)
	require.Equal(t, http.StatusBadRequest, r.Status)
	require.Len(t, r.JSON(t)["details"], 100)
	require.Contains(t, string(r.Body), "150 faults in all")

	files["labels/a.txt"] = ""
	for i := range 150 {
		files[fmt.Sprintf("images/b%03d.png", i)] = fmt.Sprint("no picture ", i)
		files[fmt.Sprintf("labels/b%03d.txt", i)] = "0 .5 .5 .5 .5\n"
	}
	found := committed(t, w, "set", files)["summary"].(object)["findings"].([]any)[0].(object)
	require.EqualValues(t, 150, found["count"])
	require.Len(t, found["examples"], 100)
}
