package api_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/tests/world"
)

const webhooks = "/api/2.0/mlflow/webhooks"

// listener is an address that is told of events.
type listener struct {
	*httptest.Server
	sync.Mutex
	got    []call
	answer func(n int, w http.ResponseWriter) // n from 1
}

type call struct {
	header http.Header
	raw    string
	body   map[string]any
	at     time.Time
	from   string
}

func listen(t *testing.T) *listener {
	t.Helper()
	l := &listener{}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		c := call{header: r.Header, raw: string(raw), at: time.Now(), from: r.RemoteAddr}
		_ = json.Unmarshal(raw, &c.body)
		l.Lock()
		l.got = append(l.got, c)
		n, answer := len(l.got), l.answer
		l.Unlock()
		if answer != nil {
			answer(n, w)
		}
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *listener) calls() []call {
	l.Lock()
	defer l.Unlock()
	return append([]call(nil), l.got...)
}

func withWebhooks(c *config.Config) {
	c.WebhookAllowedSchemes, c.WebhookAllowPrivateIPs, c.WebhookMaxRetries, c.WebhookTimeoutSeconds = []string{"http"}, true, 3, 10
}

func hook(w *world.World, url string, events [][2]string, more ...any) map[string]any {
	list := make([]map[string]any, len(events))
	for i, e := range events {
		list[i] = map[string]any{"entity": e[0], "action": e[1]}
	}
	body := map[string]any{"name": "hook", "url": url, "events": list}
	for i := 0; i+1 < len(more); i += 2 {
		body[more[i].(string)] = more[i+1]
	}
	return w.OK("POST", webhooks, body)["webhook"].(map[string]any)
}

func TestAWebhookHearsTheRegistry(t *testing.T) {
	t.Parallel()
	w, l := world.Start(t, withWebhooks), listen(t)
	hook(w, l.URL, [][2]string{
		{"REGISTERED_MODEL", "CREATED"},
		{"MODEL_VERSION", "CREATED"},
		{"MODEL_VERSION_TAG", "SET"},
		{"MODEL_VERSION_TAG", "DELETED"},
		{"MODEL_VERSION_ALIAS", "CREATED"},
		{"MODEL_VERSION_ALIAS", "DELETED"},
	}, "secret", "s3cret of the hook")
	w.OK("POST", registered+"create", map[string]any{"name": "m", "description": "d", "tags": []any{map[string]any{"key": "k", "value": "v"}}})
	w.OK("POST", registered+"create", map[string]any{"name": "p", "tags": []any{map[string]any{"key": "mlflow.prompt.is_prompt", "value": "true"}}})
	require.Equal(t, http.StatusBadRequest, w.Do("POST", registered+"create", map[string]any{"name": "m"}).Status)
	w.OK("POST", versioned+"create", map[string]any{"name": "m", "source": "s3://elsewhere/x"})
	w.OK("POST", versioned+"set-tag", map[string]any{"name": "m", "version": "1", "key": "a", "value": ""})
	w.OK("DELETE", versioned+"delete-tag", map[string]any{"name": "m", "version": "1", "key": "a"})
	w.OK("POST", registered+"alias", map[string]any{"name": "m", "alias": "best", "version": "1"})
	w.OK("DELETE", registered+"alias", map[string]any{"name": "m", "alias": "best"})
	w.Eventually(20*time.Second, "six messages", func() bool { return len(l.calls()) >= 6 })

	seen := map[string]map[string]any{}
	for _, c := range l.calls() {
		seen[c.body["entity"].(string)+"."+c.body["action"].(string)] = c.body["data"].(map[string]any)
		at, err := time.Parse(time.RFC3339, c.body["timestamp"].(string))
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), at, time.Minute)
		mac := hmac.New(sha256.New, []byte("s3cret of the hook"))
		_, _ = mac.Write([]byte(c.header.Get("X-MLflow-Delivery-Id") + "." + c.header.Get("X-MLflow-Timestamp") + "." + c.raw))
		require.Equal(t, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)), c.header.Get("X-MLflow-Signature"))
	}
	require.Equal(t, map[string]map[string]any{
		"registered_model.created":    {"name": "m", "description": "d", "tags": map[string]any{"k": "v"}},
		"model_version.created":       {"name": "m", "version": "1", "source": "s3://elsewhere/x", "run_id": nil, "description": nil, "tags": map[string]any{}},
		"model_version_tag.set":       {"name": "m", "version": "1", "key": "a", "value": ""},
		"model_version_tag.deleted":   {"name": "m", "version": "1", "key": "a"},
		"model_version_alias.created": {"name": "m", "version": "1", "alias": "best"},
		"model_version_alias.deleted": {"name": "m", "alias": "best"},
	}, seen)
}

