package dataset_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/dataset"
	"github.com/slipway-ml/slipway/storage/blob/local"
	"github.com/slipway-ml/slipway/storage/sqlstore"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
)

func newService(t *testing.T) *dataset.Service {
	t.Helper()
	dir := t.TempDir()
	db, err := sqlstore.Open(t.Context(), postgres.OrSQLite(t, dir), sqlstore.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	blobs, err := local.New(filepath.Join(dir, "artifacts"))
	require.NoError(t, err)
	return &dataset.Service{DB: db, Blobs: blobs}
}

// files are a data set's paths and texts.
type files map[string]string

func good() files {
	return files{
		"data.yaml":             "path: .\nval: val/images\nnames: [bolt, nut]\n",
		"val/images/a.jpg":      "a picture",
		"val/images/b.png":      "another",
		"val/images/c.JPG":      "a third, without labels",
		"val/labels/a.txt":      "0 0.5 0.5 0.2 0.1\n1 0.25 0.25 1.0000001 0.1\n",
		"val/labels/b.txt":      "",
		"train/images/x.jpg":    "not of val",
		"train/labels/x.txt":    "7 9 9 9 9 9",
		"live/no-labels/00.jpg": "not of val either",
	}
}

func (f files) with(path, text string) files {
	f[path] = text
	return f
}

func (f files) without(paths ...string) files {
	for _, path := range paths {
		delete(f, path)
	}
	return f
}

func (f files) manifest() (manifest []models.DatasetFile, byDigest map[string]string) {
	byDigest = map[string]string{}
	for path, text := range f {
		sum := sha256.Sum256([]byte(text))
		sha := hex.EncodeToString(sum[:])
		manifest = append(manifest, models.DatasetFile{Path: path, Size: int64(len(text)), SHA256: sha})
		byDigest[sha] = text
	}
	return manifest, byDigest
}

// push does a whole push into the data set "set".
func push(t *testing.T, s *dataset.Service, f files, settings ...models.DatasetSettings) (models.DatasetVersion, error) {
	t.Helper()
	manifest, texts := f.manifest()
	v, missing, err := s.Begin(t.Context(), "set", manifest, append(settings, models.DatasetSettings{})[0])
	require.NoError(t, err)
	ref := models.DatasetRef{Name: "set", Version: v.Number}
	for _, m := range missing {
		require.NoError(t, s.Upload(t.Context(), ref, m.SHA256, strings.NewReader(texts[m.SHA256])))
	}
	return s.Commit(t.Context(), ref)
}

func TestPush(t *testing.T) {
	t.Parallel()
	s := newService(t)
	_, err := s.Create(t.Context(), "set", "for a test")
	require.NoError(t, err)
	v, err := push(t, s, good())
	require.NoError(t, err)
	require.Equal(t, models.DatasetCommitted, v.State)
	require.EqualValues(t, 1, v.Number)
	require.Equal(t, []string{"bolt", "nut"}, v.Classes)
	require.EqualValues(t, []int64{3, 2, 2, 9}, []int64{v.Images, v.Backgrounds, v.Boxes, v.Files})
	require.NotNil(t, v.CommittedAt)

	_, images, err := s.Open(t.Context(), models.DatasetRef{Name: "set", Version: 1})
	require.NoError(t, err)
	require.Equal(t, []string{"val/images/a.jpg", "val/images/b.png", "val/images/c.JPG"},
		[]string{images[0].File.Path, images[1].File.Path, images[2].File.Path})
	require.Equal(t, []models.LabelBox{
		{Class: 0, CX: 0.5, CY: 0.5, Width: 0.2, Height: 0.1},
		{Class: 1, CX: 0.25, CY: 0.25, Width: 1, Height: 0.1},
	}, images[0].Boxes)

	again, err := push(t, s, good())
	require.NoError(t, err)
	require.Equal(t, v, again, "the same files are the same version")

	changed, err := push(t, s, good().with("val/labels/a.txt", "0 0.5 0.5 0.2 0.2\n"))
	require.NoError(t, err)
	require.EqualValues(t, 2, changed.Number)
	require.NotEqual(t, v.Digest, changed.Digest, "one digit is another data set")

	set, err := s.Get(t.Context(), "set")
	require.NoError(t, err)
	require.EqualValues(t, 2, set.Latest)

	dir := t.TempDir()
	require.NoError(t, s.Materialize(t.Context(), models.DatasetRef{Name: "set", Version: 1}, dir))
	text, err := os.ReadFile(filepath.Join(dir, "val", "labels", "a.txt"))
	require.NoError(t, err)
	require.Equal(t, good()["val/labels/a.txt"], string(text))
}

func TestAPushResumes(t *testing.T) {
	t.Parallel()
	s := newService(t)
	_, err := s.Create(t.Context(), "set", "")
	require.NoError(t, err)
	manifest, texts := good().manifest()
	v, missing, err := s.Begin(t.Context(), "set", manifest, models.DatasetSettings{})
	require.NoError(t, err)
	require.Len(t, missing, len(texts))
	ref := models.DatasetRef{Name: "set", Version: v.Number}

	sha := missing[0].SHA256
	require.NoError(t, s.Upload(t.Context(), ref, sha, strings.NewReader(texts[sha])))
	require.NoError(t, s.Upload(t.Context(), ref, sha, strings.NewReader(texts[sha])), "again is fine")

	err = s.Upload(t.Context(), ref, missing[1].SHA256, bytes.NewReader(make([]byte, missing[1].Size)))
	require.True(t, models.IsKind(err, models.KindInvalid), "other bytes: %v", err)
	err = s.Upload(t.Context(), ref, missing[1].SHA256, strings.NewReader(texts[missing[1].SHA256][:2]))
	require.True(t, models.IsKind(err, models.KindInvalid), "cut off: %v", err)
	err = s.Upload(t.Context(), ref, strings.Repeat("0", 64), strings.NewReader("x"))
	require.True(t, models.IsKind(err, models.KindNotFound), "not of the manifest: %v", err)

	_, err = s.Commit(t.Context(), ref)
	require.True(t, models.IsKind(err, models.KindConflict), "%v", err)

	again, left, err := s.Begin(t.Context(), "set", manifest, models.DatasetSettings{})
	require.NoError(t, err)
	require.Equal(t, v, again)
	require.Equal(t, missing[1:], left)
}

func TestFaultsAreRefusedWithTheList(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		files files
		want  []string // field: message
	}{
		"no labels at all":           {good().without("val/labels/a.txt"), []string{"labels: not one of the 3 images has a label"}},
		"no data.yaml":               {good().without("data.yaml"), []string{"data.yaml: there is none at the root"}},
		"no names":                   {good().with("data.yaml", "val: val/images"), []string{"names is missing"}},
		"names with a gap":           {good().with("data.yaml", "names: {0: a, 2: b}"), []string{"none of id 1"}},
		"nc of another count":        {good().with("data.yaml", "nc: 3\nval: val/images\nnames: [a, b]"), []string{"nc is 3, and names has 2"}},
		"a folder that is not there": {good().with("data.yaml", "val: test/images\nnames: [a, b]"), []string{`no image under val: "test/images"`}},
		"a class beyond the names": {
			good().with("val/labels/a.txt", "0 .5 .5 .1 .1\n2 .5 .5 .1 .1\n-1 .5 .5 .1 .1\n0.5 .5 .5 .1 .1"),
			[]string{"val/labels/a.txt:2: class 2 is beyond the names: 2 of them, so ids are 0 to 1", "val/labels/a.txt:3: class -1", "val/labels/a.txt:4: the class \"0.5\""},
		},
		"rows of another length": {
			good().with("val/labels/a.txt", "0 .5 .5 .1 .1 .9\n0 .5 .5 .1\n0 .1 .1 .2 .1 .2 .2 .3"),
			[]string{"val/labels/a.txt:1: a row of 6 numbers: labels have 5 (class cx cy w h); these look like predictions saved with their confidence", "val/labels/a.txt:2: a row of 4", "val/labels/a.txt:3: a row of 8 numbers"},
		},
		"coordinates": {
			good().with("val/labels/a.txt", "0 1.1 .5 .1 .1\n0 .5 -.1 .1 .1\n0 .5 .5 nan .1\n0 .5 .5 0 .1\n\n0 .5 x .1 .1"),
			[]string{"a.txt:1: cx is 1.1", "a.txt:2: cy is -.1", "a.txt:3: w is \"nan\", which is no number", "a.txt:4: w is 0", "a.txt:6: cy is \"x\""},
		},
		"labels without image": {good().with("val/labels/z.txt", "0 .5 .5 .1 .1"), []string{"val/labels/z.txt: no image has these labels"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			_, err := s.Create(t.Context(), "set", "")
			require.NoError(t, err)
			_, err = push(t, s, tt.files)
			var refused *models.Error
			require.ErrorAs(t, err, &refused)
			require.Equal(t, models.KindInvalid, refused.Kind, refused.Message)
			said := []string{refused.Message}
			for _, d := range refused.Details {
				said = append(said, fmt.Sprintf("%s: %s", d.Field, d.Message))
			}
			for _, want := range tt.want {
				require.Contains(t, strings.Join(said, "\n"), want)
			}
			if len(refused.Details) > 0 {
				require.Len(t, refused.Details, len(tt.want))
			}
			v, err := push(t, s, good())
			require.NoError(t, err)
			require.EqualValues(t, 1, v.Number, "the refused version has left its number")
		})
	}
}

