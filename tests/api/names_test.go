package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

// A name arrives as it was meant, whichever way its signs are escaped. The
// answer of a data set that does not exist tells the name that arrived.
func TestNamesInPathsAreDecodedOnce(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	for name, tc := range map[string]struct{ path, want string }{
		"spaces and percent signs":         {url.PathEscape("50% off"), "50% off"},
		"a plus beside an escaped comma":   {url.PathEscape("a+b,c"), "a+b,c"},
		"an escaped plus":                  {"a%2Bb", "a+b"},
		"an escape of an escape stays one": {"a%2541", "a%41"},
		"letters beyond ASCII":             {url.PathEscape("模型"), "模型"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := w.Do(http.MethodGet, "/api/v1/datasets/"+tc.path, nil)
			require.Equal(t, http.StatusBadRequest, r.Status, "%s", r.Body)
			require.Contains(t, r.JSON(t)["message"], `"`+tc.want+`"`)
		})
	}
}

// A registered model's name has up to 256 characters, whatever their bytes, and
// works wherever a name does.
func TestTheLongestNameOfAModel(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	name := strings.Repeat("模", 256)
	w.OK(http.MethodPost, registered+"create", object{"name": name})
	require.Equal(t, name, w.OK(http.MethodGet, registered+"get?name="+url.QueryEscape(name), nil)["registered_model"].(object)["name"])
	pipeline := "model: " + name + "\nvalidation: {steps: [{check: integrity}]}\nenvironments: {staging: {target: process, gates: [validated]}}\n"
	w.OK(http.MethodPut, "/api/v1/models/"+url.PathEscape(name)+"/pipeline", pipeline, "Content-Type", "application/yaml")
	w.OK(http.MethodGet, "/api/v1/models/"+url.PathEscape(name)+"/environments", nil)
	badRequest(t, w.Do(http.MethodPost, registered+"create", object{"name": name + "x"}))
	badRequest(t, w.Do(http.MethodPost, registered+"rename", object{"name": name, "new_name": name + "x"}))
}
