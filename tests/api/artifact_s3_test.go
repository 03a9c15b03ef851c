package api_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/tests/testbed/s3"
	"github.com/slipway-ml/slipway/tests/world"
)

// inS3 is a server whose artifacts are in S3.
func inS3(t *testing.T, changes ...func(*config.Config)) *world.World {
	t.Helper()
	server := s3.Shared(t)
	return world.Start(t, append([]func(*config.Config){func(c *config.Config) {
		c.ArtifactsDestination, c.S3Endpoint = server.Address(t), server.URL
	}}, changes...)...)
}

// direct sends a request to the store itself, as a client does with a URL it
// was given, and gives the answer's body and tag.
func direct(t *testing.T, method string, signed map[string]any, url string, body string) (content, tag string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	if headers, ok := signed["headers"].(map[string]any); ok {
		for name, value := range headers {
			req.Header.Set(name, value.(string))
		}
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode, "%s", raw)
	return string(raw), res.Header.Get("ETag")
}

func TestClientsTransferWithS3Itself(t *testing.T) {
	t.Parallel()
	w := inS3(t)
	info := w.OK("GET", "/api/3.0/mlflow/server-info", nil)
	require.Equal(t, true, info["multipart_uploads_enabled"])
	require.Equal(t, true, info["multipart_downloads_enabled"])

	upload(t, w, "1/a%20b%25.txt", "through the server")
	signed := w.OK("GET", "/api/2.0/mlflow-artifacts/presigned/1/a%20b%25.txt", nil)
	require.EqualValues(t, 18, signed["file_size"])
	content, _ := direct(t, "GET", signed, signed["url"].(string), "")
	require.Equal(t, "through the server", content)
	require.Equal(t, http.StatusNotFound, w.Do("GET", "/api/2.0/mlflow-artifacts/presigned/none", nil).Status)
	require.Equal(t, http.StatusBadRequest, w.Do("GET", "/api/2.0/mlflow-artifacts/presigned/..%2fx", nil).Status)

	run := mlflow{w, t}.run("0")
	signed = w.OK("POST", "/api/2.0/mlflow/artifacts/presigned-upload-url", map[string]any{"run_id": run, "path": "m/x"})
	direct(t, "PUT", signed, signed["presigned_url"].(string), "past the server")
	require.Equal(t, "past the server", string(w.Do("GET", "/get-artifact?run_id="+run+"&path=m/x", nil).Body))
	signed = w.OK("POST", "/api/2.0/mlflow/artifacts/presigned-download-url", map[string]any{"run_id": run, "path": "m/x"})
	content, _ = direct(t, "GET", signed, signed["presigned_url"].(string), "")
	require.Equal(t, "past the server", content)
}

func TestAnUploadInPartsThroughTheProxysRoutes(t *testing.T) {
	t.Parallel()
	w := inS3(t)
	const mpu = "/api/2.0/mlflow-artifacts/mpu/"
	part := strings.Repeat("0123456789abcdef", 5<<16) // 5 MiB: the least that S3 takes
	for folder, path := range map[string]string{"": "big", "/1/m o": "1/m%20o/big"} {
		begun := w.OK("POST", mpu+"create"+strings.ReplaceAll(folder, " ", "%20"), map[string]any{"path": "big", "num_parts": 2})
		id := begun["upload_id"]
		var parts []map[string]any
		for i, c := range begun["credentials"].([]any) {
			credential := c.(map[string]any)
			content := part
			if i == 1 {
				content = "the end"
			}
			_, tag := direct(t, "PUT", credential, credential["url"].(string), content)
			parts = append(parts, map[string]any{"part_number": i + 1, "etag": tag, "url": credential["url"]})
		}
		require.Equal(t, http.StatusNotFound, w.Do("GET", proxy+"/"+path, nil).Status, "it is not complete")
		w.OK("POST", mpu+"complete"+strings.ReplaceAll(folder, " ", "%20"), map[string]any{"path": "big", "upload_id": id, "parts": parts})
		r := w.Do("GET", proxy+"/"+path, nil)
		require.Equal(t, http.StatusOK, r.Status)
		require.True(t, part+"the end" == string(r.Body))
	}

	begun := w.OK("POST", mpu+"create/1", map[string]any{"path": "never", "num_parts": 1})
	r := w.Do("POST", mpu+"complete/1", map[string]any{"path": "never", "upload_id": begun["upload_id"], "parts": []any{map[string]any{"part_number": 1, "etag": "none"}}})
	require.Equal(t, http.StatusBadRequest, r.Status, "%s", r.Body)
	w.OK("POST", mpu+"abort/1", map[string]any{"path": "never", "upload_id": begun["upload_id"]})
	require.Equal(t, http.StatusBadRequest, w.Do("POST", mpu+"create/1", map[string]any{"path": "x", "num_parts": 10001}).Status)
}

