package dataset_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/dataset"
)

// pngOf makes a real picture; shade tells one from another.
func pngOf(t *testing.T, width, height int, shade uint8) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, png.Encode(&out, canvas(width, height, shade)))
	return out.String()
}

// jpegOf makes a real picture with an EXIF orientation.
func jpegOf(t *testing.T, width, height int, orientation byte) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, jpeg.Encode(&out, canvas(width, height, 90), nil))
	exif := "\xff\xe1\x00\x22Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00" + string([]byte{orientation}) + "\x00\x00\x00\x00\x00\x00"
	return out.String()[:2] + exif + out.String()[2:]
}

// hugePNG makes a picture that says to be large.
func hugePNG(t *testing.T, width, height uint32) string {
	t.Helper()
	data := []byte(pngOf(t, 8, 8, 1))
	binary.BigEndian.PutUint32(data[16:], width)
	binary.BigEndian.PutUint32(data[20:], height)
	binary.BigEndian.PutUint32(data[29:], crc32.ChecksumIEEE(data[12:29]))
	return string(data)
}

func canvas(width, height int, shade uint8) image.Image {
	im := image.NewGray(image.Rect(0, 0, width, height))
	for i := range im.Pix {
		im.Pix[i] = shade + uint8(i%7)
	}
	im.SetGray(0, 0, color.Gray{Y: 255})
	return im
}

// opened pushes files, which have to be without fault, and opens them.
func opened(t *testing.T, s *dataset.Service, f files, settings ...models.DatasetSettings) (models.DatasetVersion, []models.LabeledImage) {
	t.Helper()
	v, err := pushed(t, s, f, settings...)
	require.NoError(t, err)
	_, images, err := s.Open(t.Context(), models.DatasetRef{Name: "set", Version: v.Number})
	require.NoError(t, err)
	return v, images
}

func pushed(t *testing.T, s *dataset.Service, f files, settings ...models.DatasetSettings) (models.DatasetVersion, error) {
	t.Helper()
	if _, err := s.Get(t.Context(), "set"); err != nil {
		_, err := s.Create(t.Context(), "set", "")
		require.NoError(t, err)
	}
	return push(t, s, f, settings...)
}

// told lists what a version's findings say: rule, count, and where the examples
// are.
func told(v models.DatasetVersion) (out []string) {
	for _, f := range v.Summary.Findings {
		var at []string
		for _, e := range f.Examples {
			at = append(at, e.Field)
		}
		out = append(out, fmt.Sprintf("%s %s %d: %s", f.Severity, f.Rule, f.Count, strings.Join(at, " ")))
	}
	return out
}

func TestWhatIsOddInYOLOIsTold(t *testing.T) {
	t.Parallel()
	whole := jpegOf(t, 40, 30, 1)
	v, images := opened(t, newService(t), files{
		"data.yaml":        "val: images\nnames: [bolt, nut, screw]\n",
		"images/a.jpg":     whole,
		"images/b.png":     pngOf(t, 40, 30, 10),
		"images/c.png":     pngOf(t, 40, 30, 20),
		"images/d.png":     pngOf(t, 40, 30, 30),
		"images/e.png":     pngOf(t, 40, 30, 10),
		"images/f.jpg":     whole[:len(whole)/2],
		"labels/a.txt":     "0 0.5 0.5 0.2 0.1\n0 0.5 0.5 0.2 0.1\r\n\n1 0.1 0.5 0.4 0.1\n0 0.51 0.5 0.01 0.5\n",
		"labels/b.txt":     "1 0.1 0.2 0.5 0.2 0.5 0.6 0.1 0.7\n",
		"labels/c.txt":     "",
		"labels/e.txt":     "1 0.5 0.5 1.0000001 1\n",
		"labels/f.txt":     "1 0.5 0.5 .5 .5\n",
		"images/notes.txt": "no label",
	})
	require.Equal(t, []string{
		"error undecodable 1: images/f.jpg",
		"warning duplicate 1: labels/a.txt:2",
		"warning empty-class 1: screw",
		"warning outside 1: labels/a.txt:4",
		"warning same-picture 1: images/e.png",
		"warning tiny 1: labels/a.txt:5",
		"warning without-labels 1: images/d.png",
		"info empty-labels 1: labels/c.txt",
		"info polygon 1: labels/b.txt:1",
	}, told(v))
	require.EqualValues(t, []int64{6, 2, 6}, []int64{v.Images, v.Backgrounds, v.Boxes})
	require.Len(t, images[0].Boxes, 3, "the duplicate counts once")
	require.InDeltaSlice(t, []float64{0.3, 0.45, 0.4, 0.5}, []float64{
		images[1].Boxes[0].CX, images[1].Boxes[0].CY, images[1].Boxes[0].Width, images[1].Boxes[0].Height,
	}, 1e-9, "the polygon's bounding box")
	require.Equal(t, models.LabelBox{Class: 1, CX: 0.5, CY: 0.5, Width: 1, Height: 1}, images[4].Boxes[0], "clipped")
	require.Equal(t, -1, images[0].Class)
	require.Equal(t, []models.ClassCount{{Name: "bolt", Images: 1, Boxes: 2}, {Name: "nut", Images: 4, Boxes: 4}, {Name: "screw"}}, v.Summary.Classes)
}