func TestOtherWaysToWriteALayout(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"a list of folders":               "val: [val/images]\nnames: [a, b]",
		"a mapping of names":              "val: val/images\nnames: {0: a, 1: b}",
		"a path of another machine":       "path: /home/me/set\nval: val/images\nnames: [a, b]",
		"a path beside the training code": "path: ../datasets/set\nval: ../val/images\nnames: [a, b]",
		"a file that lists images":        "val: val.txt\nnames: [a, b]",
	}
	for name, yaml := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			_, err := s.Create(t.Context(), "set", "")
			require.NoError(t, err)
			v, err := push(t, s, good().with("data.yaml", yaml).with("val.txt", "./val/images/a.jpg\nval/images/b.png\nval/images/c.JPG\n"))
			require.NoError(t, err)
			require.EqualValues(t, []int64{3, 2, 2}, []int64{v.Images, v.Backgrounds, v.Boxes})
		})
	}
}

func TestADescriptionOfAnotherShapeIsToldByItsLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"hello":                    "data.yaml does not parse: line 1: this cannot stand here: !!str `hello`",
		"names: [a]\nnc: [1, 2]\n": "data.yaml does not parse: line 2: this cannot stand here: !!seq",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			_, err := s.Create(t.Context(), "set", "")
			require.NoError(t, err)
			_, err = push(t, s, good().with("data.yaml", text))
			require.True(t, models.IsKind(err, models.KindInvalid), "%v", err)
			require.EqualError(t, err, want)
		})
	}
}

