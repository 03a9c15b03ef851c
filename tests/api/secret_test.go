package api_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
	"github.com/slipway-ml/slipway/tests/world"
)

const base = "/api/v1"

// scopes are the paths of each.
var scopes = map[string]string{
	"global": base, "model": base + "/models/a%2Bb%20c", "environment": base + "/models/a%2Bb%20c/environments/production",
}

func TestVariablesAndSecretsOfEachScope(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	createModel(w, "a+b c")
	for scope, path := range scopes {
		for kind, value := range map[string]string{"variables": "https://x/?a=1&b=<ü>\n", "secrets": "the value of " + scope} {
			set := w.OK(http.MethodPut, path+"/"+kind+"/Api_Key", object{"value": value})
			require.Equal(t, "Api_Key", set["name"])
			require.Equal(t, scope, set["scope"])
			require.InDelta(t, 1, set["revision"], 0)
			require.NotEmpty(t, set["updated_at"])
			got := w.OK(http.MethodGet, path+"/"+kind+"/API_KEY", nil)
			require.Equal(t, set, got)
			if kind == "variables" {
				require.Equal(t, value, got["value"])
			} else {
				require.Equal(t, true, got["readable"])
				require.NotContains(t, got, "value")
			}
			again := w.OK(http.MethodPut, path+"/"+kind+"/api_key", object{"value": value + "2"})
			require.InDelta(t, 2, again["revision"], 0)
			w.OK(http.MethodPut, path+"/"+kind+"/Zed", object{"value": value})
			first := w.OK(http.MethodGet, path+"/"+kind+"?max_results=1", nil)
			require.Len(t, first["items"], 1)
			require.Equal(t, "api_key", first["items"].([]any)[0].(object)["name"])
			next := w.OK(http.MethodGet, path+"/"+kind+"?page_token="+first["next_page_token"].(string), nil)
			require.Equal(t, "Zed", next["items"].([]any)[0].(object)["name"])
			require.NotContains(t, next, "next_page_token")
		}
	}
	for scope, path := range scopes {
		for _, kind := range []string{"variables", "secrets"} {
			require.Equal(t, http.StatusNoContent, w.Do(http.MethodDelete, path+"/"+kind+"/API_key", nil).Status)
			require.Contains(t, missing(t, w.Do(http.MethodGet, path+"/"+kind+"/API_KEY", nil)), strings.TrimSuffix(kind, "s")+" API_KEY")
			missing(t, w.Do(http.MethodDelete, path+"/"+kind+"/API_KEY", nil))
			require.Len(t, w.OK(http.MethodGet, path+"/"+kind, nil)["items"], 1, scope)
		}
	}
	for _, path := range []string{"/models/none/secrets", "/models/none/variables/A", "/models/none/environments/production/secrets/A"} {
		missing(t, w.Do(http.MethodGet, base+path, nil))
	}
	badRequest(t, w.Do(http.MethodPut, base+"/models/a:b/secrets/A", object{"value": "none"}))
	w.OK(http.MethodPut, base+"/models/later/secrets/A", object{"value": "set before its model is registered"})
	require.Len(t, w.OK(http.MethodGet, base+"/models/later/secrets", nil)["items"], 1)
	audit := fmt.Sprint(w.OK(http.MethodGet, base+"/audit?action=secret.deleted", nil)["items"])
	require.Equal(t, 3, strings.Count(audit, "reason:api_key"), audit)
}

func TestASecretThatCannotBeKept(t *testing.T) {
	t.Parallel()
	w := world.Start(t)
	path := base + "/secrets/KEY"
	for body, says := range map[string]string{
		`{"value": ""}`: "the secret KEY is empty", `{}`: "value", `{"value": null}`: "value", `{"value": 73219}`: "value", `{"value": {"deep": "73219"}}`: "value",
		`{"value": "73219`: "body", `["73219"]`: "body", `{"value": "732` + `\u0000` + `19"}`: "NUL", `{"value": "` + strings.Repeat("73219", 14_000) + `"}`: "70000 bytes",
		`{"value": "x73219", "also": "73219"}`: "also",
	} {
		said := badRequest(t, w.Do(http.MethodPut, path, body))
		require.Contains(t, said, says, "%.40s", body)
		require.NotContains(t, said, "73219", "%.40s", body)
	}
	require.Contains(t, badRequest(t, w.Do(http.MethodPut, base+"/secrets/MY-KEY", object{"value": "73219"})), `"MY-KEY" is no name`)
	missing(t, w.Do(http.MethodGet, path, nil))

	short := w.OK(http.MethodPut, path, object{"value": "abc"})
	require.Contains(t, short["warning"], "too short to mask")
	require.NotContains(t, w.OK(http.MethodPut, path, object{"value": "abcd"}), "warning")
}

