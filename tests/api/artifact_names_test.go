package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

// What a file system can hold is held by that very name, what it cannot is
// refused with the reason, under a run and at the root alike.
func TestNamesAtTheBordersOfAFileSystem(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	runID := run(w)
	for _, root := range []string{"names", "0/" + runID + "/artifacts"} {
		kept := []string{
			strings.Repeat("n", 255), strings.Repeat("模", 85), "x.", "x..", "...", " x", "x ", "CON", "nul.txt", "a|b<c>*", "~", "-", "$HOME", "tab\tx", "line\nx",
			"\u00e9.txt", "e\u0301.txt", "A", "a", "ﬁ", "fi", "%", "%zz", "%2", "a%2fb%",
		}
		if onS3() {
			kept = append(kept[:2], "\u00e9.txt")
		}
		for _, name := range kept {
			upload(t, w, root+"/kept/"+escaped(name), "content of "+name)
		}
		for _, name := range kept {
			require.Equal(t, "content of "+name, content(t, w, proxy+"/"+root+"/kept/"+escaped(name)), "%q", name)
		}
		want := make([]string, len(kept))
		for i, name := range kept {
			want[i] = fmt.Sprintf("%s %d", name, len("content of "+name))
		}
		require.ElementsMatch(t, want, files(w, root+"/kept"))

		for _, name := range []string{
			strings.Repeat("n", 256), strings.Repeat("模", 86), strings.Repeat("d/", 600) + "x", "%ff", "%c3%28", "a%00b", "%2e", "a/%2e/b", "a//b", "a/",
			"%2e%2e", "%252e%252e", "%25252e%25252e", "a/%2e%2e/%2e%2e/%2e%2e/%2e%2e/x", "..%252fx", "..%5cx", "%2e%2e%5c%2e%2e%5cx", "a%2f..%2f..%2f..%2f..%2fx",
		} {
			badRequest(t, w.Do(http.MethodPut, proxy+"/"+root+"/"+name, []byte("x")))
		}
	}
	require.Equal(t, "content of \u00e9.txt", content(t, w, "/get-artifact?run_id="+runID+"&path="+url.QueryEscape("kept/\u00e9.txt")))
	require.ElementsMatch(t, []string{"names/", "0/"}, files(w, ""))
}

// A link that somebody laid into the folder leads nobody out of it.
func TestALinkInTheStoreLeadsNowhere(t *testing.T) {
	t.Parallel()
	if onS3() {
		return // which has no links
	}
	w := world.Start(t)
	runID := run(w)
	root := "0/" + runID + "/artifacts"
	upload(t, w, root+"/model/MLmodel", "flavors: {}")
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("secret"), 0o600))
	folder := filepath.Join(w.Dir, "artifacts", root, "model")
	for name, target := range map[string]string{"out": outside, "file": secret, "up": "../../../../../..", "loop": "loop", "nowhere": "nowhere/at/all", "database": "../../../../../slipway.db"} {
		require.NoError(t, os.Symlink(target, filepath.Join(folder, name)))
	}
	for _, path := range []string{"out/secret", "file", "up/slipway.db", "loop", "loop/x", "nowhere", "database", "out"} {
		for _, ask := range []string{proxy + "/" + root + "/model/" + path, "/get-artifact?run_id=" + runID + "&path=model/" + path} {
			r := w.Do(http.MethodGet, ask, nil)
			require.Contains(t, []int{http.StatusBadRequest, http.StatusNotFound}, r.Status, "%s: %s", ask, r.Body)
		}
		for _, ask := range []string{proxy + "?path=" + root + "/model/" + path, a2 + "artifacts/list?run_id=" + runID + "&path=model/" + path} {
			r := w.Do(http.MethodGet, ask, nil)
			require.Contains(t, []int{http.StatusBadRequest, http.StatusOK}, r.Status, "%s: %s", ask, r.Body)
			if r.Status == http.StatusOK {
				require.NotContains(t, string(r.Body), "secret")
				require.NotContains(t, string(r.Body), "slipway.db")
			}
		}
	}
	for _, path := range []string{"out/new", "up/new", "loop/new", "nowhere/new"} {
		badRequest(t, w.Do(http.MethodPut, proxy+"/"+root+"/model/"+path, []byte("x")))
	}
	require.Equal(t, []string{"MLmodel 11"}, files(w, root+"/model"))

	createModel(w, "linked")
	v := w.OK(http.MethodPost, versioned+"create", object{"name": "linked", "source": "mlflow-artifacts:/" + root + "/model", "run_id": runID})["model_version"].(object)
	require.Equal(t, "1", v["version"])
	for _, path := range []string{"out/secret", "file", "database"} {
		r := w.Do(http.MethodGet, "/model-versions/get-artifact?name=linked&version=1&path="+path, nil)
		require.Contains(t, []int{http.StatusBadRequest, http.StatusNotFound}, r.Status, "%s: %s", path, r.Body)
	}
	upload(t, w, root+"/model/file", "takes the link's place")
	for _, path := range []string{"out", "up", "loop", "nowhere", "database"} {
		w.OK(http.MethodDelete, proxy+"/"+root+"/model/"+path, nil)
	}
	require.Equal(t, []string{"MLmodel 11", "file 22"}, files(w, root+"/model"))
	left, err := os.ReadDir(outside)
	require.NoError(t, err)
	require.Len(t, left, 1)
	kept, err := os.ReadFile(secret)
	require.NoError(t, err)
	require.Equal(t, "secret", string(kept))
	require.Equal(t, http.StatusOK, w.Do(http.MethodGet, "/health", nil).Status)
}
