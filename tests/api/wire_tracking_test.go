package api_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWireTracking(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	experiment := m.experiment("wire")
	gone := m.experiment("gone")
	orphan := m.run(gone)
	m.post("experiments/delete", object{"experiment_id": gone})
	run := m.run(experiment)
	m.post("runs/log-parameter", object{"run_id": run, "key": "p", "value": "1"})
	model := m.post("logged-models", object{"experiment_id": experiment, "name": "n"})["model"].(object)["info"].(object)["model_id"].(string)
	names := map[string]string{"e": experiment, "gone": gone, "r": run, "orphan": orphan, "m": model, "f32": strings.Repeat("f", 32)}
	long := func(n int) string { return strings.Repeat("k", n) }
	point := func(changes object) object {
		body := object{"run_id": "{r}", "key": "m", "value": 1.5, "timestamp": 100}
		for key, value := range changes {
			body[key] = value
		}
		return body
	}
	batch := func(key string, entries ...object) object { return object{"run_id": "{r}", key: entries} }

	wire(t, m.World, names, map[string]wireCase{
		"an experiment's id that is no number":  {get, "experiments/get", object{"experiment_id": "abc"}, invalid, ""},
		"an experiment's id beyond 64 bits":     {get, "experiments/get", object{"experiment_id": "99999999999999999999"}, invalid, ""},
		"an unknown experiment":                 {get, "experiments/get", object{"experiment_id": "99999"}, absent, ""},
		"a deleted experiment is read":          {get, "experiments/get", object{"experiment_id": "{gone}"}, "", ""},
		"a deleted experiment is read by name":  {get, "experiments/get-by-name", object{"experiment_name": "gone"}, "", ""},
		"a taken name":                          {post, "experiments/create", object{"name": "wire"}, exists, "Experiment(name=wire) already exists"},
		"a deleted experiment's name":           {post, "experiments/create", object{"name": "gone"}, exists, "deleted state"},
		"a deleted experiment is not renamed":   {post, "experiments/update", object{"experiment_id": "{gone}", "new_name": "x"}, invalid, "Cannot rename a non-active experiment."},
		"a deleted experiment is not tagged":    {post, "experiments/set-experiment-tag", object{"experiment_id": "{gone}", "key": "k", "value": "v"}, invalid, "must be in the 'active' state"},
		"a deleted experiment takes no run":     {post, "runs/create", object{"experiment_id": "{gone}"}, invalid, "must be in the 'active' state"},
		"an experiment is deleted once":         {post, "experiments/delete", object{"experiment_id": "{gone}"}, absent, "No Experiment with id={gone} exists"},
		"an active experiment is not restored":  {post, "experiments/restore", object{"experiment_id": "{e}"}, absent, "No Experiment with id={e} exists"},
		"a location with a fragment":            {post, "experiments/create", object{"name": "l1", "artifact_location": "s3://b/a#f"}, invalid, "URL can't include fragments or params"},
		"a location that is a run":              {post, "experiments/create", object{"name": "l2", "artifact_location": "runs:/a"}, invalid, "Artifact location cannot be a runs:/ URI"},
		"ours: a location that leads out":       {post, "experiments/create", object{"name": "l3", "artifact_location": "s3://b/%2e%2e/a"}, invalid, "'..'"},
		"a name of 501":                         {post, "experiments/create", object{"name": long(501)}, invalid, "'name' exceeds the maximum length of 500 characters"},
		"a tag's key of 251":                    {post, "experiments/set-experiment-tag", object{"experiment_id": "{e}", "key": long(251), "value": "v"}, invalid, "'key' exceeds the maximum length of 250 characters"},
		"a tag's value of 20001":                {post, "experiments/set-experiment-tag", object{"experiment_id": "{e}", "key": "k", "value": long(20001)}, invalid, "exceeds the maximum length of 20000 characters"},
		"a tag that is not there":               {post, "experiments/delete-experiment-tag", object{"experiment_id": "{e}", "key": "none"}, absent, ""},
		"a page of none":                        {post, "experiments/search", object{}, invalid, "max_results"},
		"a token that is none":                  {post, "experiments/search", object{"max_results": 1, "page_token": "zz"}, invalid, "Invalid page token"},
		"datasets of no experiment":             {post, "/ajax-api/2.0/mlflow/experiments/search-datasets", object{}, invalid, "at least one experiment_id"},
		"datasets by the path without a slash":  {post, "/api/2.0mlflow/experiments/search-datasets", object{"experiment_ids": []string{"{e}"}}, "", ""},
		"a run of a deleted experiment":         {get, "runs/get", object{"run_id": "{orphan}"}, "", ""},
		"a run of a deleted experiment is shut": {post, "runs/set-tag", object{"run_id": "{orphan}", "key": "k", "value": "v"}, invalid, "The run {orphan} must be in the 'active' state. Current state is deleted."},
		"an unknown run":                        {get, "runs/get", object{"run_id": "{f32}"}, absent, "Run with id={f32} not found"},
		"a run by its older name":               {get, "runs/get", object{"run_uuid": "{r}"}, "", ""},
		"no run":                                {get, "runs/get", object{}, invalid, "Missing value for required parameter 'run_id'"},
		"a start that is text":                  {post, "runs/create", object{"experiment_id": "{e}", "start_time": "17"}, "", ""},
		"a value in text":                       {post, "runs/log-metric", point(object{"key": "text", "value": "2.5"}), "", ""},
		"a value that Python writes nan":        {post, "runs/log-metric", point(object{"key": "nan", "value": "nan"}), "", ""},
		"a value that Python writes inf":        {post, "runs/log-metric", point(object{"key": "inf", "value": "-inf"}), "", ""},
		"a value that is null":                  {post, "runs/log-metric", point(object{"value": nil}), invalid, "Missing value for required parameter 'value'"},
		"a value that is no number":             {post, "runs/log-metric", point(object{"value": "abc"}), invalid, `Invalid value "abc" for parameter 'value' supplied`},
		"a step that is text":                   {post, "runs/log-metric", point(object{"key": "step", "step": "3"}), "", ""},
		"a step below zero":                     {post, "runs/log-metric", point(object{"key": "step", "step": -3}), "", ""},
		"a time below zero":                     {post, "runs/log-metric", point(object{"timestamp": -1}), invalid, "nonnegative"},
		"a key of 251":                          {post, "runs/log-metric", point(object{"key": long(251)}), invalid, "exceeds the maximum length of 250 characters"},
		"a key with a quote":                    {post, "runs/log-metric", point(object{"key": `a"b`}), invalid, "Names may only contain alphanumerics"},
		"a key that leads out":                  {post, "runs/log-metric", point(object{"key": "../a"}), invalid, "Names may be treated as files in certain cases"},
		"a param of another value":              {post, "runs/log-parameter", object{"run_id": "{r}", "key": "p", "value": "2"}, invalid, "Changing param values is not allowed. Param with key='p' was already logged with value='1' for run ID='{r}'. Attempted logging new value '2'."},
		"a param without a value":               {post, "runs/log-parameter", object{"run_id": "{r}", "key": "none"}, "", ""},
		"a tag without a key":                   {post, "runs/set-tag", object{"run_id": "{r}", "value": "1"}, invalid, "Missing value for required parameter 'key'"},
		"a run's tag that is not there":         {post, "runs/delete-tag", object{"run_id": "{r}", "key": "none"}, absent, "No tag with name: none"},
		"an update of nothing":                  {post, "runs/update", object{"run_id": "{r}"}, "", ""},
		"a status by its number":                {post, "runs/update", object{"run_id": "{r}", "status": 3}, "", ""},
		"ours: a status that is none":           {post, "runs/update", object{"run_id": "{r}", "status": "DONE"}, invalid, "use one of RUNNING"},
		"a batch of nothing":                    {post, "runs/log-batch", object{"run_id": "{r}"}, "", ""},
		"a batch without a run":                 {post, "runs/log-batch", object{}, invalid, "run_id"},
		"a batch larger than a megabyte":        {post, "runs/log-batch", batch("tags", object{"key": "big", "value": long(1_500_000)}), "", ""},
		"a key twice in a batch":                {post, "runs/log-batch", batch("params", object{"key": "d", "value": "1"}, object{"key": "d", "value": "1"}), invalid, "Duplicate parameter keys have been submitted: ['d']"},
		"a metric of a batch without a value":   {post, "runs/log-batch", batch("metrics", object{"key": "b", "timestamp": 1}), invalid, "metrics[0].value"},
		"runs of no experiment":                 {post, "runs/search", object{"experiment_ids": []string{}}, "", ""},
		"runs of an experiment that is none":    {post, "runs/search", object{"experiment_ids": []string{"abc"}}, invalid, ""},
		"a page of 50001":                       {post, "runs/search", object{"experiment_ids": []string{"{e}"}, "max_results": 50001}, invalid, "max_results"},
		"a history without a key":               {get, "metrics/get-history", object{"run_id": "{r}"}, invalid, "metric_key"},
		"a history of a page of none":           {get, "metrics/get-history", object{"run_id": "{r}", "metric_key": "m", "max_results": 0}, invalid, "max_results"},
		"half a range of steps":                 {get, "metrics/get-history-bulk-interval", object{"run_ids": "{r}", "metric_key": "m", "start_step": 0}, invalid, ""},
		"outputs of none":                       {post, "runs/outputs", object{"run_id": "{r}", "models": []object{}}, "", ""},
		"outputs unsaid":                        {post, "runs/outputs", object{"run_id": "{r}"}, invalid, "Missing value for required parameter 'models'"},
		"inputs of none":                        {post, "runs/log-inputs", object{"run_id": "{r}", "datasets": []object{}}, "", ""},
		"a logged model's name with a slash":    {post, "logged-models", object{"experiment_id": "{e}", "name": "a/b"}, invalid, "Invalid model name (a/b) provided"},
		"a logged model of a lost experiment":   {post, "logged-models", object{"experiment_id": "{gone}", "name": "a"}, invalid, "must be in the 'active' state"},
		"an unknown logged model":               {get, "logged-models/m-nope", nil, absent, "Logged model with ID 'm-nope' not found."},
		"a search of logged models nowhere":     {post, "logged-models/search", object{}, invalid, "Missing value for required parameter 'experiment_ids'"},
		"a search of logged models in none":     {post, "logged-models/search", object{"experiment_ids": []string{}}, "", ""},
		"an unknown logged model's deletion":    {"DELETE", "logged-models/m-nope", nil, absent, "Logged model with ID 'm-nope' not found."},
		"a logged model's tag that is not":      {"DELETE", "logged-models/{m}/tags/none", nil, absent, ""},
		"an artifact path that leads out":       {get, "artifacts/list", object{"run_id": "{r}", "path": "../x"}, invalid, "Invalid path"},
		"an artifact path that is not there":    {get, "artifacts/list", object{"run_id": "{r}", "path": "nope"}, "", ""},
		"an upload to no run":                   {post, "/ajax-api/2.0/mlflow/upload-artifact", nil, invalid, "Request must specify run_uuid."},
		"an upload to no path":                  {post, "/ajax-api/2.0/mlflow/upload-artifact?run_uuid={r}", nil, invalid, "Request must specify path."},
		"an upload of nothing":                  {post, "/ajax-api/2.0/mlflow/upload-artifact?run_uuid={r}&path=a.txt", nil, invalid, "Request must specify data."},
	})
}

