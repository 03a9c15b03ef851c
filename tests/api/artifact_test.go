package api_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/testbed/s3"
	"github.com/slipway-ml/slipway/tests/world"
)

// escaped is a path with each element percent-encoded, as clients send it.
func escaped(path string) string {
	elements := strings.Split(path, "/")
	for i, e := range elements {
		elements[i] = url.PathEscape(e)
	}
	return strings.Join(elements, "/")
}

// files lists a folder by the proxy: names with sizes, folders with a slash.
func files(w *world.World, folder string) []string {
	list, _ := w.OK(http.MethodGet, proxy+"?path="+url.QueryEscape(folder), nil)["files"].([]any)
	names := make([]string, len(list))
	for i, f := range list {
		file := f.(object)
		names[i] = file["path"].(string) + "/"
		if file["is_dir"] == false {
			names[i] = fmt.Sprintf("%s %.0f", file["path"], file["file_size"])
		}
	}
	return names
}

// onS3 tells whether the servers of these tests keep their artifacts in S3.
func onS3() bool { return os.Getenv(s3.Variable) != "" }

func content(t *testing.T, w *world.World, path string) string {
	t.Helper()
	r := w.Do(http.MethodGet, path, nil)
	require.Equal(t, http.StatusOK, r.Status, "%s", r.Body)
	return string(r.Body)
}

func TestAnArtifactKeepsItsName(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	for _, name := range []string{"a b.txt", "a:b.txt", "100%.txt", "模.txt", "img%step%1.png", "%2e%2e", "a+b", "q?x=1", "#1", ".hidden", "..x", "semi;colon", `q"uote`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := "names/" + fmt.Sprintf("%x", name)
			if name == "%2e%2e" { // could be read as a way out by who decodes twice
				badRequest(t, w.Do(http.MethodPut, proxy+"/"+folder+"/"+escaped(name), []byte("x")))
				return
			}
			upload(t, w, folder+"/"+escaped(name), "content of "+name)
			require.Equal(t, []string{fmt.Sprintf("%s %d", name, len("content of "+name))}, files(w, folder))
			r := w.Do(http.MethodGet, proxy+"/"+folder+"/"+escaped(name), nil)
			require.Equal(t, "content of "+name, string(r.Body))
			require.Equal(t, fmt.Sprint(len(r.Body)), r.Header.Get("Content-Length"))
			require.Contains(t, r.Header.Get("Content-Disposition"), "attachment; filename=")
			require.Equal(t, "nosniff", r.Header.Get("X-Content-Type-Options"))
		})
	}
	r := w.Do(http.MethodPut, proxy+"/names/"+escaped("模.txt"), []byte("x"))
	require.Equal(t, http.StatusOK, r.Status)
	r = w.Do(http.MethodGet, proxy+"/names/"+escaped("模.txt"), nil)
	require.Equal(t, `attachment; filename=_.txt; filename*=utf-8''%E6%A8%A1.txt`, r.Header.Get("Content-Disposition"))
}

func TestAnArtifactPathNeverLeavesTheStore(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	secret := filepath.Join(w.Dir, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("secret"), 0o600))
	runID := run(w)
	upload(t, w, "0/"+runID+"/artifacts/x", "x")
	for _, path := range []string{
		"../secret", "..%2fsecret", "%2e%2e/secret", "%2e%2e%2fsecret", "%252e%252e%252fsecret", "..%5csecret", "a/../../secret", "a/..",
		"%2fetc/passwd", "/etc/passwd", "file:///etc/passwd", "file:%2f%2f%2fetc%2fpasswd", "x%00", "./y", "a//b", ".slipway/x", ".upload/x",
	} {
		if path == ".upload/x" && onS3() {
			continue // the name is a folder's own
		}
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			badRequest(t, w.Do(http.MethodPut, proxy+"/"+path, []byte("x")))
			badRequest(t, w.Do(http.MethodGet, proxy+"/"+path, nil))
			badRequest(t, w.Do(http.MethodDelete, proxy+"/"+path, nil))
			if !strings.HasPrefix(path, ".") || strings.HasPrefix(path, "..") { // below a run it is a name like any other
				badRequest(t, w.Do(http.MethodGet, "/get-artifact?run_id="+runID+"&path="+path, nil))
			}
		})
	}
	for _, path := range []string{"../", "..", "a/../..", "%252e%252e", "..%5c", "/", "/etc", ".slipway"} {
		t.Run("list "+path, func(t *testing.T) {
			t.Parallel()
			badRequest(t, w.Do(http.MethodGet, proxy+"?path="+path, nil))
			if path != ".slipway" {
				badRequest(t, w.Do(http.MethodGet, "/api/2.0/mlflow/artifacts/list?run_id="+runID+"&path="+path, nil))
			}
		})
	}
	t.Cleanup(func() {
		kept, err := os.ReadFile(secret)
		require.NoError(t, err)
		require.Equal(t, "secret", string(kept))
	})
}