// cocoSet is a data set whose ids have gaps and whose images are in folders.
func cocoSet(t *testing.T) files {
	t.Helper()
	return files{
		"day/a.png":   pngOf(t, 40, 20, 10),
		"day/b.png":   pngOf(t, 40, 20, 20),
		"night/c.png": pngOf(t, 40, 20, 30),
		"night/d.png": pngOf(t, 40, 20, 40),
		"instances.json": `{
 "info": {"nested": [1, {"images": 2}]},
 "annotations": [
  {"id": 1, "image_id": "one", "category_id": 3, "bbox": [10, 5, 20, 10]},
  {"id": 2, "image_id": "one", "category_id": 90, "segmentation": [[0, 0, 4, 0, 4, 4], [8, 2, 8, 2, 8, 2]]},
  {"id": 3, "image_id": 2, "category_id": "1", "bbox": [0, 0, 40, 20], "iscrowd": 1, "segmentation": {"counts": "x", "size": [1, 2]}},
  {"id": 4, "image_id": "2", "category_id": 1, "bbox": [-5, 0, 10, 10], "area": 3},
  {"id": 5, "image_id": "2", "category_id": 1, "bbox": [-5, 0, 10, 10]}
 ],
 "images": [
  {"id": "one", "file_name": "day/a.png", "width": 40, "height": 20, "tags": ["dry", "sharp"], "weather": "rain"},
  {"id": 2, "file_name": "C:\\shots\\c.png", "width": 40, "height": 20, "weather": "sun"},
  {"id": 3, "file_name": "/data/day/b.png", "width": 40, "height": 20}
 ],
 "categories": [{"id": 90, "name": "screw"}, {"id": 1, "name": "bolt"}, {"id": 3, "name": "nut"}]
}`,
	}
}

func TestCOCO(t *testing.T) {
	t.Parallel()
	v, images := opened(t, newService(t), cocoSet(t), models.DatasetSettings{TagFields: []string{"weather"}})
	require.Equal(t, models.FormatCOCO, v.Format)
	require.Equal(t, []string{"bolt", "nut", "screw"}, v.Classes, "in the order of their ids")
	require.Equal(t, []string{
		"warning duplicate 1: instances.json:8",
		"warning not-listed 1: night/d.png",
		"warning outside 2: instances.json:7 instances.json:8",
		"info crowd 1: instances.json:6",
		"info found-by-name 1: instances.json:12",
		"info polygon 1: instances.json:5",
		"info without-boxes 1: day/b.png",
	}, told(v))
	require.Equal(t, "day/a.png", images[0].File.Path)
	require.Equal(t, []models.LabelBox{
		{Class: 1, CX: 0.5, CY: 0.5, Width: 0.5, Height: 0.5},
		{Class: 2, CX: 0.1, CY: 0.1, Width: 0.2, Height: 0.2},
	}, images[0].Boxes)
	require.Equal(t, []string{"dry", "sharp", "weather=rain"}, images[0].Tags)
	require.Empty(t, images[1].Boxes)
	require.Equal(t, []models.LabelBox{{Class: 0, CX: 0.5, CY: 0.5, Width: 1, Height: 1}}, images[2].Crowds)
	require.Equal(t, []models.LabelBox{{Class: 0, CX: 0, CY: 0.25, Width: 0.25, Height: 0.5}, {Class: 0, CX: 0, CY: 0.25, Width: 0.25, Height: 0.5}}, images[2].Boxes,
		"as they stand, both of them")
	require.Equal(t, []models.TagCount{{Tag: "dry", Images: 1}, {Tag: "sharp", Images: 1}, {Tag: "weather=rain", Images: 1}, {Tag: "weather=sun", Images: 1}}, v.Summary.Tags)
	require.EqualValues(t, 1, v.Summary.Crowds)
}

