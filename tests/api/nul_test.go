package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

// writes are requests with every text field that the write routes take: those
// of MLflow under /api/2.0/mlflow/, those of our own by their whole path.
var writes = map[string]object{
	"POST experiments/create":                {"name": "n", "artifact_location": "s3://b/k", "tags": []any{object{"key": "k", "value": "v"}}},
	"POST experiments/update":                {"experiment_id": "0", "new_name": "n"},
	"POST experiments/delete":                {"experiment_id": "0"},
	"POST experiments/restore":               {"experiment_id": "0"},
	"POST experiments/set-experiment-tag":    {"experiment_id": "0", "key": "k", "value": "v"},
	"POST experiments/delete-experiment-tag": {"experiment_id": "0", "key": "k"},
	"POST runs/create":                       {"experiment_id": "0", "run_name": "n", "user_id": "u", "tags": []any{object{"key": "k", "value": "v"}}},
	"POST runs/update":                       {"run_id": "r", "run_name": "n"},
	"POST runs/delete":                       {"run_id": "r"},
	"POST runs/restore":                      {"run_id": "r"},
	"POST runs/log-metric":                   {"run_id": "r", "key": "k", "value": 1, "timestamp": 1, "model_id": "m", "dataset_name": "d", "dataset_digest": "d"},
	"POST runs/log-parameter":                {"run_id": "r", "key": "k", "value": "v"},
	"POST runs/set-tag":                      {"run_id": "r", "key": "k", "value": "v"},
	"POST runs/delete-tag":                   {"run_id": "r", "key": "k"},
	"POST runs/log-batch": {
		"run_id":  "r",
		"metrics": []any{object{"key": "k", "value": 1, "timestamp": 1}}, "params": []any{object{"key": "k", "value": "v"}}, "tags": []any{object{"key": "k", "value": "v"}},
	},
	"POST runs/log-inputs": {"run_id": "r", "datasets": []any{object{
		"tags":    []any{object{"key": "k", "value": "v"}},
		"dataset": object{"name": "n", "digest": "d", "source_type": "t", "source": "s", "schema": "s", "profile": "p"},
	}}, "models": []any{object{"model_id": "m"}}},
	"POST runs/outputs":   {"run_id": "r", "models": []any{object{"model_id": "m"}}},
	"POST runs/log-model": {"run_id": "r", "model_json": "{}"},
	"POST logged-models": {
		"experiment_id": "0", "name": "n", "model_type": "t", "source_run_id": "r",
		"params": []any{object{"key": "k", "value": "v"}}, "tags": []any{object{"key": "k", "value": "v"}},
	},
	"POST logged-models/x/params":         {"params": []any{object{"key": "k", "value": "v"}}},
	"PATCH logged-models/x/tags":          {"tags": []any{object{"key": "k", "value": "v"}}},
	"POST registered-models/create":       {"name": "n", "description": "d", "tags": []any{object{"key": "k", "value": "v"}}},
	"PATCH registered-models/update":      {"name": "n", "description": "d"},
	"POST registered-models/rename":       {"name": "n", "new_name": "m"},
	"DELETE registered-models/delete":     {"name": "n"},
	"POST registered-models/set-tag":      {"name": "n", "key": "k", "value": "v"},
	"DELETE registered-models/delete-tag": {"name": "n", "key": "k"},
	"POST registered-models/alias":        {"name": "n", "alias": "a", "version": "1"},
	"DELETE registered-models/alias":      {"name": "n", "alias": "a"},
	"POST model-versions/create": {
		"name": "n", "source": "s3://b/k", "run_id": "r", "run_link": "l", "description": "d", "model_id": "m", "tags": []any{object{"key": "k", "value": "v"}},
	},
	"PATCH model-versions/update":                            {"name": "n", "version": "1", "description": "d"},
	"DELETE model-versions/delete":                           {"name": "n", "version": "1"},
	"POST model-versions/transition-stage":                   {"name": "n", "version": "1", "stage": "Staging"},
	"POST model-versions/set-tag":                            {"name": "n", "version": "1", "key": "k", "value": "v"},
	"DELETE model-versions/delete-tag":                       {"name": "n", "version": "1", "key": "k"},
	"POST webhooks":                                          {"name": "n", "description": "d", "url": "https://example.org/", "secret": "s", "events": []any{object{"entity": "MODEL_VERSION", "action": "CREATED"}}},
	"PATCH webhooks/x":                                       {"name": "n", "description": "d", "url": "https://example.org/", "secret": "s"},
	"POST /api/v1/datasets":                                  {"name": "n", "description": "d"},
	"POST /api/v1/datasets/d/versions":                       {"files": []any{object{"path": "p", "digest": "sha256:" + strings.Repeat("0", 64), "size_bytes": 1}}},
	"POST /api/v1/models/m/environments/e/promotions":        {"version": "1", "reason": "r"},
	"POST /api/v1/models/m/environments/e/rollback":          {"reason": "r"},
	"POST /api/v1/models/m/environments/e/quarantine/1/lift": {"reason": "r"},
	"POST /api/v1/validations/1/cancel":                      {"reason": "r"},
	"POST /api/v1/promotions/1/pause":                        {"reason": "r"},
	"POST /api/v1/promotions/1/resume":                       {"reason": "r"},
	"POST /api/v1/promotions/1/skip":                         {"reason": "r"},
	"POST /api/v1/promotions/1/retry":                        {"reason": "r"},
	"POST /api/v1/promotions/1/cancel":                       {"reason": "r"},
	"POST /api/v1/gc":                                        {"older_than": "1d"},
}