func TestAnArtifactInParts(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	path := proxy + "/d/x.json"
	upload(t, w, "d/x.json", "0123456789")
	whole := w.Do(http.MethodGet, path, nil)
	require.Contains(t, whole.Header.Get("Content-Type"), "text/plain")
	require.Equal(t, "bytes", whole.Header.Get("Accept-Ranges"))
	tag := whole.Header.Get("ETag")
	require.Equal(t, `"84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"`, tag)

	for ask, want := range map[string]string{"bytes=0-3": "0123", "bytes=8-": "89", "bytes=-2": "89", "bytes=9-99": "9"} {
		r := w.Do(http.MethodGet, path, nil, "Range", ask)
		require.Equal(t, http.StatusPartialContent, r.Status)
		require.Equal(t, want, string(r.Body))
		require.Equal(t, fmt.Sprint(len(want)), r.Header.Get("Content-Length"))
	}
	require.Equal(t, http.StatusRequestedRangeNotSatisfiable, w.Do(http.MethodGet, path, nil, "Range", "bytes=10-").Status)
	require.Equal(t, http.StatusNotModified, w.Do(http.MethodGet, path, nil, "If-None-Match", tag).Status)
	upload(t, w, "d/x.json", "another")
	require.Equal(t, "another", string(w.Do(http.MethodGet, path, nil, "Range", "bytes=0-3", "If-Range", tag).Body))
}

func TestArtifactsOfTheProxy(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	for path, body := range map[string]string{"d/a.txt": "four", "d/e/f": "1", "d/empty": ""} {
		upload(t, w, path, body)
	}
	require.Equal(t, []string{"a.txt 4", "e/", "empty 0"}, files(w, "d"))
	require.Equal(t, []string{"a.txt 4", "e/", "empty 0"}, files(w, "d/"))
	require.Equal(t, []string{"d/"}, files(w, ""))
	for _, nothing := range []string{"none", "d/a.txt", "d/none/x"} {
		require.Equal(t, object{}, w.OK(http.MethodGet, proxy+"?path="+nothing, nil))
	}
	require.Empty(t, content(t, w, proxy+"/d/empty"))
	require.Equal(t, "No such artifact: 'd/none'", missing(t, w.Do(http.MethodGet, proxy+"/d/none", nil)))
	badRequest(t, w.Do(http.MethodGet, proxy+"/d", nil))
	if !onS3() { // which has no folders: a file may stand beside one of its name
		badRequest(t, w.Do(http.MethodPut, proxy+"/d", []byte("x")))
		badRequest(t, w.Do(http.MethodPut, proxy+"/d/a.txt/b", []byte("x")))
	}
	badRequest(t, w.Do(http.MethodPut, proxy+"/", []byte("x")))
	badRequest(t, w.Do(http.MethodDelete, proxy+"/", nil))

	require.Equal(t, object{}, w.OK(http.MethodDelete, proxy+"/d/e", nil))
	require.Equal(t, object{}, w.OK(http.MethodDelete, proxy+"/d/e", nil))
	require.Equal(t, []string{"a.txt 4", "empty 0"}, files(w, "d"))

	if onS3() {
		return
	}
	for method, path := range map[string]string{
		http.MethodPost: "/api/2.0/mlflow-artifacts/mpu/create/d", http.MethodGet: "/ajax-api/2.0/mlflow-artifacts/presigned/d/a.txt",
	} {
		refused(t, w.Do(method, path, nil), http.StatusNotImplemented, "NOT_IMPLEMENTED")
	}
}

