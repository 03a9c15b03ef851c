package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/tests/testbed"
	"github.com/slipway-ml/slipway/tests/testbed/s3"
	"github.com/slipway-ml/slipway/tests/world"
)

// once asks without following a redirect.
func once(t *testing.T, address string, header ...string) world.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return world.Response{Status: res.StatusCode, Header: res.Header, Body: body}
}

// redirecting is a server that sends downloads on to S3.
func redirecting(t *testing.T) *world.World {
	t.Helper()
	return inS3(t, func(c *config.Config) { c.RedirectDownloads = true })
}

func TestADownloadIsSentOnToS3(t *testing.T) {
	t.Parallel()
	w := redirecting(t)
	upload(t, w, "d/"+escaped("a b 模.json"), "0123456789")
	path := proxy + "/d/" + escaped("a b 模.json")
	sent := once(t, w.URL+path)
	require.Equal(t, http.StatusTemporaryRedirect, sent.Status)
	require.Equal(t, "no-store", sent.Header.Get("Cache-Control"), "the URL is a key")
	require.Equal(t, "no-referrer", sent.Header.Get("Referrer-Policy"))
	at := sent.Header.Get("Location")
	require.True(t, strings.HasPrefix(at, s3.Shared(t).URL+"/"), at)

	got := once(t, at)
	require.Equal(t, "0123456789", string(got.Body))
	require.Contains(t, got.Header.Get("Content-Type"), "text/plain")
	require.Contains(t, got.Header.Get("Content-Disposition"), `attachment; filename="a b _.json"; filename*=utf-8''a%20b%20%E6%A8%A1.json`)

	part := w.Do(http.MethodGet, path, nil, "Range", "bytes=3-5") // Go's client takes the range along
	require.Equal(t, http.StatusPartialContent, part.Status)
	require.Equal(t, "345", string(part.Body))
	require.Equal(t, "bytes 3-5/10", part.Header.Get("Content-Range"))

	missing(t, w.Do(http.MethodGet, proxy+"/d/none", nil))
	badRequest(t, w.Do(http.MethodGet, proxy+"/d", nil))
	badRequest(t, w.Do(http.MethodGet, proxy+"/..%2fd", nil))
	upload(t, w, "d/empty", "")
	require.Empty(t, content(t, w, proxy+"/d/empty"))

	logged := loggedModel(w, run(w))
	upload(t, w, "0/models/"+logged+"/artifacts/MLmodel", "m")
	res := once(t, w.URL+"/api/2.0/mlflow/logged-models/"+logged+"/artifacts/files?artifact_file_path=MLmodel")
	require.Equal(t, http.StatusTemporaryRedirect, res.Status)
}

// Who would take a token along, who cannot read another origin and who asks by
// a tag of ours is answered here, and so is every client of a server that was
// not told to redirect.
func TestADownloadThatIsNotSentOn(t *testing.T) {
	t.Parallel()
	w := redirecting(t)
	id := run(w)
	path := "0/" + id + "/artifacts/x"
	upload(t, w, path, "content")
	const stock = "mlflow-python-client/3.17.2"
	for name, c := range map[string]struct {
		path   string
		header []string
		status int
	}{
		"a token of an unknown client":   {proxy + "/" + path, []string{"Authorization", "Bearer secret"}, http.StatusOK},
		"a token of the stock client":    {proxy + "/" + path, []string{"Authorization", "Bearer secret", "User-Agent", stock}, http.StatusTemporaryRedirect},
		"a cookie":                       {proxy + "/" + path, []string{"Cookie", "session=secret", "User-Agent", stock}, http.StatusOK},
		"a tag":                          {proxy + "/" + path, []string{"If-None-Match", `"x"`}, http.StatusOK},
		"a part of what a tag names":     {proxy + "/" + path, []string{"If-Range", `"x"`, "Range", "bytes=0-1"}, http.StatusOK},
		"a browser's script":             {strings.Replace(proxy, "/api/", "/ajax-api/", 1) + "/" + path, nil, http.StatusOK},
		"a browser's link":               {"/get-artifact?run_id=" + id + "&path=x", nil, http.StatusOK},
		"a token in the URL goes no way": {proxy + "/" + path + "?token=secret", nil, http.StatusTemporaryRedirect},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := once(t, w.URL+c.path, c.header...)
			require.Equal(t, c.status, res.Status)
			require.NotContains(t, res.Header.Get("Location"), "secret")
		})
	}
	plain := inS3(t)
	upload(t, plain, "x", "content")
	require.Equal(t, http.StatusOK, once(t, plain.URL+proxy+"/x").Status)
}

// A URL that was handed out is for the path; a version's bytes are the version's,
// whatever comes to the path, and are verified on their way through the server.
func TestAVersionsBytesStayWhereDownloadsAreSentOn(t *testing.T) {
	t.Parallel()
	w := redirecting(t)
	createModel(w, "m")
	id := run(w)
	file := "0/" + id + "/artifacts/model/MLmodel"
	upload(t, w, file, "first")
	w.OK(http.MethodPost, versioned+"create", object{"name": "m", "source": "runs:/" + id + "/model", "run_id": id})
	out := once(t, w.URL+proxy+"/"+file).Header.Get("Location")
	upload(t, w, file, "second")
	require.Equal(t, "second", content(t, w, proxy+"/"+file))
	require.Equal(t, "second", string(once(t, out).Body))

	frozenFile := once(t, w.URL+frozen("1", "MLmodel"))
	require.Equal(t, http.StatusOK, frozenFile.Status)
	require.Equal(t, "first", string(frozenFile.Body))
}

// The stock client follows and leaves its token behind.
func TestTheStockClientFollowsARedirectWithoutItsToken(t *testing.T) {
	t.Parallel()
	python := testbed.Python(t)
	server := s3.Shared(t)
	target, err := url.Parse(server.URL)
	require.NoError(t, err)
	var mu sync.Mutex
	var came []http.Header
	store := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
		if strings.HasPrefix(r.In.UserAgent(), "mlflow-python-client/") {
			mu.Lock()
			came = append(came, r.In.Header)
			mu.Unlock()
		}
	}})
	t.Cleanup(store.Close)
	w := world.Start(t, func(c *config.Config) {
		c.ArtifactsDestination, c.S3Endpoint, c.RedirectDownloads = server.Address(t), store.URL, true
	})
	id := run(w)
	upload(t, w, "0/"+id+"/artifacts/d/a%20b", strings.Repeat("0123456789", 1<<17))
	cmd := exec.CommandContext(t.Context(), python, "-W", "error", "-c", `
import pathlib, sys, mlflow
folder = pathlib.Path(mlflow.artifacts.download_artifacts(run_id=sys.argv[1], artifact_path="d", dst_path=sys.argv[2]))
assert (folder / "a b").read_text() == "0123456789" * (1 << 17)`, id, t.TempDir())
	cmd.Env = append(os.Environ(), "MLFLOW_TRACKING_URI="+w.URL, "MLFLOW_TRACKING_TOKEN=secret", "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD=false",
		"MLFLOW_HTTP_REQUEST_MAX_RETRIES=0", "MLFLOW_DISABLE_TELEMETRY=true", "HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, came, 1, "the one file came from the store itself")
	for name, values := range came[0] {
		require.NotContains(t, strings.Join(values, " "), "secret", name)
	}
}