func TestFaultsOfCOCOAreNamedWithTheirLine(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		from, to string // in instances.json
		want     string
	}{
		"an image that is not there":    {`"day/a.png"`, `"day/z.png"`, `instances.json:11: image one: its file_name "day/z.png" is not in the data set`},
		"an image twice":                {`"id": 2, "file_name": "C:\\shots\\c.png"`, `"id": 2, "file_name": "day/a.png"`, "instances.json:12: image 2"},
		"a class that is not named":     {`"category_id": 3`, `"category_id": 4`, "instances.json:4: annotation 1: no category has the id 4"},
		"an image that is not listed":   {`"id": 4, "image_id": "2"`, `"id": 4, "image_id": "7"`, "instances.json:7: annotation 4: no image has the id 7"},
		"no area":                       {"[10, 5, 20, 10]", "[10, 5, 0, 10]", "instances.json:4: annotation 1 of day/a.png: a box of 0 x 10 pixels has no area"},
		"a box that is elsewhere":       {"[10, 5, 20, 10]", "[400, 5, 20, 10]", "instances.json:4: annotation 1 of day/a.png: the centre of the box, 410, 10, is outside"},
		"no box":                        {`"bbox": [10, 5, 20, 10]`, `"bbox": []`, "instances.json:4: annotation 1 has no bbox"},
		"another size":                  {`"height": 20, "tags"`, `"height": 30, "tags"`, `instances.json:11: image one, "day/a.png": the file says 40x30, and the picture is 40x20`},
		"a name twice":                  {`"name": "nut"`, `"name": "bolt"`, "instances.json:15: category 3"},
		"no JSON":                       {`"info": {`, `"info": {,`, "instances.json:2: the file does not parse as JSON"},
		"cut off":                       {`"name": "nut"}]` + "\n}", `"name": "nut"}`, "the file does not parse as JSON: "},
		"a box in words":                {"[10, 5, 20, 10]", `["10"]`, "instances.json:4: a value of another type is expected at bbox"},
		"categories that are no list":   {`"categories": [`, `"categories": 1, "x": [`, "categories is no list"},
		"a tag that cannot be one":      {`"sharp"`, `" sharp"`, `day/a.png: " sharp" is no tag`},
		"an image without size or form": {`"width": 40, "height": 20, "tags"`, `"height": -1, "tags"`, ""}, // the picture tells its size
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := cocoSet(t)
			require.Contains(t, set["instances.json"], tt.from)
			_, err := pushed(t, newService(t), set.with("instances.json", strings.Replace(set["instances.json"], tt.from, tt.to, 1)))
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.want)
			require.True(t, models.IsKind(err, models.KindInvalid))
		})
	}
}

func TestLabelsOfAPictureAsItIsStoredAreRefused(t *testing.T) {
	t.Parallel()
	set := func(width, height int) files {
		return files{
			"a.jpg": jpegOf(t, 40, 20, 6),
			"instances.json": fmt.Sprintf(`{"images": [{"id": 1, "file_name": "a.jpg", "width": %d, "height": %d}], "categories": [{"id": 1, "name": "x"}],
				"annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}]}`, width, height),
		}
	}
	_, images := opened(t, newService(t), set(20, 40))
	require.InDelta(t, 0.175, images[0].Boxes[0].CX, 1e-9, "of the upright picture")
	_, images = opened(t, newService(t), set(7000, 8000).with("a.jpg", hugePNG(t, 8000, 7000)))
	require.InDelta(t, 3.5/7000, images[0].Boxes[0].CX, 1e-9, "one so large is not decoded, and may be turned")
	_, err := pushed(t, newService(t), set(40, 20))
	require.ErrorContains(t, err, "its labels are for the picture as it is stored, 40x20, which its EXIF orientation turns to 20x40")
}

