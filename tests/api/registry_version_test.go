package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

const proxy = "/api/2.0/mlflow-artifacts/artifacts"

// run makes a run in the default experiment and gives its id.
func run(w *world.World) string {
	r := w.OK(http.MethodPost, "/api/2.0/mlflow/runs/create", object{"experiment_id": "0"})["run"].(object)
	return r["info"].(object)["run_id"].(string)
}

// loggedModel makes a logged model of a run and gives its id.
func loggedModel(w *world.World, runID string) string {
	r := w.OK(http.MethodPost, "/api/2.0/mlflow/logged-models", object{"experiment_id": "0", "name": "model", "source_run_id": runID})
	return r["model"].(object)["info"].(object)["model_id"].(string)
}

func upload(t *testing.T, w *world.World, path, content string) {
	t.Helper()
	r := w.Do(http.MethodPut, proxy+"/"+path, []byte(content))
	require.Equal(t, http.StatusOK, r.Status, "%s", r.Body)
	require.Empty(t, r.Body)
}

func TestVersionNumbersUnderConcurrency(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	createModel(w, "m")
	numbers := make([]string, 20)
	var wg sync.WaitGroup
	for i := range numbers {
		wg.Go(func() { numbers[i] = register(w, "m") })
	}
	wg.Wait()
	want := make([]string, 20)
	for i := range want {
		want[i] = fmt.Sprint(i + 1)
	}
	require.ElementsMatch(t, want, numbers)

	w.OK(http.MethodDelete, versioned+"delete", object{"name": "m", "version": "20"})
	require.Equal(t, "21", register(w, "m"))
}

func TestAVersionsLife(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	createModel(w, "m")
	runID := run(w)
	v := w.OK(http.MethodPost, versioned+"create", object{
		"name": "m", "source": "s3://bucket/model", "run_id": runID, "description": "d", "run_link": "http://ci/1", "tags": []object{{"key": "k", "value": ""}},
	})["model_version"].(object)
	require.Equal(t, "1", v["version"])
	require.Equal(t, "READY", v["status"])
	require.Equal(t, "None", v["current_stage"])
	require.Equal(t, runID, v["run_id"])
	require.Equal(t, "http://ci/1", v["run_link"])
	require.Equal(t, []any{object{"key": "k", "value": ""}}, v["tags"])

	for _, version := range []any{"1", 1} {
		r := w.OK(http.MethodPatch, versioned+"update", object{"name": "m", "version": version, "description": "e"})
		require.Equal(t, "e", r["model_version"].(object)["description"])
	}
	w.OK(http.MethodPost, versioned+"set-tag", object{"name": "m", "version": "1", "key": "a", "value": "b"})
	w.OK(http.MethodDelete, versioned+"delete-tag", object{"name": "m", "version": "1", "key": "k"})
	w.OK(http.MethodDelete, versioned+"delete-tag", object{"name": "m", "version": "1", "key": "k"})
	got := w.OK(http.MethodGet, versioned+"get?name=m&version=1", nil)["model_version"].(object)
	require.Equal(t, []any{object{"key": "a", "value": "b"}}, got["tags"])
	uri := w.OK(http.MethodGet, versioned+"get-download-uri?name=m&version=1", nil)
	require.Equal(t, object{"artifact_uri": "s3://bucket/model"}, uri)

	require.Contains(t, badRequest(t, w.Do(http.MethodGet, versioned+"get?name=m&version=abc", nil)), "version")
	require.Contains(t, missing(t, w.Do(http.MethodGet, versioned+"get?name=m&version=999", nil)), "Model Version (name=m, version=999) not found")
	badRequest(t, w.Do(http.MethodGet, versioned+"get?name=m", nil))
	missing(t, w.Do(http.MethodPost, versioned+"create", object{"name": "nobody", "source": "s3://b/x"}))

	w.OK(http.MethodDelete, versioned+"delete", object{"name": "m", "version": "1"})
	missing(t, w.Do(http.MethodGet, versioned+"get?name=m&version=1", nil))
	missing(t, w.Do(http.MethodDelete, versioned+"delete", object{"name": "m", "version": "1"}))
}

func TestAliases(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	createModel(w, "m")
	register(w, "m")
	register(w, "m")
	for name, alias := range map[string]string{
		"the reserved one": "latest", "the reserved one in capitals": "LATEST", "a version": "v1", "a version in capitals": "V12",
		"a space": "champ ion", "a slash": "a/b", "too long": strings.Repeat("a", 256), "nothing": "",
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			t.Parallel()
			badRequest(t, w.Do(http.MethodPost, registered+"alias", object{"name": "m", "alias": alias, "version": "1"}))
		})
	}
	missing(t, w.Do(http.MethodPost, registered+"alias", object{"name": "m", "alias": "champion", "version": "9"}))
	missing(t, w.Do(http.MethodPost, registered+"alias", object{"name": "nobody", "alias": "champion", "version": "1"}))
	byAlias := func(alias string) string {
		v := w.OK(http.MethodGet, registered+"alias?name=m&alias="+url.QueryEscape(alias), nil)["model_version"].(object)
		return v["version"].(string)
	}
	for _, alias := range []string{"champion", "Champion", "模-_1"} {
		w.OK(http.MethodPost, registered+"alias", object{"name": "m", "alias": alias, "version": "1"})
	}
	w.OK(http.MethodPost, registered+"alias", object{"name": "m", "alias": "champion", "version": "2"})
	require.Equal(t, "2", byAlias("champion"))
	require.Equal(t, "1", byAlias("Champion"))
	require.Equal(t, "1", byAlias("模-_1"))
	require.Equal(t, "2", byAlias("latest"))
	require.Equal(t, "2", byAlias("Latest"))

	w.OK(http.MethodDelete, versioned+"delete", object{"name": "m", "version": "2"})
	require.Equal(t, "1", byAlias("latest"))
	require.Contains(t, badRequest(t, w.Do(http.MethodGet, registered+"alias?name=m&alias=champion", nil)), "Registered model alias champion not found.")
	w.OK(http.MethodDelete, registered+"alias", object{"name": "m", "alias": "Champion"})
	w.OK(http.MethodDelete, registered+"alias", object{"name": "m", "alias": "Champion"})
	badRequest(t, w.Do(http.MethodGet, registered+"alias?name=m&alias=Champion", nil))
}

