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

const (
	registered = "/api/2.0/mlflow/registered-models/"
	versioned  = "/api/2.0/mlflow/model-versions/"
)

// refused requires MLflow's error with a code, and returns its message.
func refused(t *testing.T, r world.Response, status int, code string) string {
	t.Helper()
	require.Equal(t, status, r.Status, "%s", r.Body)
	body := r.JSON(t)
	require.Equal(t, code, body["error_code"], "%s", r.Body)
	message, _ := body["message"].(string)
	require.NotContains(t, strings.ToLower(message), "sql")
	require.NotContains(t, message, "constraint")
	return message
}

func badRequest(t *testing.T, r world.Response) string {
	t.Helper()
	return refused(t, r, http.StatusBadRequest, "INVALID_PARAMETER_VALUE")
}

func missing(t *testing.T, r world.Response) string {
	t.Helper()
	return refused(t, r, http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST")
}

func createModel(w *world.World, name string) {
	w.OK(http.MethodPost, registered+"create", object{"name": name})
}

// register makes a version of an external source and gives its number.
func register(w *world.World, name string) string {
	v := w.OK(http.MethodPost, versioned+"create", object{"name": name, "source": "s3://bucket/model"})["model_version"].(object)
	return v["version"].(string)
}

func TestRegisteredModelNames(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	for name, bad := range map[string]string{
		"a slash": "a/b", "a colon": "a:b", "a dot": ".", "two dots": "..", "nothing": "", "blank": "  ", "too long": strings.Repeat("x", 257), "NUL": "a\x00b",
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			t.Parallel()
			badRequest(t, w.Do(http.MethodPost, registered+"create", object{"name": bad}))
		})
	}
	for _, name := range []string{"a b", "模型", "it's", `quoted "name"`, "100%", "a@b", "a+b", "-", "..."} {
		t.Run(name+" is taken", func(t *testing.T) {
			t.Parallel()
			createModel(w, name)
			got := w.OK(http.MethodGet, registered+"get?name="+url.QueryEscape(name), nil)["registered_model"].(object)
			require.Equal(t, name, got["name"])
			require.Contains(t, refused(t, w.Do(http.MethodPost, registered+"create", object{"name": name}), http.StatusBadRequest, "RESOURCE_ALREADY_EXISTS"),
				"Registered Model (name="+name+") already exists.")
		})
	}
	require.Contains(t, missing(t, w.Do(http.MethodGet, registered+"get?name=nobody", nil)), "Registered Model with name=nobody not found")
}

func TestARegisteredModelsLife(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	made := w.OK(http.MethodPost, registered+"create", object{
		"name": "m", "description": "first", "tags": []object{{"key": "a", "value": "1"}, {"key": "empty", "value": ""}},
	})["registered_model"].(object)
	require.Equal(t, []any{object{"key": "a", "value": "1"}, object{"key": "empty", "value": ""}}, made["tags"])
	require.IsType(t, float64(0), made["creation_timestamp"])

	w.OK(http.MethodPost, registered+"set-tag", object{"name": "m", "key": "b", "value": "2"})
	w.OK(http.MethodDelete, registered+"delete-tag", object{"name": "m", "key": "a"})
	w.OK(http.MethodDelete, registered+"delete-tag", object{"name": "m", "key": "never there"})
	require.Equal(t, object{}, w.OK(http.MethodDelete, registered+"delete-tag", object{"name": "m", "key": "empty"}))
	badRequest(t, w.Do(http.MethodPost, registered+"set-tag", object{"name": "m", "value": "2"}))
	badRequest(t, w.Do(http.MethodPost, registered+"set-tag", object{"name": "m", "key": strings.Repeat("k", 251), "value": "2"}))
	badRequest(t, w.Do(http.MethodPost, registered+"set-tag", object{"name": "m", "key": "k", "value": "a\x00"}))

	updated := w.OK(http.MethodPatch, registered+"update", object{"name": "m", "description": "second"})["registered_model"].(object)
	require.Equal(t, "second", updated["description"])
	cleared := w.OK(http.MethodPatch, registered+"update", object{"name": "m"})["registered_model"].(object)
	require.NotContains(t, cleared, "description")

	require.Equal(t, "1", register(w, "m"))
	w.OK(http.MethodPost, registered+"alias", object{"name": "m", "alias": "champion", "version": "1"})
	createModel(w, "taken")
	refused(t, w.Do(http.MethodPost, registered+"rename", object{"name": "m", "new_name": "taken"}), http.StatusBadRequest, "RESOURCE_ALREADY_EXISTS")
	badRequest(t, w.Do(http.MethodPost, registered+"rename", object{"name": "m", "new_name": "a/b"}))
	renamed := w.OK(http.MethodPost, registered+"rename", object{"name": "m", "new_name": "n"})["registered_model"].(object)
	require.Equal(t, "n", renamed["name"])
	require.Equal(t, []any{object{"alias": "champion", "version": "1"}}, renamed["aliases"])
	require.Equal(t, []any{object{"key": "b", "value": "2"}}, renamed["tags"])
	latest := renamed["latest_versions"].([]any)[0].(object)
	require.Equal(t, "n", latest["name"])
	require.NotContains(t, latest, "aliases")

	w.OK(http.MethodDelete, registered+"delete", object{"name": "n"})
	missing(t, w.Do(http.MethodGet, registered+"get?name=n", nil))
	missing(t, w.Do(http.MethodGet, versioned+"get?name=n&version=1", nil))
	missing(t, w.Do(http.MethodDelete, registered+"delete", object{"name": "n"}))
	createModel(w, "n")
	require.Equal(t, "1", register(w, "n"), "numbering begins again")
}