// TestTheKeyIsRotated while the server runs, with a webhook whose secret is
// sealed too: after it the old key opens nothing, and the new one everything.
func TestTheKeyIsRotated(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), listen(t)
	w := world.StartIn(t, dir, withWebhooks)
	hook(w, l.URL, [][2]string{{"REGISTERED_MODEL", "CREATED"}}, "secret", "of a webhook")
	w.OK(http.MethodPut, base+"/secrets/KEY", object{"value": "a value"})
	old, err := os.ReadFile(filepath.Join(dir, "secret.key"))
	require.NoError(t, err)

	rotated := w.OK(http.MethodPost, base+"/secrets/rotate-key", nil)
	require.Equal(t, object{"rewrapped": 2.0, "unreadable": 0.0}, rotated)
	require.Equal(t, true, w.OK(http.MethodGet, base+"/secrets/KEY", nil)["readable"])
	w.Stop()
	_, given := tryStart(t, dir, "--secret-key", strings.TrimSpace(string(old)))
	require.ErrorContains(t, given, "--secret-key is not the key that sealed this database's secrets")

	w = world.StartIn(t, dir, withWebhooks)
	require.Equal(t, true, w.OK(http.MethodGet, base+"/secrets/KEY", nil)["readable"])
	require.Nil(t, w.OK(http.MethodGet, webhooks, nil)["webhooks"].([]any)[0].(object)["broken"])
	w.Stop()
	now, err := os.ReadFile(filepath.Join(dir, "secret.key"))
	require.NoError(t, err)
	require.NotEqual(t, old, now)

	// Keys that the operator gives: the new one beside the old one, then alone.
	given1, given2 := strings.TrimSpace(string(now)), strings.Repeat("another key ", 4)
	w = world.StartIn(t, dir, withWebhooks, func(c *config.Config) { c.SecretKey = given1 })
	require.Contains(t, refused(t, w.Do(http.MethodPost, base+"/secrets/rotate-key", nil), http.StatusConflict, "RESOURCE_CONFLICT"), "--secret-key-old")
	w.Stop()
	w = world.StartIn(t, dir, withWebhooks, func(c *config.Config) { c.SecretKey, c.SecretKeyOld = given2, []string{given1} })
	require.Equal(t, rotated, w.OK(http.MethodPost, base+"/secrets/rotate-key", nil))
	w.Stop()
	w = world.StartIn(t, dir, withWebhooks, func(c *config.Config) { c.SecretKey = given2 })
	require.Equal(t, true, w.OK(http.MethodGet, base+"/secrets/KEY", nil)["readable"])
	require.Contains(t, fmt.Sprint(w.OK(http.MethodGet, base+"/audit?action=secret_key.rotated", nil)["items"]), "2 secrets")
}

// TestTwoServersRotateTheirKey one after the other: neither is ever without a
// secret, and the one that has not got the new key says so.
func TestTwoServersRotateTheirKey(t *testing.T) {
	t.Parallel()
	uri, one, two := postgres.Database(t), strings.Repeat("key one ", 5), strings.Repeat("key two ", 5)
	server := func(key string, old ...string) *world.World {
		return world.Start(t, func(c *config.Config) { c.BackendStoreURI, c.SecretKey, c.SecretKeyOld = uri, key, old })
	}
	readable := func(w *world.World, name string) bool {
		return w.OK(http.MethodGet, base+"/secrets/"+name, nil)["readable"].(bool)
	}
	a, b := server(one), server(one)
	a.OK(http.MethodPut, base+"/secrets/FIRST", object{"value": "a value"})
	a.Stop()
	a = server(two, one)
	a.OK(http.MethodPut, base+"/secrets/SECOND", object{"value": "a value"})
	b.OK(http.MethodPut, base+"/secrets/THIRD", object{"value": "a value"})
	for _, name := range []string{"FIRST", "SECOND", "THIRD"} {
		require.True(t, readable(a, name) && readable(b, name), name)
	}
	require.InDelta(t, 3, a.OK(http.MethodPost, base+"/secrets/rotate-key", nil)["rewrapped"], 0)
	require.False(t, readable(b, "FIRST"))
	said := refused(t, b.Do(http.MethodPut, base+"/secrets/FOURTH", object{"value": "a value"}), http.StatusConflict, "RESOURCE_CONFLICT")
	require.Contains(t, said, "does not have the key")
	b.Stop()
	b = server(two)
	require.True(t, readable(a, "FIRST") && readable(b, "FIRST"))
}