// keysOf lists an object's fields.
func keysOf(o any) (keys []string) {
	for key := range o.(object) {
		keys = append(keys, key)
	}
	return keys
}

func TestWireShapesOfTracking(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	experiment := m.experiment("shapes")
	e := m.get("experiments/get", "experiment_id", experiment)["experiment"].(object)
	require.ElementsMatch(t, []string{"experiment_id", "name", "artifact_location", "lifecycle_stage", "creation_time", "last_update_time", "workspace"}, keysOf(e))
	require.IsType(t, "", e["experiment_id"])
	require.IsType(t, 0.0, e["creation_time"])

	run := m.run(experiment)
	got := m.get("runs/get", "run_id", run)["run"].(object)
	info := got["info"].(object)
	require.ElementsMatch(t, []string{
		"run_id", "run_uuid", "run_name", "experiment_id", "user_id", "status", "start_time", "artifact_uri", "lifecycle_stage",
	}, keysOf(info), "no end before it has one")
	require.Equal(t, info["run_id"], info["run_uuid"])
	require.InDelta(t, 1700000000000, info["start_time"], 0)
	require.Equal(t, []string{"tags"}, keysOf(got["data"]), "an empty list is absent")
	require.Equal(t, object{}, m.post("runs/set-tag", object{"run_id": run, "key": "k", "value": ""}), "nothing to say is {}")

	lm := m.post("logged-models", object{"experiment_id": experiment})["model"].(object)["info"].(object)
	require.Regexp(t, `^m-[0-9a-f]{32}$`, lm["model_id"])
	require.Equal(t, "LOGGED_MODEL_PENDING", lm["status"])
	require.Equal(t, object{}, m.post("runs/search", object{"experiment_ids": []string{}}))
	require.Equal(t, object{}, m.get("metrics/get-history", "run_id", run, "metric_key", "none"))
	info = m.Do(get, "/api/3.0/mlflow/server-info", nil).JSON(t)
	require.Equal(t, "SqlStore", info["store_type"])
	require.Equal(t, false, info["workspaces_enabled"])
}