func TestSearchOfRegisteredModels(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	for i := range 7 {
		w.OK(http.MethodPost, registered+"create", object{"name": fmt.Sprintf("m%d", i), "tags": []object{{"key": "parity", "value": fmt.Sprint(i % 2)}}})
	}
	w.OK(http.MethodPost, registered+"create", object{"name": "it's", "tags": []object{{"key": "a b", "value": "x"}}})
	w.OK(http.MethodPost, registered+"create", object{"name": "p", "tags": []object{{"key": "mlflow.prompt.is_prompt", "value": "true"}}})
	names := func(query url.Values) (found []string, next string) {
		r := w.OK(http.MethodGet, registered+"search?"+query.Encode(), nil)
		list, _ := r["registered_models"].([]any)
		for _, m := range list {
			found = append(found, m.(object)["name"].(string))
		}
		next, _ = r["next_page_token"].(string)
		return found, next
	}
	for name, c := range map[string]struct {
		query url.Values
		want  []string
	}{
		"by name, prompts aside":          {url.Values{}, []string{"it's", "m0", "m1", "m2", "m3", "m4", "m5", "m6"}},
		"an apostrophe":                   {url.Values{"filter": {`name = "it's"`}}, []string{"it's"}},
		"a pattern":                       {url.Values{"filter": {"name LIKE 'm%' and tags.parity = '1'"}}, []string{"m1", "m3", "m5"}},
		"a pattern in any case":           {url.Values{"filter": {"name ilike 'M0'"}}, []string{"m0"}},
		"LIKE tells the case":             {url.Values{"filter": {"name like 'M0'"}}, nil},
		"a quoted tag":                    {url.Values{"filter": {"tags.`a b` = 'x'"}}, []string{"it's"}},
		"an inequality lacks no tag":      {url.Values{"filter": {"tag.parity != '1'"}}, []string{"m0", "m2", "m4", "m6"}},
		"descending":                      {url.Values{"order_by": {"name DESC"}, "filter": {"name IN ('m1', 'm2')"}}, []string{"m2", "m1"}},
		"by last update":                  {url.Values{"order_by": {"last_updated_timestamp ASC"}, "filter": {"name LIKE 'm_'"}}, []string{"m0", "m1", "m2", "m3", "m4", "m5", "m6"}},
		"prompts for who asks":            {url.Values{"filter": {"tags.`mlflow.prompt.is_prompt` = 'true'"}}, []string{"p"}},
		"what is no prompt lacks the tag": {url.Values{"filter": {"tags.`mlflow.prompt.is_prompt` = 'false' AND name = 'm1'"}}, []string{"m1"}},
		"not a prompt, said otherwise":    {url.Values{"filter": {"tags.`mlflow.prompt.is_prompt` != 'true' AND name = 'm1'"}}, []string{"m1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, next := names(c.query)
			require.Equal(t, c.want, found)
			require.Empty(t, next)
		})
	}
	t.Run("pages come one after the other", func(t *testing.T) {
		t.Parallel()
		var all []string
		query := url.Values{"max_results": {"3"}}
		for range 4 {
			found, next := names(query)
			all = append(all, found...)
			if next == "" {
				break
			}
			query.Set("page_token", next)
		}
		require.Equal(t, []string{"it's", "m0", "m1", "m2", "m3", "m4", "m5", "m6"}, all)
	})
	for name, query := range map[string]url.Values{
		"more than a page may hold": {"max_results": {"1001"}}, "a negative page": {"max_results": {"-1"}},
		"a token made up": {"page_token": {"nonsense"}}, "an unbalanced quote": {"filter": {"name = 'a"}},
		"an unknown key": {"filter": {"nome = 'a'"}}, "an unknown order": {"order_by": {"colour"}}, "OR": {"filter": {"name = 'a' OR name = 'b'"}},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			t.Parallel()
			badRequest(t, w.Do(http.MethodGet, registered+"search?"+query.Encode(), nil))
		})
	}
}

func TestOneOfManyWhoCreateAModelWins(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	codes := make([]int, 20)
	var wg sync.WaitGroup
	for i := range codes {
		wg.Go(func() { codes[i] = w.Do(http.MethodPost, registered+"create", object{"name": "m"}).Status })
	}
	wg.Wait()
	won := 0
	for _, code := range codes {
		if code == http.StatusOK {
			won++
			continue
		}
		require.Equal(t, http.StatusBadRequest, code)
	}
	require.Equal(t, 1, won)
}

func TestTheLifeOfAModelIsAudited(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	createModel(w, "one")
	w.OK(http.MethodPost, registered+"rename", object{"name": "one", "new_name": "two"})
	w.OK(http.MethodDelete, registered+"delete", object{"name": "two"})
	var actions []any
	for _, rec := range w.OK(http.MethodGet, "/api/v1/audit", nil)["items"].([]any) {
		actions = append(actions, rec.(object)["action"])
	}
	require.Equal(t, []any{"model.deleted", "model.renamed", "model.created"}, actions, "newest first")
}