// withNUL calls fn with each copy of a request that has a NUL in one more of
// its texts, and the name of that one.
func withNUL(value any, name string, put func(any) any, fn func(name string, request any)) {
	switch v := value.(type) {
	case string:
		fn(name, put(v+"\x00"+v))
	case []any:
		for i := range v {
			withNUL(v[i], name, func(item any) any {
				list := slices.Clone(v)
				list[i] = item
				return put(list)
			}, fn)
		}
	case object:
		for key := range v {
			withNUL(v[key], key, func(field any) any {
				copied := maps.Clone(v)
				copied[key] = field
				return put(copied)
			}, fn)
		}
	}
}

// Postgres cannot keep a NUL and SQLite can, so no text that is written has
// one, on either, and the answer says which text it is.
func TestANULIsRefusedInEveryTextOfEveryWrite(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	for route, request := range writes {
		method, path, _ := strings.Cut(route, " ")
		if !strings.HasPrefix(path, "/") {
			path = a2 + path
		}
		withNUL(request, "", func(v any) any { return v }, func(name string, request any) {
			r := w.Do(method, path, request)
			if r.Status != http.StatusBadRequest {
				t.Errorf("%s of %s: %d %s", name, route, r.Status, r.Body)
				return
			}
			answer := r.JSON(t)
			require.Equal(t, invalid, answer["error_code"], "%s of %s", name, route)
			if message, _ := answer["message"].(string); !strings.Contains(message, name) {
				t.Errorf("%s of %s: %s", name, route, message)
			}
			for _, word := range []string{"SQL", "sqlite", "byte sequence", "pq:"} {
				require.NotContains(t, answer["message"], word)
			}
		})
	}
	// The table above has every route that takes a JSON body of texts.
	without := []string{
		"POST experiments/search", "POST experiments/search-datasets", "POST runs/search", "POST logged-models/search", "POST registered-models/get-latest-versions",
		"PATCH logged-models/x", "DELETE logged-models/x", "DELETE logged-models/x/tags/x", "DELETE webhooks/x", "POST webhooks/x/test",
		"POST artifacts/presigned-upload-url", "POST artifacts/presigned-download-url",
	}
	for _, r := range routes(t) {
		rest, ok := strings.CutPrefix(r.Path, a2)
		noun, _, _ := strings.Cut(rest, "/")
		route := r.Method + " " + rest
		if !ok || r.Method == http.MethodGet || !slices.Contains([]string{"experiments", "runs", "logged-models", "registered-models", "model-versions", "webhooks"}, noun) {
			continue
		}
		if !slices.Contains(without, route) {
			require.Contains(t, writes, route)
		}
	}
}

// What is read by a text with a NUL in it is not there, or no such text.
func TestANULInAQuery(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	for _, path := range []string{
		"runs/get?run_id=%00", "experiments/get-by-name?experiment_name=a%00", "registered-models/get?name=a%00", "model-versions/get?name=a%00&version=1",
		"registered-models/alias?name=m&alias=a%00", "metrics/get-history?run_id=a%00&metric_key=k", "registered-models/search?filter=name%3D'a%00'", "artifacts/list?run_id=a%00",
	} {
		r := w.Do(get, a2+path, nil)
		require.Contains(t, []int{http.StatusBadRequest, http.StatusNotFound}, r.Status, "%s: %s", path, r.Body)
	}
	for path, filter := range map[string]string{"runs/search": "params.p = 'a\x00'", "experiments/search": "name = 'a\x00'", "logged-models/search": "name = 'a\x00'"} {
		raw, err := json.Marshal(object{"filter": filter, "filter_string": filter, "experiment_ids": []string{"0"}, "max_results": 1})
		require.NoError(t, err)
		r := w.Do(post, a2+path, string(raw))
		require.Contains(t, []int{http.StatusBadRequest, http.StatusOK}, r.Status, fmt.Sprintf("%s: %s", path, r.Body))
	}
}