func TestFoldersAreClasses(t *testing.T) {
	t.Parallel()
	v, images := opened(t, newService(t), files{
		"images/nut/a.png":       pngOf(t, 8, 8, 10),
		"images/bolt/b.png":      pngOf(t, 8, 8, 20),
		"images/bolt/old/c.png":  pngOf(t, 8, 8, 30),
		"images/bolt/broken.png": pngOf(t, 8, 8, 40)[:40],
		"images/bolt/notes.md":   "no image",
		"tags.csv":               "path,tag,time\nimages/nut/a.png,blurred; far,night\n./images/bolt/*.png,,day\nimages/none.png,x,\n",
	})
	require.Equal(t, models.FormatFolders, v.Format)
	require.Equal(t, models.TaskClassification, v.Format.Task())
	require.Equal(t, []string{"bolt", "nut"}, v.Classes)
	classes := []int{}
	for _, image := range images {
		classes = append(classes, image.Class)
	}
	require.Equal(t, []int{0, 0, 0, 1}, classes)
	require.Equal(t, []string{"time=day"}, images[0].Tags)
	require.Equal(t, []string{"blurred", "far", "time=night"}, images[3].Tags)
	require.Equal(t, []string{
		"error undecodable 1: images/bolt/broken.png", "warning tag-of-nothing 1: tags.csv:4", "info no-image 1: images/bolt/notes.md",
	}, told(v))
	require.Equal(t, []models.ClassCount{{Name: "bolt", Images: 3}, {Name: "nut", Images: 1}}, v.Summary.Classes)
	require.Zero(t, v.Backgrounds)

	_, err := pushed(t, newService(t), files{"train/nut/a.png": pngOf(t, 8, 8, 1), "val/nut/b.png": pngOf(t, 8, 8, 2)})
	require.ErrorContains(t, err, "train, val: these folders are parts of a data set")
	_, err = pushed(t, newService(t), files{"nut/a.png": pngOf(t, 8, 8, 1), "b.png": pngOf(t, 8, 8, 2)})
	require.ErrorContains(t, err, "b.png: the image is in no folder that is its class")
}

func TestTables(t *testing.T) {
	t.Parallel()
	s := newService(t)
	v, err := pushed(t, s, files{"b.csv": "x,kind,note\n3,nut,\n", "a.csv": "x,kind,note\n1.5,bolt,\nNA,nut,\n", "readme.txt": "about"})
	require.NoError(t, err)
	require.Equal(t, models.FormatCSV, v.Format)
	require.EqualValues(t, 3, v.Summary.Rows)
	require.Equal(t, []models.Column{
		{Name: "x", Type: models.ColumnFloat, Missing: 1, Min: new(1.5), Max: new(3.0), Examples: []string{"1.5", "3"}},
		{Name: "kind", Type: models.ColumnText, Examples: []string{"bolt", "nut"}},
		{Name: "note", Type: models.ColumnFloat, Missing: 3},
	}, v.Summary.Columns)
	require.Equal(t, []string{"warning empty-column 1: note", "info missing-words 1: x"}, told(v))

	ref := models.DatasetRef{Name: "set", Version: 1}
	_, table, err := s.Table(t.Context(), ref)
	require.NoError(t, err)
	row, err := table.Next()
	require.NoError(t, err)
	require.Equal(t, []any{1.5, "bolt", nil}, row)
	require.NoError(t, table.Close())
	_, _, err = s.Open(t.Context(), ref)
	require.ErrorContains(t, err, "data set set@1 is a table (csv): it has no images")

	for want, set := range map[string]files{
		"a.csv:3: the row has 3 values":           {"a.csv": "a,b\n1,2\n1,2,3\n"},
		"a.csv: the table has no rows":            {"a.csv": "a,b\n"},
		"tables in CSV and in Parquet":            {"a.csv": "a\n1\n", "b.parquet": "PAR1"},
		"neither an image":                        {"a.md": "about"},
		"b.parquet: the file does not read as Pa": {"b.parquet": "PAR1"},
	} {
		_, err := pushed(t, newService(t), set)
		require.ErrorContains(t, err, want)
	}
}

