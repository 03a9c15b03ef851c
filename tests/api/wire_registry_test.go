package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

func TestWireRegistry(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	createModel(w, "m")
	createModel(w, "empty")
	register(w, "m")
	register(w, "m")
	w.OK(http.MethodPost, registered+"create", object{"name": "prompt", "tags": []object{{"key": "mlflow.prompt.is_prompt", "value": "true"}}})
	prompt := func(source string) object {
		return object{"name": "prompt", "source": source, "tags": []object{{"key": "mlflow.prompt.is_prompt", "value": "true"}, {"key": "mlflow.prompt.text", "value": "hi"}}}
	}
	runID := run(w)
	names := map[string]string{"r": runID}
	source := func(uri string, changes ...string) object {
		body := object{"name": "m", "source": uri}
		for i := 0; i+1 < len(changes); i += 2 {
			body[changes[i]] = changes[i+1]
		}
		return body
	}
	const rm, mv = "registered-models/", "model-versions/"
	const patch, del = http.MethodPatch, http.MethodDelete
	wire(t, w, names, map[string]wireCase{
		"a taken name":                         {post, rm + "create", object{"name": "m"}, exists, "Registered Model (name=m) already exists."},
		"a prompt's name":                      {post, rm + "create", object{"name": "prompt"}, exists, ""},
		"a name with a slash":                  {post, rm + "create", object{"name": "a/b"}, invalid, "'/' or ':'"},
		"a name with a slash is read":          {get, rm + "get", object{"name": "a/b"}, invalid, "'/' or ':'"},
		"a name with a slash is tagged":        {post, rm + "set-tag", object{"name": "a/b", "key": "k", "value": "v"}, invalid, "'/' or ':'"},
		"a version of a name with a slash":     {get, mv + "get", object{"name": "a/b", "version": "1"}, invalid, "'/' or ':'"},
		"an unknown model":                     {get, rm + "get", object{"name": "nope"}, absent, "Registered Model with name=nope not found"},
		"a name in other letters":              {get, rm + "get", object{"name": "M"}, absent, ""},
		"no name":                              {get, rm + "get", object{}, invalid, "Missing value for required parameter 'name'"},
		"a tag's key with a quote":             {post, rm + "set-tag", object{"name": "m", "key": `a"b`, "value": "v"}, invalid, "Names may only contain alphanumerics"},
		"a tag's key that leads out":           {post, rm + "create", object{"name": "x", "tags": []object{{"key": "../a", "value": "1"}}}, invalid, "Names may be treated as files"},
		"a tag's value of 100001":              {post, rm + "set-tag", object{"name": "m", "key": "k", "value": strings.Repeat("v", 100001)}, invalid, "exceeds the maximum length of 100000"},
		"a tag's key with a quote is deleted":  {del, rm + "delete-tag", object{"name": "m", "key": `a"b`}, invalid, "Names may only contain"},
		"a tag that is not there":              {del, rm + "delete-tag", object{"name": "m", "key": "none"}, "", ""},
		"a version's tag without a value":      {post, mv + "set-tag", object{"name": "m", "version": "1", "key": "k"}, "", ""},
		"a version's tag with a quote":         {post, mv + "set-tag", object{"name": "m", "version": "1", "key": `a"b`, "value": "v"}, invalid, "Names may only contain"},
		"a version that is no number":          {get, mv + "get", object{"name": "m", "version": "abc"}, invalid, "version"},
		"a version that is not there":          {get, mv + "get", object{"name": "m", "version": "999"}, absent, "Model Version (name=m, version=999) not found"},
		"ours: a version that is a number":     {get, mv + "get", `{"name": "m", "version": 1}`, "", ""},
		"no version":                           {get, mv + "get-download-uri", object{"name": "m"}, invalid, "Missing value for required parameter 'version'"},
		"a stage that is none":                 {post, mv + "transition-stage", object{"name": "m", "version": "1", "stage": "Live"}, invalid, "None, Staging, Production, Archived"},
		"ours: an archive of no stage":         {post, mv + "transition-stage", object{"name": "m", "version": "1", "stage": "None", "archive_existing_versions": true}, invalid, "archive_existing_versions"},
		"the latest of an unknown model":       {post, rm + "get-latest-versions", object{"name": "nope"}, absent, ""},
		"the latest of a stage that is none":   {get, rm + "get-latest-versions", object{"name": "m", "stages": "x"}, invalid, ""},
		"the reserved alias":                   {post, rm + "alias", object{"name": "m", "alias": "Latest", "version": "1"}, invalid, "'latest' alias name (case insensitive) is reserved."},
		"an alias that is a version":           {post, rm + "alias", object{"name": "m", "alias": "V12", "version": "1"}, invalid, "Version alias name 'V12' is reserved."},
		"an alias with a space":                {post, rm + "alias", object{"name": "m", "alias": "a b", "version": "1"}, invalid, "Invalid alias name: 'a b'"},
		"an alias with a space is deleted":     {del, rm + "alias", object{"name": "m", "alias": "a b"}, invalid, "Invalid alias name: 'a b'"},
		"an alias of a version that is not":    {post, rm + "alias", object{"name": "m", "alias": "x", "version": "999"}, absent, ""},
		"an unknown alias":                     {get, rm + "alias", object{"name": "m", "alias": "no"}, invalid, "Registered model alias no not found."},
		"an alias of an unknown model":         {get, rm + "alias", object{"name": "nope", "alias": "x"}, absent, ""},
		"an alias that is not there":           {del, rm + "alias", object{"name": "m", "alias": "none"}, "", ""},
		"the latest of a model without any":    {get, rm + "alias", object{"name": "empty", "alias": "latest"}, absent, ""},
		"a search of 1001 models":              {get, rm + "search", object{"max_results": 1001}, invalid, "max_results"},
		"a search of 200001 versions":          {get, mv + "search", object{"max_results": 200001}, invalid, "max_results"},
		"a search's token that is none":        {get, mv + "search", object{"page_token": "zz"}, invalid, "Invalid page token"},
		"a version of an unknown model":        {post, mv + "create", object{"name": "nope", "source": "s3://b/m"}, absent, "Registered Model with name=nope not found"},
		"a source that is absent":              {post, mv + "create", object{"name": "m"}, invalid, "Missing value for required parameter 'source'"},
		"a source on the disk":                 {post, mv + "create", source("file:///etc"), invalid, "Invalid model version source: 'file:///etc'."},
		"a source on the disk without scheme":  {post, mv + "create", source("/etc"), invalid, "Invalid model version source: '/etc'."},
		"a source on a drive":                  {post, mv + "create", source(`C:\\a`), invalid, "Invalid model version source"},
		"a source that leads out":              {post, mv + "create", source("s3://b/../x"), invalid, "Invalid model version source"},
		"a source that leads out, encoded":     {post, mv + "create", source("s3://b/%252e%252e/x"), invalid, "Invalid model version source"},
		"a source with a NUL":                  {post, mv + "create", source("s3://b/a%00"), invalid, "Invalid model version source"},
		"a source by HTTP":                     {post, mv + "create", source("http://h/x"), invalid, "Invalid model version source"},
		"a source in no run":                   {post, mv + "create", source("mlflow-artifacts:/1/x"), invalid, "Invalid model version source"},
		"a source in an unsaid run":            {post, mv + "create", source("runs:/{r}/m"), invalid, "The run_id request parameter"},
		"a source in a run":                    {post, mv + "create", source("runs:/{r}/m", "run_id", "{r}"), "", ""},
		"a source that is an unknown version":  {post, mv + "create", source("models:/m/99"), absent, ""},
		"a source that is a model":             {post, mv + "create", source("models:/m"), invalid, "Invalid model version source"},
		"a source that is an unknown alias":    {post, mv + "create", source("models:/m@no"), invalid, ""},
		"a version of an unknown run's source": {post, mv + "create", source("s3://b/m", "run_id", "nope"), "", ""},
		"a prompt's version":                   {post, mv + "create", prompt("dummy-source"), "", ""},
		"a prompt's version from elsewhere":    {post, mv + "create", prompt("file:///etc/passwd"), invalid, "Prompt sources must use an MLflow placeholder."},
		"a path after two slashes":             {get, "//model-versions/get-artifact", object{"name": "nope", "version": "1", "path": "../x"}, invalid, "Invalid path"},
		"a new name with a slash":              {post, rm + "rename", object{"name": "m", "new_name": "a/b"}, invalid, ""},
		"a new name that is taken":             {post, rm + "rename", object{"name": "m", "new_name": "empty"}, exists, ""},
		"an update of a version that is not":   {patch, mv + "update", object{"name": "m", "version": "999", "description": "x"}, absent, ""},
		"a version is deleted by its number":   {del, mv + "delete", object{"name": "m", "version": "abc"}, invalid, "version"},
		"a version's file that leads out":      {get, "/model-versions/get-artifact", object{"name": "nope", "version": "1", "path": "../x"}, invalid, "Invalid path"},
		"an unknown model is deleted":          {del, rm + "delete", object{"name": "nope"}, absent, ""},
	})
}