func TestManifestsThatCannotBeKept(t *testing.T) {
	t.Parallel()
	s := newService(t)
	_, err := s.Create(t.Context(), "set", "")
	require.NoError(t, err)
	sha := strings.Repeat("a", 64)
	tests := map[string][]models.DatasetFile{
		"none":                        nil,
		"a path that leads out":       {{Path: "../x", SHA256: sha}},
		"a path within that leads up": {{Path: "a/../../x", SHA256: sha}},
		"an absolute path":            {{Path: "/etc/passwd", SHA256: sha}},
		"a backslash":                 {{Path: `a\..\b`, SHA256: sha}},
		"a NUL":                       {{Path: "a\x00b", SHA256: sha}},
		"no UTF-8":                    {{Path: "a\xff", SHA256: sha}},
		"a path twice":                {{Path: "a", SHA256: sha}, {Path: "a", SHA256: sha}},
		"a short digest":              {{Path: "a", SHA256: "abc"}},
		"a negative size":             {{Path: "a", SHA256: sha, Size: -1}},
		"two sizes of one digest":     {{Path: "a", SHA256: sha, Size: 1}, {Path: "b", SHA256: sha, Size: 2}},
	}
	for name, manifest := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := s.Begin(t.Context(), "set", manifest, models.DatasetSettings{})
			require.True(t, models.IsKind(err, models.KindInvalid), "%v", err)
		})
	}
}