func TestAWebhookHearsPrompts(t *testing.T) {
	t.Parallel()
	w, l := world.Start(t, withWebhooks), listen(t)
	hook(w, l.URL, [][2]string{{"PROMPT", "CREATED"}, {"PROMPT_VERSION", "CREATED"}, {"PROMPT_TAG", "SET"}, {"PROMPT_ALIAS", "CREATED"}})
	prompt := map[string]any{"key": "mlflow.prompt.is_prompt", "value": "true"}
	w.OK("POST", registered+"create", map[string]any{"name": "p", "tags": []any{prompt}})
	w.OK("POST", versioned+"create", map[string]any{"name": "p", "source": "dummy-source", "tags": []any{prompt, map[string]any{"key": "mlflow.prompt.text", "value": "Hi {{x}}"}}})
	w.OK("POST", registered+"set-tag", map[string]any{"name": "p", "key": "a", "value": "b"})
	w.OK("POST", registered+"alias", map[string]any{"name": "p", "alias": "best", "version": "1"})
	w.Eventually(20*time.Second, "four messages", func() bool { return len(l.calls()) >= 4 })
	seen := map[string]any{}
	for _, c := range l.calls() {
		seen[c.body["entity"].(string)] = c.body["data"]
		require.Empty(t, c.header.Get("X-MLflow-Signature"), "without a secret")
	}
	require.Equal(t, map[string]any{
		"prompt":         map[string]any{"name": "p", "description": nil, "tags": map[string]any{}},
		"prompt_version": map[string]any{"name": "p", "version": "1", "template": "Hi {{x}}", "description": nil, "tags": map[string]any{}},
		"prompt_tag":     map[string]any{"name": "p", "key": "a", "value": "b"},
		"prompt_alias":   map[string]any{"name": "p", "alias": "best", "version": "1"},
	}, seen)
}

func TestADeliveryIsTriedAgain(t *testing.T) {
	t.Parallel()
	w, l := world.Start(t, withWebhooks), listen(t)
	l.answer = func(n int, w http.ResponseWriter) {
		switch n {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			w.Header().Set("Retry-After", "3")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}
	hook(w, l.URL, [][2]string{{"REGISTERED_MODEL", "CREATED"}})
	w.OK("POST", registered+"create", map[string]any{"name": "m"})
	w.Eventually(30*time.Second, "the third attempt", func() bool { return len(l.calls()) == 3 })
	calls := l.calls()
	require.Equal(t, calls[0].header.Get("X-MLflow-Delivery-Id"), calls[2].header.Get("X-MLflow-Delivery-Id"), "one delivery")
	require.Equal(t, calls[0].raw, calls[2].raw)
	require.GreaterOrEqual(t, calls[2].at.Sub(calls[1].at), 2900*time.Millisecond, "Retry-After is honoured")
	w.Eventually(10*time.Second, "it is counted", func() bool {
		metrics := string(w.Do("GET", "/metrics", nil).Body)
		return strings.Contains(metrics, `slipway_webhook_deliveries_total{outcome="delivered"} 1`) &&
			strings.Contains(metrics, `slipway_webhook_deliveries_total{outcome="retried"} 2`)
	})
}

func TestWebhooksAreKept(t *testing.T) {
	t.Parallel()
	w, l := world.Start(t, withWebhooks), listen(t)
	made := hook(w, l.URL, [][2]string{{"REGISTERED_MODEL", "CREATED"}}, "description", "d", "secret", "never shown")
	id := made["webhook_id"].(string)
	require.Equal(t, "ACTIVE", made["status"])
	require.NotContains(t, string(w.Do("GET", webhooks+"/"+id, nil).Body), "never shown")
	updated := w.OK("PATCH", webhooks+"/"+id, map[string]any{"status": "DISABLED", "name": "other"})["webhook"].(map[string]any)
	require.Equal(t, []any{"DISABLED", "other", "d"}, []any{updated["status"], updated["name"], updated["description"]})
	for range 4 {
		hook(w, l.URL, [][2]string{{"REGISTERED_MODEL", "CREATED"}}, "status", "DISABLED")
	}
	page := w.OK("GET", webhooks+"?max_results=3", nil)
	require.Len(t, page["webhooks"], 3)
	page = w.OK("GET", webhooks+"?max_results=3&page_token="+page["next_page_token"].(string), nil)
	require.Len(t, page["webhooks"], 2)
	require.Nil(t, page["next_page_token"])

	result := w.OK("POST", webhooks+"/"+id+"/test", map[string]any{"event": map[string]any{"entity": "MODEL_VERSION", "action": "CREATED"}})["result"].(map[string]any)
	require.Equal(t, true, result["success"])
	require.EqualValues(t, 200, result["response_status"])
	l.answer = func(_ int, w http.ResponseWriter) { w.WriteHeader(http.StatusTeapot) }
	result = w.OK("POST", webhooks+"/"+id+"/test", nil)["result"].(map[string]any)
	require.NotEqual(t, true, result["success"])

	w.OK("DELETE", webhooks+"/"+id, nil)
	missing(t, w.Do("GET", webhooks+"/"+id, nil))
	missing(t, w.Do("DELETE", webhooks+"/"+id, nil))
	for name, body := range map[string]map[string]any{
		"no name":      {"url": l.URL, "events": []any{map[string]any{"entity": "PROMPT", "action": "CREATED"}}},
		"a bad name":   {"name": "a b", "url": l.URL, "events": []any{map[string]any{"entity": "PROMPT", "action": "CREATED"}}},
		"a bad scheme": {"name": "a", "url": "ftp://host", "events": []any{map[string]any{"entity": "PROMPT", "action": "CREATED"}}},
		"no host":      {"name": "a", "url": "http://", "events": []any{map[string]any{"entity": "PROMPT", "action": "CREATED"}}},
		"no event":     {"name": "a", "url": l.URL, "events": []any{}},
		"a bad event":  {"name": "a", "url": l.URL, "events": []any{map[string]any{"entity": "PROMPT", "action": "DELETED"}}},
	} {
		t.Run(name, func(t *testing.T) { badRequest(t, w.Do("POST", webhooks, body)) })
	}
}

func TestAPrivateAddressGetsNoWebhook(t *testing.T) {
	t.Parallel()
	w := world.Start(t, withWebhooks, func(c *config.Config) { c.WebhookAllowPrivateIPs = false })
	for _, url := range []string{"http://127.0.0.1:1/x", "http://localhost/x", "http://169.254.169.254/latest", "http://[::1]/", "http://10.1.2.3"} {
		badRequest(t, w.Do("POST", webhooks, map[string]any{"name": "a", "url": url, "events": []any{map[string]any{"entity": "PROMPT", "action": "CREATED"}}}))
	}
}

// With another key the server does not start, unless the key is said to be lost:
// then the one webhook is shown as broken, and nothing unsigned is sent in its
// place.
func TestASecretSealedWithAnotherKey(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), listen(t)
	w := world.StartIn(t, dir, withWebhooks)
	made := hook(w, l.URL, [][2]string{{"REGISTERED_MODEL", "CREATED"}}, "secret", "s")
	hook(w, l.URL, [][2]string{{"MODEL_VERSION", "CREATED"}})
	w.Stop()
	require.NoError(t, os.Remove(filepath.Join(dir, "secret.key")))
	p := world.LaunchProcess(t, dir)
	require.ErrorContains(t, p.Ready(), "secret.key is missing")
	require.NoFileExists(t, filepath.Join(dir, "secret.key"))
	w = world.StartIn(t, dir, withWebhooks, func(c *config.Config) { c.SecretKeyLost = true })
	list := w.OK("GET", webhooks, nil)["webhooks"].([]any)
	require.Contains(t, list[0].(map[string]any)["broken"], "set it anew")
	require.Nil(t, list[1].(map[string]any)["broken"])
	w.OK("POST", registered+"create", map[string]any{"name": "m"})
	w.OK("POST", versioned+"create", map[string]any{"name": "m", "source": "s3://elsewhere/x"})
	w.Eventually(10*time.Second, "the other one is told", func() bool { return len(l.calls()) == 1 })
	w.OK("PATCH", webhooks+"/"+made["webhook_id"].(string), map[string]any{"secret": "new"})
	w.OK("POST", registered+"create", map[string]any{"name": "m2"})
	w.Eventually(10*time.Second, "it is told again", func() bool { return len(l.calls()) == 2 })
	require.NotEmpty(t, l.calls()[1].header.Get("X-MLflow-Signature"))
}