func TestTheFormatIsToldByContentUnlessItIsNamed(t *testing.T) {
	t.Parallel()
	both := cocoSet(t).with("data.yaml", "names: [x]\nval: day\n").with("day/a.txt", "0 .5 .5 .1 .1\n").with("table.csv", "a\n1\n")
	s := newService(t)
	yolo, err := pushed(t, s, both)
	require.NoError(t, err)
	require.Equal(t, models.FormatYOLO, yolo.Format)
	for _, format := range []models.DatasetFormat{models.FormatCOCO, models.FormatFolders, models.FormatCSV} {
		other, err := pushed(t, s, both, models.DatasetSettings{Format: format})
		require.NoError(t, err)
		require.Equal(t, format, other.Format)
		require.NotEqual(t, yolo.Digest, other.Digest, "the format is a part of the version")
	}
	_, _, err = s.Begin(t.Context(), "set", []models.DatasetFile{{Path: "a", SHA256: strings.Repeat("a", 64)}}, models.DatasetSettings{Format: "voc"})
	require.ErrorContains(t, err, `format: "voc" is none of yolo, coco, folders, csv, parquet`)
}

func TestTagsAreAPartOfTheVersion(t *testing.T) {
	t.Parallel()
	s := newService(t)
	set := good().with("data.yaml", "val: val/images\nnames: [bolt, nut]\ntags: {night: val/images/a.*, time=day: [val/images/b.png, val/images/c.JPG]}\n")
	plain, images := opened(t, s, set)
	require.Equal(t, [][]string{{"night"}, {"time=day"}, {"time=day"}}, [][]string{images[0].Tags, images[1].Tags, images[2].Tags})

	manifest, texts := set.manifest()
	for i, f := range manifest {
		if f.Path == "val/images/a.jpg" {
			manifest[i].Tags = []string{"wet", "night", "wet"}
		}
	}
	v, missing, err := s.Begin(t.Context(), "set", manifest, models.DatasetSettings{})
	require.NoError(t, err)
	require.Empty(t, missing, "its files are there: %v", len(texts))
	require.NotEqual(t, plain.Digest, v.Digest)
	v, err = s.Commit(t.Context(), models.DatasetRef{Name: "set", Version: v.Number})
	require.NoError(t, err)
	_, images, err = s.Open(t.Context(), models.DatasetRef{Name: "set", Version: v.Number})
	require.NoError(t, err)
	require.Equal(t, []string{"night", "wet"}, images[0].Tags)

	manifest[0].Tags = []string{"=x"}
	_, _, err = s.Begin(t.Context(), "set", manifest, models.DatasetSettings{})
	require.ErrorContains(t, err, `"=x" is no tag: a tag is a word or key=value`)
}

func TestTheSameLabelsInTwoFormatsAreTheSame(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..", "tests", "data", "shapes")
	set := files{}
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		if name = filepath.ToSlash(name); strings.HasPrefix(name, "val/") || name == "data.yaml" || name == "instances.coco.json" {
			set[name] = string(text)
		}
		return err
	}))
	s := newService(t)
	yolo, inYOLO := opened(t, s, set)
	coco, inCOCO := opened(t, s, set, models.DatasetSettings{Format: models.FormatCOCO})
	require.Equal(t, yolo.Classes, coco.Classes)
	require.Equal(t, yolo.Summary.Classes, coco.Summary.Classes)
	require.Len(t, inCOCO, len(inYOLO))
	for i, image := range inYOLO {
		require.Equal(t, image.File, inCOCO[i].File)
		require.Len(t, inCOCO[i].Boxes, len(image.Boxes))
		for _, box := range image.Boxes {
			require.True(t, slices.ContainsFunc(inCOCO[i].Boxes, func(other models.LabelBox) bool {
				const near = 0.005
				return other.Class == box.Class && math.Abs(other.CX-box.CX) < near && math.Abs(other.CY-box.CY) < near &&
					math.Abs(other.Width-box.Width) < near && math.Abs(other.Height-box.Height) < near
			}), "%s: %v is none of %v", image.File.Path, box, inCOCO[i].Boxes)
		}
	}
}
