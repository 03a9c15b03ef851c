package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

// frozen is where a version's file is read by its manifest.
func frozen(version, path string) string {
	return "/model-versions/get-artifact?name=m&version=" + version + "&path=" + path
}

func TestAVersionsFilesAreFrozen(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	createModel(w, "m")
	logged := loggedModel(w, run(w))
	root := "0/models/" + logged + "/artifacts/"
	body := object{"name": "m", "source": "models:/" + logged, "model_id": logged}
	upload(t, w, root+"MLmodel", "first")
	upload(t, w, root+"data/model.onnx", "weights")
	w.OK(http.MethodPost, versioned+"create", body)
	w.OK(http.MethodPost, versioned+"create", object{"name": "m", "source": "models:/m/1"})

	upload(t, w, root+"MLmodel", "second")
	upload(t, w, root+"late.txt", "late")
	w.OK(http.MethodPost, versioned+"create", body)
	upload(t, w, root+"MLmodel", "third")

	require.Equal(t, "first", content(t, w, frozen("1", "MLmodel")))
	require.Equal(t, "first", content(t, w, frozen("2", "MLmodel")), "a copy has the same bytes")
	require.Equal(t, "second", content(t, w, frozen("3", "MLmodel")))
	require.Equal(t, "third", content(t, w, proxy+"/"+root+"MLmodel"))
	missing(t, w.Do(http.MethodGet, frozen("1", "late.txt"), nil))
	require.Equal(t, "late", content(t, w, frozen("3", "late.txt")))

	w.OK(http.MethodDelete, proxy+"/"+root+"data", nil)
	w.OK(http.MethodDelete, proxy+"/0/models/"+logged, nil)
	if !onS3() { // SeaweedFS goes on listing a folder that is empty
		require.Empty(t, files(w, root))
	}
	for version, want := range map[string]string{"1": "first", "2": "first", "3": "second"} {
		require.Equal(t, want, content(t, w, frozen(version, "MLmodel")))
		require.Equal(t, "weights", content(t, w, frozen(version, "data/model.onnx")))
	}
}

func TestFilesPutIntoTheStoreByHandAreHashed(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	createModel(w, "m")
	logged := loggedModel(w, run(w))
	root := "0/models/" + logged + "/artifacts/"
	upload(t, w, root+"MLmodel", "through us")
	w.Write(t, root+"data/model.onnx", "by hand")

	v := w.OK(http.MethodPost, versioned+"create", object{"name": "m", "source": "models:/" + logged, "model_id": logged})["model_version"].(object)
	require.Equal(t, "READY", v["status"])
	w.Eventually(20*time.Second, "the files are hashed", func() bool {
		return w.Do(http.MethodGet, frozen("1", "data/model.onnx"), nil).Status == http.StatusOK
	})
	upload(t, w, root+"data/model.onnx", "replaced")
	require.Equal(t, "by hand", content(t, w, frozen("1", "data/model.onnx")))
	require.Equal(t, "through us", content(t, w, frozen("1", "MLmodel")))
}

func TestAVersionOutsideTheStoreSaysSo(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	createModel(w, "m")
	register(w, "m")
	require.Contains(t, refused(t, w.Do(http.MethodGet, frozen("1", "MLmodel"), nil), http.StatusConflict, "RESOURCE_CONFLICT"), "s3://bucket/model")
}