// tryStart starts a server that may refuse to.
func tryStart(t *testing.T, dir string, flags ...string) (*world.Process, error) {
	t.Helper()
	p := world.LaunchProcess(t, dir, flags...)
	return p, p.Ready()
}

// TestAWrongKeyAndALostOne: the first is refused and changes nothing; after the
// second everything works but what it had sealed.
func TestAWrongKeyAndALostOne(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := world.StartIn(t, dir)
	w.OK(http.MethodPut, base+"/secrets/OLD", object{"value": "an old value"})
	w.OK(http.MethodPut, base+"/variables/PLAIN", object{"value": "a value"})
	w.Stop()
	key := filepath.Join(dir, "secret.key")
	right, err := os.ReadFile(key)
	require.NoError(t, err)

	require.NoError(t, os.WriteFile(key, []byte(strings.Repeat("another key ", 4)+"\n"), 0o600))
	_, refusal := tryStart(t, dir)
	require.ErrorContains(t, refusal, key+" is not the key that sealed this database's secrets: give the server that key, or start with --secret-key-lost")
	require.NotContains(t, refusal.Error(), "\n")
	require.NoError(t, os.WriteFile(key, right, 0o600))
	w = world.StartIn(t, dir)
	require.Equal(t, true, w.OK(http.MethodGet, base+"/secrets/OLD", nil)["readable"])
	w.Stop()

	require.NoError(t, os.Remove(key))
	_, refusal = tryStart(t, dir)
	require.ErrorContains(t, refusal, key+" is missing")
	p, err := tryStart(t, dir, "--secret-key-lost")
	require.NoError(t, err)
	require.Equal(t, false, p.OK(http.MethodGet, base+"/secrets", nil)["items"].([]any)[0].(object)["readable"])
	require.Equal(t, "a value", p.OK(http.MethodGet, base+"/variables/PLAIN", nil)["value"])
	p.OK(http.MethodPut, base+"/secrets/NEW", object{"value": "a new value"})
	require.Equal(t, object{"rewrapped": 1.0, "unreadable": 1.0}, p.OK(http.MethodPost, base+"/secrets/rotate-key", nil))
	require.Equal(t, true, p.OK(http.MethodPut, base+"/secrets/OLD", object{"value": "set anew"})["readable"])
	p.Term()
	w = world.StartIn(t, dir)
	for _, name := range []string{"OLD", "NEW"} {
		require.Equal(t, true, w.OK(http.MethodGet, base+"/secrets/"+name, nil)["readable"])
	}
}

// TestARotationThatIsKilled at any instant: the server starts with the key file
// that it finds, and every secret can be read.
func TestARotationThatIsKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for round := range 5 {
		p := world.StartProcess(t, dir)
		for i := range 20 {
			name := fmt.Sprintf("%s/secrets/S%d", base, i)
			if round == 0 {
				p.OK(http.MethodPut, name, object{"value": "a value"})
			}
			require.Equal(t, true, p.OK(http.MethodGet, name, nil)["readable"])
		}
		asked := make(chan struct{})
		go func() {
			defer close(asked)
			if res, err := http.Post(p.URL+base+"/secrets/rotate-key", "application/json", nil); err == nil {
				_ = res.Body.Close()
			}
		}()
		select {
		case <-asked:
		case <-time.After(time.Duration(round) * 2 * time.Millisecond):
		}
		p.Kill()
		<-asked
	}
	p := world.StartProcess(t, dir)
	require.Len(t, p.OK(http.MethodGet, base+"/secrets", nil)["items"], 20)
}
