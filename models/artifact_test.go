package models_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
)

func TestArtifactKey(t *testing.T) {
	t.Parallel()
	const web, host = "http://127.0.0.1:5000/api/2.0/mlflow-artifacts/artifacts", "mlflow-artifacts://here:5000/base"
	for name, c := range map[string]struct{ uri, root, key string }{
		"a path":                          {"mlflow-artifacts:/1/r/artifacts/model", "", "1/r/artifacts/model"},
		"a path with three slashes":       {"mlflow-artifacts:///1/r", "", "1/r"},
		"signs stay as they are":          {"mlflow-artifacts:/1/a b%1#?", "", "1/a b%1#?"},
		"a slash at the end":              {"mlflow-artifacts:/1/", "", "1"},
		"the store itself is nobody's":    {"mlflow-artifacts:/", "", ""},
		"no slash":                        {"mlflow-artifacts:1", "", ""},
		"another server":                  {"mlflow-artifacts://there:5000/1", host, ""},
		"this server by its host":         {"mlflow-artifacts://here:5000/base/1", host, "base/1"},
		"a host that begins as ours":      {"mlflow-artifacts://here:50001/base/1", host, ""},
		"this server by its route":        {web + "/1/r", web, "1/r"},
		"this server by its route, below": {web + "/base/1/r", web + "/base", "base/1/r"},
		"a route of another server":       {"http://there/api/2.0/mlflow-artifacts/artifacts/1", web, ""},
		"a route that only begins so":     {web + "2/1", web, ""},
		"a bucket":                        {"s3://b/1", web, ""},
		"a bucket as the root":            {"s3://b/1", "s3://b", ""},
		"a folder as the root":            {"/srv/artifacts/1", "/srv/artifacts", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key, ok := models.ArtifactRoots{Default: c.root}.Key(c.uri)
			require.Equal(t, c.key != "", ok)
			require.Equal(t, c.key, key)
		})
	}
}

func TestArtifactKeyInTheStoreItself(t *testing.T) {
	t.Parallel()
	roots := models.ArtifactRoots{Default: "mlflow-artifacts:/", Store: "s3://bucket/prefix/"}
	for uri, want := range map[string]string{
		"s3://bucket/prefix/1/r": "1/r", "s3://bucket/prefix2/1": "", "s3://bucket/other": "", "s3://bucket/prefix": "", "mlflow-artifacts:/1": "1",
	} {
		key, ok := roots.Key(uri)
		require.Equal(t, want != "", ok, uri)
		require.Equal(t, want, key, uri)
	}
}