func TestArtifactsOfRunsAndLoggedModels(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	runID := run(w)
	logged := loggedModel(w, runID)
	upload(t, w, "0/"+runID+"/artifacts/d/x.txt", "of the run")
	upload(t, w, "0/models/"+logged+"/artifacts/d/MLmodel", "of the model")
	model := "/api/2.0/mlflow/logged-models/" + logged + "/artifacts/"
	for path, want := range map[string]object{
		"/api/2.0/mlflow/artifacts/list?run_id=" + runID: {
			"root_uri": "mlflow-artifacts:/0/" + runID + "/artifacts", "files": []any{object{"path": "d", "is_dir": true}},
		},
		"/ajax-api/2.0/mlflow/artifacts/list?path=d&run_uuid=" + runID: {
			"root_uri": "mlflow-artifacts:/0/" + runID + "/artifacts", "files": []any{object{"path": "d/x.txt", "is_dir": false, "file_size": 10.0}},
		},
		"/api/2.0/mlflow/artifacts/list?path=d/x.txt&run_id=" + runID: {"root_uri": "mlflow-artifacts:/0/" + runID + "/artifacts"},
		model + "directories": {
			"root_uri": "mlflow-artifacts:/0/models/" + logged + "/artifacts", "files": []any{object{"path": "d", "is_dir": true}},
		},
		model + "directories?artifact_directory_path=d": {
			"root_uri": "mlflow-artifacts:/0/models/" + logged + "/artifacts", "files": []any{object{"path": "d/MLmodel", "is_dir": false, "file_size": 12.0}},
		},
	} {
		require.Equal(t, want, w.OK(http.MethodGet, path, nil), path)
	}
	require.Equal(t, "of the run", content(t, w, "/get-artifact?path=d/x.txt&run_id="+runID))
	require.Equal(t, "of the run", content(t, w, "/get-artifact?path=d/x.txt&run_uuid="+runID))
	require.Equal(t, "of the model", content(t, w, model+"files?artifact_file_path=d/MLmodel"))
	missing(t, w.Do(http.MethodGet, "/api/2.0/mlflow/artifacts/list?run_id=nobody", nil))
	missing(t, w.Do(http.MethodGet, "/get-artifact?run_id=nobody&path=x", nil))
	missing(t, w.Do(http.MethodGet, "/get-artifact?run_id="+runID+"&path=none", nil))
	badRequest(t, w.Do(http.MethodGet, "/get-artifact?path=x", nil))

	r := w.Do(http.MethodPost, "/ajax-api/2.0/mlflow/upload-artifact?path=note.md&run_uuid="+runID, []byte("# hello"))
	require.Equal(t, http.StatusOK, r.Status, "%s", r.Body)
	require.Equal(t, "# hello", content(t, w, "/get-artifact?path=note.md&run_id="+runID))
	r = w.Do(http.MethodPost, "/ajax-api/2.0/mlflow/upload-artifact?path=big&run_uuid="+runID, make([]byte, 10<<20+1))
	require.Equal(t, http.StatusRequestEntityTooLarge, r.Status, "%s", r.Body)
	missing(t, w.Do(http.MethodGet, "/get-artifact?path=big&run_id="+runID, nil))
}

func TestAnUploadThatBreaksOffLeavesWhatWasThere(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	upload(t, w, "d/old", "old")
	for name, head := range map[string]string{"of a known length": "Content-Length: 100\r\n\r\nhalf", "in chunks": "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"} {
		for _, path := range []string{"d/old", "d/new"} {
			conn, err := net.Dial("tcp", strings.TrimPrefix(w.URL, "http://"))
			require.NoError(t, err)
			_, err = fmt.Fprintf(conn, "PUT %s/%s HTTP/1.1\r\nHost: %s\r\n%s", proxy, path, strings.TrimPrefix(w.URL, "http://"), head)
			require.NoError(t, err)
			require.NoError(t, conn.(*net.TCPConn).CloseWrite())
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err, name)
			require.Equal(t, http.StatusBadRequest, answer.StatusCode, name)
			require.NoError(t, answer.Body.Close())
			require.NoError(t, conn.Close())
		}
	}
	require.Equal(t, []string{"old 3"}, files(w, "d"))
	require.Equal(t, "old", content(t, w, proxy+"/d/old"))
}
