package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

// wireCase is one request and how MLflow's servers answer it. Where the answer
// is not theirs on purpose, the case's name says so; docs/mlflow.md says why.
type wireCase struct {
	method, path string
	body         any // of a GET: its query
	code         string
	message      string
}

// wire sends each case to one server and looks at status, code and message.
// In texts, {name} is what names maps it to.
func wire(t *testing.T, w *world.World, names map[string]string, cases map[string]wireCase) {
	t.Helper()
	filled := func(text string) string {
		for name, value := range names {
			text = strings.ReplaceAll(text, "{"+name+"}", value)
		}
		return text
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, body := filled(tc.path), tc.body
			if !strings.HasPrefix(path, "/") {
				path = a2 + path
			}
			if query, ok := body.(object); ok && tc.method == http.MethodGet {
				path, body = path+"?"+queryOf(query, filled), nil
			}
			if body != nil {
				text, ok := body.(string)
				if !ok {
					raw, err := json.Marshal(body)
					require.NoError(t, err)
					text = string(raw)
				}
				body = filled(text)
			}
			r := w.Do(tc.method, path, body)
			status := map[string]int{"": 200, absent: 404}[tc.code]
			if status == 0 {
				status = 400
			}
			require.Equal(t, status, r.Status, "%s", r.Body)
			answer := r.JSON(t)
			if tc.code == "" {
				require.NotContains(t, answer, "error_code")
				return
			}
			require.Equal(t, tc.code, answer["error_code"])
			require.Contains(t, answer["message"], filled(tc.message))
		})
	}
}

func queryOf(query object, filled func(string) string) string {
	values := url.Values{}
	for key, value := range query {
		switch v := value.(type) {
		case []string:
			for _, item := range v {
				values.Add(key, filled(item))
			}
		default:
			values.Add(key, filled(fmt.Sprint(v)))
		}
	}
	return values.Encode()
}

const (
	post = http.MethodPost
	get  = http.MethodGet
)

func TestWireBodies(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	wire(t, m.World, nil, map[string]wireCase{
		"JSON inside a JSON string":      {post, "experiments/create", `"{\"name\": \"inside\"}"`, "", ""},
		"a field nobody knows":           {post, "experiments/create", object{"name": "unknown", "zzz": 1}, "", ""},
		"a null is absent":               {post, "experiments/create", object{"name": nil}, invalid, "Missing value for required parameter 'name'"},
		"an empty string is absent":      {post, "experiments/create", object{"name": ""}, invalid, "Missing value for required parameter 'name'"},
		"an empty body":                  {post, "experiments/create", "", invalid, "Missing value for required parameter 'name'"},
		"no JSON":                        {post, "experiments/create", "{nope", invalid, ""},
		"a list":                         {post, "experiments/create", "[1]", invalid, ""},
		"a number for a text":            {post, "experiments/create", object{"name": 5}, invalid, "Invalid value 5 for parameter 'name' supplied"},
		"a text for a list":              {post, "experiments/create", object{"name": "x", "tags": "a"}, invalid, `Invalid value "a" for parameter 'tags' supplied`},
		"the camel case twin":            {post, "experiments/create", object{"name": "camel", "artifactLocation": "s3://b/c"}, "", ""},
		"both twins at once":             {post, "experiments/create", object{"name": "x", "artifactLocation": "s3://b/c", "artifact_location": "s3://b/c"}, invalid, "artifactLocation"},
		"a GET with a body":              {get, "experiments/get", `{"experiment_id": "0"}`, "", ""},
		"an integer as text":             {post, "experiments/search", object{"max_results": "2"}, "", ""},
		"an integral float":              {post, "experiments/search", object{"max_results": 2.0}, "", ""},
		"no integer":                     {post, "experiments/search", object{"max_results": "x"}, invalid, `Invalid value "x" for parameter 'max_results' supplied`},
		"an enum by name":                {post, "experiments/search", object{"max_results": 1, "view_type": "DELETED_ONLY"}, "", ""},
		"an enum by number":              {post, "experiments/search", object{"max_results": 1, "view_type": 3}, "", ""},
		"an enum in a query":             {get, "experiments/search", object{"max_results": 1, "view_type": "ALL"}, "", ""},
		"ours: an unknown enum":          {post, "experiments/search", object{"max_results": 1, "view_type": "SOME"}, invalid, "use one of ACTIVE_ONLY, DELETED_ONLY, ALL"},
		"ours: a NUL in a name":          {post, "experiments/create", object{"name": "a\x00b"}, invalid, "NUL"},
		"ours: no experiment is the one": {post, "runs/create", object{"start_time": 1}, "", ""},
	})
	r := m.Do(post, a2+"experiments/create", []byte(`{"name": "plain"}`), "Content-Type", "text/plain")
	m.isError(r, invalid, "Bad Request. Content-Type must be one of ['application/json'].")
	require.Equal(t, 200, m.Do(post, a2+"experiments/create", []byte(`{"name": "cs"}`), "Content-Type", "application/json; charset=utf-8").Status)
	for _, path := range []string{a2 + "nope/x", "/api/3.0/mlflow/nope", "/ajax-api/2.0/mlflow/nope"} {
		r := m.Do(get, path, nil)
		require.Equal(t, 404, r.Status)
		require.Equal(t, "ENDPOINT_NOT_FOUND", r.JSON(t)["error_code"])
	}
	require.Equal(t, "OK", string(m.Do(get, "/health", nil).Body))
	require.Regexp(t, `^3\.\d+\.\d+$`, string(m.Do(get, "/version", nil).Body))
}