func TestStages(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	createModel(w, "m")
	for range 3 {
		register(w, "m")
	}
	move := func(version, stage string, archive bool) world.Response {
		return w.Do(http.MethodPost, versioned+"transition-stage", object{
			"name": "m", "version": version, "stage": stage, "archive_existing_versions": archive,
		})
	}
	stageOf := func(version string) any {
		return w.OK(http.MethodGet, versioned+"get?name=m&version="+version, nil)["model_version"].(object)["current_stage"]
	}
	require.Equal(t, http.StatusOK, move("1", "production", false).Status)
	require.Equal(t, http.StatusOK, move("2", "Staging", false).Status)
	r := move("3", "PRODUCTION", true)
	require.Equal(t, "Production", r.JSON(t)["model_version"].(object)["current_stage"])
	require.Equal(t, "Archived", stageOf("1"))
	require.Equal(t, "Staging", stageOf("2"))
	for _, message := range []string{badRequest(t, move("3", "Live", false)), badRequest(t, w.Do(http.MethodPost, registered+"get-latest-versions", object{"name": "m", "stages": []string{"Live"}}))} {
		for _, stage := range []string{"None", "Staging", "Production", "Archived"} {
			require.Contains(t, message, stage)
		}
	}
	badRequest(t, move("3", "Archived", true))
	badRequest(t, move("3", "None", true))

	latest := func(method string, stages ...string) (found []string) {
		path, body := registered+"get-latest-versions", any(object{"name": "m", "stages": stages})
		if method == http.MethodGet {
			path, body = path+"?"+url.Values{"name": {"m"}, "stages": stages}.Encode(), nil
		}
		list, _ := w.OK(method, path, body)["model_versions"].([]any)
		for _, v := range list {
			found = append(found, v.(object)["version"].(string))
		}
		return found
	}
	require.Equal(t, []string{"1", "2", "3"}, latest(http.MethodPost))
	require.Equal(t, []string{"3"}, latest(http.MethodGet, "production"))
	require.Empty(t, latest(http.MethodPost, "None"))
}

func TestSearchOfVersions(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	runID := run(w)
	for _, name := range []string{"a", "b"} {
		createModel(w, name)
		for i := range 3 {
			w.OK(http.MethodPost, versioned+"create", object{
				"name": name, "source": "s3://bucket/" + name, "run_id": runID, "tags": []object{{"key": "i", "value": fmt.Sprint(i)}},
			})
		}
	}
	w.OK(http.MethodPost, registered+"alias", object{"name": "a", "alias": "champion", "version": "2"})
	refs := func(query url.Values) (found []string) {
		list, _ := w.OK(http.MethodGet, versioned+"search?"+query.Encode(), nil)["model_versions"].([]any)
		for _, v := range list {
			found = append(found, fmt.Sprint(v.(object)["name"], v.(object)["version"]))
		}
		return found
	}
	for name, c := range map[string]struct {
		query url.Values
		want  []string
	}{
		"those changed last come first": {url.Values{}, []string{"b3", "b2", "b1", "a3", "a2", "a1"}},
		"by name":                       {url.Values{"filter": {"name = 'a'"}}, []string{"a3", "a2", "a1"}},
		"by run":                        {url.Values{"filter": {"run_id = '" + runID + "' AND name = 'b'"}}, []string{"b3", "b2", "b1"}},
		"by runs":                       {url.Values{"filter": {"run_id IN ('x', 'y')"}}, nil},
		"by number":                     {url.Values{"filter": {"version_number >= 2 and name='a'"}}, []string{"a3", "a2"}},
		"by number in quotes":           {url.Values{"filter": {"version_number = '2'"}, "order_by": {"name ASC"}}, []string{"a2", "b2"}},
		"by source":                     {url.Values{"filter": {"source_path = 's3://bucket/b'"}}, []string{"b3", "b2", "b1"}},
		"by tag":                        {url.Values{"filter": {"tags.i = '0'"}, "order_by": {"name DESC"}}, []string{"b1", "a1"}},
		"in an order":                   {url.Values{"order_by": {"version_number ASC", "name DESC"}}, []string{"b1", "a1", "b2", "a2", "b3", "a3"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, refs(c.query))
		})
	}
	badRequest(t, w.Do(http.MethodGet, versioned+"search?max_results=200001", nil))
	page := w.OK(http.MethodGet, versioned+"search?max_results=4", nil)
	require.Len(t, page["model_versions"], 4)
	rest := w.OK(http.MethodGet, versioned+"search?max_results=4&page_token="+url.QueryEscape(page["next_page_token"].(string)), nil)
	require.Len(t, rest["model_versions"], 2)
	require.NotContains(t, rest, "next_page_token")
	require.Equal(t, []any{"champion"}, rest["model_versions"].([]any)[0].(object)["aliases"])
}
