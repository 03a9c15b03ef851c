package api_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

// shapesFiles reads the labelled part of the shapes data set.
func shapesFiles(t *testing.T) map[string]string {
	t.Helper()
	root := filepath.Join(world.Root(), "tests", "data", "shapes")
	files := map[string]string{}
	for _, part := range []string{"data.yaml", "val"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, part), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			rel, _ := filepath.Rel(root, path)
			files[filepath.ToSlash(rel)] = string(text)
			return err
		}))
	}
	return files
}

// beginPush sends the manifest of files.
func beginPush(w *world.World, name string, files map[string]string) (version map[string]any, byDigest map[string]string) {
	byDigest = map[string]string{}
	var manifest []map[string]any
	for path, text := range files {
		sum := sha256.Sum256([]byte(text))
		digest := "sha256:" + hex.EncodeToString(sum[:])
		byDigest[digest] = text
		manifest = append(manifest, map[string]any{"path": path, "size_bytes": len(text), "digest": digest})
	}
	return w.OK(http.MethodPost, "/api/v1/datasets/"+name+"/versions", map[string]any{"files": manifest}), byDigest
}

// pushDataset pushes files as a new version, and gives the answer to the commit.
func pushDataset(t *testing.T, w *world.World, name string, files map[string]string) world.Response {
	t.Helper()
	w.Do(http.MethodPost, "/api/v1/datasets", map[string]any{"name": name})
	version, texts := beginPush(w, name, files)
	at := fmt.Sprintf("/api/v1/datasets/%s/versions/%v", name, version["version"])
	missing, _ := version["missing"].([]any)
	for _, digest := range missing {
		r := w.Do(http.MethodPut, at+"/blobs/"+digest.(string), []byte(texts[digest.(string)]), "Content-Type", "application/octet-stream")
		require.Equal(t, http.StatusNoContent, r.Status, "%s", r.Body)
	}
	return w.Do(http.MethodPost, at+"/commit", nil)
}

func TestADatasetIsPushed(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	files := shapesFiles(t)
	r := pushDataset(t, w, "shapes-val", files)
	require.Equal(t, http.StatusOK, r.Status, "%s", r.Body)
	v := r.JSON(t)
	require.Equal(t, "committed", v["state"])
	require.Equal(t, []any{"bolt", "washer", "nut", "screw"}, v["classes"])
	require.EqualValues(t, 48, v["images"])
	require.EqualValues(t, 146, v["boxes"])
	require.EqualValues(t, 2, v["backgrounds"])

	again, _ := beginPush(w, "shapes-val", files)
	require.Equal(t, v, again, "the same manifest is the same version, with nothing missing")
	page := w.OK(http.MethodGet, "/api/v1/datasets/shapes-val/versions/1/files?max_results=10", nil)
	require.Len(t, page["items"], 10)
	seen := 10
	for page["next_page_token"] != nil {
		page = w.OK(http.MethodGet, "/api/v1/datasets/shapes-val/versions/1/files?max_results=50&page_token="+page["next_page_token"].(string), nil)
		seen += len(page["items"].([]any))
	}
	require.Len(t, files, seen)
	set := w.OK(http.MethodGet, "/api/v1/datasets/shapes-val", nil)
	require.EqualValues(t, 1, set["latest_version"])
	require.Len(t, w.OK(http.MethodGet, "/api/v1/datasets", nil)["items"], 1)
}

func TestAPushThatWasCutOffResumes(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	w.OK(http.MethodPost, "/api/v1/datasets", map[string]any{"name": "d"})
	files := shapesFiles(t)
	version, texts := beginPush(w, "d", files)
	missing := version["missing"].([]any)
	at := "/api/v1/datasets/d/versions/1"
	digest := missing[0].(string)
	require.Equal(t, http.StatusNoContent, w.Do(http.MethodPut, at+"/blobs/"+digest, []byte(texts[digest])).Status)

	r := w.Do(http.MethodPost, at+"/commit", nil)
	require.Equal(t, http.StatusConflict, r.Status)
	require.Contains(t, string(r.Body), "upload them, then commit")
	other := missing[1].(string)
	r = w.Do(http.MethodPut, at+"/blobs/"+other, []byte(strings.Repeat("x", len(texts[other]))))
	require.Equal(t, http.StatusBadRequest, r.Status, "other bytes than the digest says")

	resumed, _ := beginPush(w, "d", files)
	require.EqualValues(t, 1, resumed["version"])
	require.Equal(t, missing[1:], resumed["missing"])
}

func TestAFaultyDatasetIsRefusedWithTheList(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	files := shapesFiles(t)
	files["val/labels/0000.txt"] = "4 0.5 0.5 0.1 0.1\n0 0.5 0.5 0.1 0.1 0.9\n0 nan 0.5 0.1 0.1\n"
	r := pushDataset(t, w, "d", files)
	require.Equal(t, http.StatusBadRequest, r.Status)
	require.Len(t, r.JSON(t)["details"], 3)
	require.Contains(t, string(r.Body), "val/labels/0000.txt:1")
	require.Contains(t, string(r.Body), "class 4 is beyond the names: 4 of them")
	require.Equal(t, http.StatusNotFound, w.Do(http.MethodGet, "/api/v1/datasets/d/versions/1", nil).Status, "nothing half-made is left")

	for path := range files {
		if strings.HasPrefix(path, "val/labels/") {
			delete(files, path)
		}
	}
	r = pushDataset(t, w, "d", files)
	require.Equal(t, http.StatusBadRequest, r.Status)
	require.Contains(t, string(r.Body), "not one of the 48 images has a label")
}

func TestAManifestThatIsNoManifestIsRefusedByField(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	w.OK(http.MethodPost, "/api/v1/datasets", map[string]any{"name": "set"})
	for name, test := range map[string]struct{ body, says string }{
		"nothing":            {"", "body: value is required but missing"},
		"no JSON":            {"x", "body: invalid character 'x'"},
		"cut off":            {`{"files": [`, "body: unexpected EOF"},
		"a list":             {"[]", "body: value must be an object"},
		"files that are one": {`{"files": 1}`, "files: a value of another type is expected here, not: number"},
		"a size in words":    {`{"files": [{"path": "a", "size_bytes": "1"}]}`, "files.size_bytes: a value of another type is expected here, not: string"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := w.Do(http.MethodPost, "/api/v1/datasets/set/versions", []byte(test.body), "Content-Type", "application/json")
			require.Equal(t, http.StatusBadRequest, r.Status, "%s", r.Body)
			require.Contains(t, string(r.Body), test.says)
			require.NotContains(t, string(r.Body), "Go ")
		})
	}
}

func TestAManifestWithUnknownFieldsIsRefused(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	w.OK(http.MethodPost, "/api/v1/datasets", object{"name": "d"})
	file := object{"path": "data.yaml", "sha256": strings.Repeat("a", 64), "size": 1}
	for field, body := range map[string]object{
		"colour": {"files": []object{file}, "colour": "red"},
		"mode":   {"files": []object{{"path": "data.yaml", "sha256": strings.Repeat("a", 64), "size": 1, "mode": 7}}},
	} {
		require.Contains(t, refused(t, w.Do(http.MethodPost, "/api/v1/datasets/d/versions", body), http.StatusBadRequest, "INVALID_PARAMETER_VALUE"), field)
	}
}