// One connection serves many deliveries.
func TestDeliveriesShareAConnection(t *testing.T) {
	t.Parallel()
	w, l := world.Start(t, withWebhooks), listen(t)
	hook(w, l.URL, [][2]string{{"REGISTERED_MODEL", "CREATED"}})
	from := map[string]bool{}
	for i, name := range []string{"a", "b", "c"} {
		w.OK("POST", registered+"create", map[string]any{"name": name})
		w.Eventually(20*time.Second, "it is told", func() bool { return len(l.calls()) == i+1 })
		w.Eventually(20*time.Second, "it is done", func() bool {
			return strings.Contains(string(w.Do("GET", "/metrics", nil).Body), fmt.Sprintf(`slipway_webhook_deliveries_total{outcome="delivered"} %d`, i+1))
		})
		from[l.calls()[i].from] = true
	}
	require.Len(t, from, 1)
}

// A scheme that the operator has forbidden since is not used any more.
func TestAForbiddenSchemeGetsNoDelivery(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), listen(t)
	w := world.StartIn(t, dir, withWebhooks)
	id := hook(w, l.URL, [][2]string{{"REGISTERED_MODEL", "CREATED"}})["webhook_id"].(string)
	w.Stop()
	w = world.StartIn(t, dir, withWebhooks, func(c *config.Config) { c.WebhookAllowedSchemes = []string{"https"} })
	w.OK("POST", registered+"create", map[string]any{"name": "m"})
	w.Eventually(20*time.Second, "it is given up at once", func() bool {
		return strings.Contains(string(w.Do("GET", "/metrics", nil).Body), `slipway_webhook_deliveries_total{outcome="given_up"} 1`)
	})
	result := w.OK("POST", webhooks+"/"+id+"/test", nil)["result"].(map[string]any)
	require.Contains(t, result["error_message"], "Allowed schemes are: https")
	require.Empty(t, l.calls())
}