func TestWireShapesOfTheRegistry(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	model := m.post("registered-models/create", object{"name": "m"})["registered_model"].(object)
	require.ElementsMatch(t, []string{"name", "creation_timestamp", "last_updated_timestamp"}, keysOf(model), "what is empty is absent")
	version := m.post("model-versions/create", object{"name": "m", "source": "s3://b/m"})["model_version"].(object)
	require.ElementsMatch(t, []string{
		"name", "version", "creation_timestamp", "last_updated_timestamp", "current_stage", "description", "source", "run_id", "run_link", "status",
	}, keysOf(version), "an empty text is there, model_id never")
	require.Equal(t, "1", version["version"])
	require.IsType(t, 0.0, version["creation_timestamp"])
	require.Equal(t, object{}, m.get("registered-models/search", "filter", "name = 'nobody'"))
	twice := m.post("registered-models/get-latest-versions", object{"name": "m", "stages": []string{"None", "none"}})["model_versions"]
	require.Len(t, twice, 1, "a stage said twice is one")
}

func TestWhoChangesAModelIsAudited(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	createModel(w, "m")
	register(w, "m")
	for range 2 { // the second time is no change
		w.OK(http.MethodPost, registered+"set-tag", object{"name": "m", "key": "team", "value": "a"})
	}
	w.OK(http.MethodDelete, registered+"delete-tag", object{"name": "m", "key": "team"})
	w.OK(http.MethodDelete, registered+"delete-tag", object{"name": "m", "key": "team"})
	w.OK(http.MethodPatch, registered+"update", object{"name": "m", "description": "d"})
	w.OK(http.MethodPost, versioned+"set-tag", object{"name": "m", "version": "1", "key": "approved", "value": "yes"})
	w.OK(http.MethodDelete, versioned+"delete-tag", object{"name": "m", "version": "1", "key": "approved"})
	w.OK(http.MethodPatch, versioned+"update", object{"name": "m", "version": "1", "description": "e"})
	var actions []any
	for _, rec := range w.OK(http.MethodGet, "/api/v1/audit?model=m", nil)["items"].([]any) {
		actions = append(actions, rec.(object)["action"])
	}
	require.Equal(t, []any{
		"version.described", "version.untagged", "version.tagged", "model.described", "model.untagged", "model.tagged", "version.registered", "model.created",
	}, actions, "newest first")
}
