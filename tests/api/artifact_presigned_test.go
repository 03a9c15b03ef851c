package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

// hashed waits until a version's files are frozen, and gives one of them.
func hashed(t *testing.T, w *world.World, version, path string) string {
	t.Helper()
	w.Eventually(30*time.Second, "the version is frozen", func() bool {
		r := w.Do(http.MethodGet, frozen(version, path), nil)
		return r.Status != http.StatusConflict || !strings.Contains(string(r.Body), "being hashed")
	})
	return content(t, w, frozen(version, path))
}

func TestAURLThatIsUsedAgainDoesNotReachAVersion(t *testing.T) {
	t.Parallel()
	w := inS3(t)
	createModel(w, "m")
	id := run(w)
	root := "0/" + id + "/artifacts/model/"
	source := object{"name": "m", "source": "runs:/" + id + "/model", "run_id": id}

	upload(t, w, root+"MLmodel", "first")
	w.OK(http.MethodPost, versioned+"create", source) // before the URL is asked for
	signed := w.OK(http.MethodPost, "/api/2.0/mlflow/artifacts/presigned-upload-url", object{"run_id": id, "path": "model/MLmodel"})
	use := func(content string) { direct(t, http.MethodPut, signed, signed["presigned_url"].(string), content) }
	use("other")
	w.OK(http.MethodPost, versioned+"create", source) // of what it brought
	require.Equal(t, "other", hashed(t, w, "2", "MLmodel"))
	upload(t, w, root+"MLmodel", "third") // through the server, while it can still be used
	w.OK(http.MethodPost, versioned+"create", source)
	require.Equal(t, "third", hashed(t, w, "3", "MLmodel"))
	use("again")
	for version, want := range map[string]string{"1": "first", "2": "other", "3": "third"} {
		require.Equal(t, want, content(t, w, frozen(version, "MLmodel")))
	}
	require.Equal(t, "again", content(t, w, proxy+"/"+root+"MLmodel"))
}

// S3 dates to a second: what has the same size and the same second is told by
// its mark.
func TestAFileThatIsReplacedWithinASecondIsAnotherFile(t *testing.T) {
	t.Parallel()
	w := inS3(t)
	createModel(w, "m")
	id := run(w)
	root := "0/" + id + "/artifacts/model/"
	source := object{"name": "m", "source": "runs:/" + id + "/model", "run_id": id}

	upload(t, w, root+"MLmodel", "first")
	w.Write(t, root+"MLmodel", "FIRST")
	w.OK(http.MethodPost, versioned+"create", source)
	require.Equal(t, "FIRST", hashed(t, w, "1", "MLmodel"), "the digest of what came through us is not that of this")
	require.Empty(t, w.Do(http.MethodGet, proxy+"/"+root+"MLmodel", nil).Header.Get("ETag"))

	upload(t, w, root+"MLmodel", "third")
	w.OK(http.MethodPost, versioned+"create", source)
	require.Equal(t, "third", content(t, w, frozen("2", "MLmodel")))
	w.Write(t, root+"MLmodel", "THIRD")
	for _, part := range []string{"", "bytes=1-2"} {
		r := w.Do(http.MethodGet, frozen("2", "MLmodel"), nil, "Range", part)
		require.Contains(t, refused(t, r, http.StatusConflict, "RESOURCE_CONFLICT"), "MLmodel is not what was registered")
	}
	require.Equal(t, "FIRST", content(t, w, frozen("1", "MLmodel")))
}