// What came past the server is hashed before the version counts as frozen, and
// what replaces it later does not reach the version.
func TestAVersionOfFilesThatCamePastTheServer(t *testing.T) {
	t.Parallel()
	w := inS3(t)
	run := mlflow{w, t}.run("0")
	for _, content := range []string{"first", "second"} {
		signed := w.OK("POST", "/api/2.0/mlflow/artifacts/presigned-upload-url", map[string]any{"run_id": run, "path": "model/MLmodel"})
		direct(t, "PUT", signed, signed["presigned_url"].(string), content)
		if content == "first" {
			w.OK("POST", "/api/2.0/mlflow/registered-models/create", map[string]any{"name": "m"})
			root := w.OK("GET", "/api/2.0/mlflow/runs/get?run_id="+run, nil)["run"].(map[string]any)["info"].(map[string]any)["artifact_uri"].(string)
			w.OK("POST", "/api/2.0/mlflow/model-versions/create", map[string]any{"name": "m", "source": root + "/model", "run_id": run})
			w.Eventually(20*time.Second, "the version is frozen", func() bool {
				r := w.Do("GET", "/model-versions/get-artifact?name=m&version=1&path=MLmodel", nil)
				return r.Status == http.StatusOK && r.Header.Get("ETag") != ""
			})
		}
	}
	require.Equal(t, "first", string(w.Do("GET", "/model-versions/get-artifact?name=m&version=1&path=MLmodel", nil).Body))
	require.Equal(t, "second", string(w.Do("GET", "/get-artifact?run_id="+run+"&path=model/MLmodel", nil).Body))
}

func TestArtifactsThatAreNotServed(t *testing.T) {
	t.Parallel()
	var destination string
	w := inS3(t, func(c *config.Config) { c.ServeArtifacts, destination = false, c.ArtifactsDestination })
	for _, call := range [][2]string{{"GET", proxy + "?path=x"}, {"GET", proxy + "/x"}, {"PUT", proxy + "/x"}, {"DELETE", proxy + "/x"}} {
		r := w.Do(call[0], call[1], nil)
		require.Equal(t, http.StatusServiceUnavailable, r.Status)
		require.Contains(t, string(r.Body), "--no-serve-artifacts")
	}
	run := mlflow{w, t}.run("0")
	info := w.OK("GET", "/api/2.0/mlflow/runs/get?run_id="+run, nil)["run"].(map[string]any)["info"].(map[string]any)
	require.True(t, strings.HasPrefix(info["artifact_uri"].(string), destination+"/0/"), info["artifact_uri"])
	require.Equal(t, false, w.OK("GET", "/api/3.0/mlflow/server-info", nil)["multipart_downloads_enabled"])
}

func TestMetadataAnswersWhileS3IsAway(t *testing.T) {
	t.Parallel()
	server := s3.Start(t)
	w := world.Start(t, func(c *config.Config) {
		c.ArtifactsDestination, c.S3Endpoint = server.Address(t), server.URL
	})
	upload(t, w, "x", "1")
	server.Stop()
	run := mlflow{w, t}.run("0")
	w.OK("POST", "/api/2.0/mlflow/runs/log-metric", map[string]any{"run_id": run, "key": "a", "value": 1, "timestamp": 1})
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		r := w.Do(method, proxy+"/x", bytes.NewReader([]byte("2")))
		require.Equal(t, http.StatusServiceUnavailable, r.Status)
		require.Contains(t, string(r.Body), "does not answer")
	}
	require.Equal(t, http.StatusOK, w.Do("GET", "/health", nil).Status)

	// A server starts without it, too.
	again := world.Start(t, func(c *config.Config) { c.ArtifactsDestination, c.S3Endpoint = "s3://slipway/x", server.URL })
	mlflow{again, t}.run("0")
}
