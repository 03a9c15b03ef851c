package secret_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/secret"
	"github.com/slipway-ml/slipway/services/vault"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/sqlstore"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
)

var (
	global      = models.Scope{}
	ofModel     = models.Scope{Model: "m"}
	environment = models.Scope{Model: "m", Environment: "production"}
)

// service keeps secrets in a database with a model m.
func service(t *testing.T) *secret.Service {
	t.Helper()
	db, err := sqlstore.Open(t.Context(), postgres.OrSQLite(t, t.TempDir()), sqlstore.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.InTx(t.Context(), func(tx storage.Tx) error {
		_, err := tx.RegisteredModels().Create(models.RegisteredModel{Name: "m"})
		return err
	}))
	return with(t, db, vault.Source{File: filepath.Join(t.TempDir(), "secret.key")})
}

func with(t *testing.T, db storage.DB, src vault.Source) *secret.Service {
	t.Helper()
	keys, err := vault.Open(t.Context(), db, src)
	require.NoError(t, err)
	return &secret.Service{DB: db, Vault: keys}
}

func set(t *testing.T, s *secret.Service, kind models.ValueKind, scope models.Scope, name, value string) models.NamedValue {
	t.Helper()
	v, _, err := s.Set(t.Context(), kind, scope, name, value)
	require.NoError(t, err)
	return v
}

func TestTheNarrowerScopeBeatsTheWider(t *testing.T) {
	t.Parallel()
	s := service(t)
	for _, kind := range []models.ValueKind{models.ValueVariable, models.ValueSecret} {
		set(t, s, kind, global, "ONE", "global")
		set(t, s, kind, global, "two", "global")
		set(t, s, kind, global, "Three", "global")
		set(t, s, kind, ofModel, "TWO", "model")
		set(t, s, kind, ofModel, "THREE", "model")
		set(t, s, kind, environment, "three", "environment")
		set(t, s, kind, models.Scope{Model: "m", Environment: "staging"}, "four", "staging")
	}
	for _, c := range []struct {
		model, environment string
		texts              map[string]string
	}{
		{"m", "production", map[string]string{"one": "global", "Two": "model", "THREE": "environment"}},
		{"m", "", map[string]string{"one": "global", "Two": "model", "THREE": "model"}},
		{"another", "production", map[string]string{"one": "global", "Two": "global", "THREE": "global"}},
		{"", "", map[string]string{"one": "global", "Two": "global", "THREE": "global"}},
	} {
		values, err := s.Resolve(t.Context(), c.model, c.environment)
		require.NoError(t, err)
		require.Len(t, values.Vars, 3)
		require.Len(t, values.Secrets, 3)
		for name, text := range c.texts {
			v, ok := values.Var(name)
			require.True(t, ok)
			require.Equal(t, text, v.Text, "vars.%s in %s %s", name, c.model, c.environment)
			v, err := values.Secret(name)
			require.NoError(t, err)
			require.Equal(t, text, v.Text, "secrets.%s in %s %s", name, c.model, c.environment)
			require.Equal(t, text, v.Scope.Name())
		}
		_, ok := values.Var("four")
		require.False(t, ok)
		_, err = values.Secret("four")
		require.True(t, models.IsKind(err, models.KindNotFound))
		require.Equal(t, "***", values.Mask().Text("global"))
	}
	vars, secrets, err := s.Names(t.Context(), "m", "production")
	require.NoError(t, err)
	require.Equal(t, []string{"ONE", "TWO", "three"}, vars)
	require.Equal(t, vars, secrets)
}

func TestValuesComeBeforeTheirModel(t *testing.T) {
	t.Parallel()
	s := service(t)
	_, _, err := s.Set(t.Context(), models.ValueSecret, models.Scope{Model: "later"}, "A", "value")
	require.NoError(t, err)
	values, err := s.Resolve(t.Context(), "later", "")
	require.NoError(t, err)
	v, err := values.Secret("a")
	require.NoError(t, err)
	require.Equal(t, "value", v.Text)
}

func TestWhatCannotBeKept(t *testing.T) {
	t.Parallel()
	s := service(t)
	for name, c := range map[string]struct {
		kind        models.ValueKind
		scope       models.Scope
		name, value string
		fault       models.Kind
		says        string
	}{
		"an empty secret":     {models.ValueSecret, global, "A", "", models.KindInvalid, "the secret A is empty"},
		"a name with a dash":  {models.ValueSecret, global, "A-B", "value", models.KindInvalid, `"A-B" is no name`},
		"a digit first":       {models.ValueVariable, global, "1A", "value", models.KindInvalid, `"1A" is no name`},
		"too large":           {models.ValueSecret, global, "A", strings.Repeat("value", 14_000), models.KindInvalid, "70000 bytes"},
		"a NUL":               {models.ValueSecret, global, "A", "val\x00ue", models.KindInvalid, "base64"},
		"no text":             {models.ValueVariable, global, "A", "value\xff", models.KindInvalid, "base64"},
		"no name of a model":  {models.ValueVariable, models.Scope{Model: "a/b"}, "A", "value", models.KindInvalid, "a/b"},
		"a capital":           {models.ValueVariable, models.Scope{Model: "m", Environment: "Production"}, "A", "value", models.KindInvalid, "lower-case"},
		"no environment name": {models.ValueVariable, models.Scope{Model: "m", Environment: "a/b"}, "A", "value", models.KindInvalid, "environment"},
	} {
		_, _, err := s.Set(t.Context(), c.kind, c.scope, c.name, c.value)
		require.True(t, models.IsKind(err, c.fault), "%s: %v", name, err)
		require.ErrorContains(t, err, c.says, name)
		require.NotContains(t, err.Error(), "value\xff")
	}
	set(t, s, models.ValueVariable, global, "A", "")
	set(t, s, models.ValueSecret, global, "A", strings.Repeat("v", models.MaxValue))
	for value, warning := range map[string]string{"abc": secret.TooShort, "abcd": "", "éé": secret.TooShort} {
		_, told, err := s.Set(t.Context(), models.ValueSecret, global, "SHORT", value)
		require.NoError(t, err)
		require.Equal(t, warning, told)
	}
}

func TestASecretOpensInItsPlaceOnly(t *testing.T) {
	t.Parallel()
	s := service(t)
	a, b := set(t, s, models.ValueSecret, global, "A", "first secret"), set(t, s, models.ValueSecret, global, "B", "second secret")
	require.True(t, s.Readable(a))
	a.DataKey, a.Sealed = b.DataKey, b.Sealed
	require.False(t, s.Readable(a), "somebody who writes the database gives A what B is")

	again := set(t, s, models.ValueSecret, global, "a", "first secret")
	require.Equal(t, int64(2), again.Revision)
	require.Equal(t, "a", again.Name)
	require.NoError(t, s.Delete(t.Context(), models.ValueSecret, global, "A"))
	err := s.Delete(t.Context(), models.ValueSecret, global, "A")
	require.ErrorContains(t, err, "there is no secret A (global)")

	require.NoError(t, s.DB.View(t.Context(), func(tx storage.Tx) error {
		records, err := tx.AuditRecords(models.AuditFilter{Limit: 10})
		require.NoError(t, err)
		var did []string
		for _, r := range records {
			did = append(did, r.Action+" "+r.Reason)
			require.NotContains(t, fmt.Sprint(r), "first secret")
		}
		require.Equal(t, []string{"secret.deleted a", "secret.set a", "secret.set B", "secret.set A"}, did)
		return err
	}))
}

func TestRotation(t *testing.T) {
	t.Parallel()
	s := service(t)
	const many = 1200 // more than are read at once
	var hook models.Webhook
	require.NoError(t, s.DB.InTx(t.Context(), func(tx storage.Tx) error {
		sealed, err := s.Vault.Seal(tx, "w", "hook secret")
		require.NoError(t, err)
		require.NoError(t, tx.Webhooks().Create(models.Webhook{ID: "w", Name: "w", Secret: sealed, UpdatedMS: 7}))
		require.NoError(t, tx.Webhooks().Create(models.Webhook{ID: "x", Name: "x", Secret: []byte("of another key"), UpdatedMS: 7}))
		require.NoError(t, tx.Webhooks().Create(models.Webhook{ID: "y", Name: "y", UpdatedMS: 7}))
		return nil
	}))
	for i := range many {
		set(t, s, models.ValueSecret, ofModel, fmt.Sprintf("S%d", i), fmt.Sprintf("secret %d", i))
	}

	r, err := s.Rotate(t.Context())
	require.NoError(t, err)
	require.Equal(t, secret.Rotation{Rewrapped: many + 1, Unreadable: 1}, r)
	values, err := s.Resolve(t.Context(), "m", "")
	require.NoError(t, err)
	for i := range many {
		v, err := values.Secret(fmt.Sprintf("S%d", i))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("secret %d", i), v.Text)
		require.Equal(t, int64(1), v.Revision)
	}
	require.NoError(t, s.DB.View(t.Context(), func(tx storage.Tx) (err error) {
		hook, err = tx.Webhooks().Find("w")
		return err
	}))
	require.Equal(t, int64(7), hook.UpdatedMS)
	text, err := s.Vault.Open("w", hook.Secret)
	require.NoError(t, err)
	require.Equal(t, "hook secret", text)
	_, err = s.Rotate(t.Context())
	require.NoError(t, err, "and again")
}

// TestSecretsSetDuringARotation lets many set secrets while the key changes:
// all of them open under the last key.
func TestSecretsSetDuringARotation(t *testing.T) {
	t.Parallel()
	s := service(t)
	done, errs := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(done)
		for i := range 60 {
			if _, _, err := s.Set(context.WithoutCancel(t.Context()), models.ValueSecret, global, fmt.Sprintf("S%d", i), "a secret"); err != nil {
				errs <- err
				return
			}
		}
	}()
	for range 10 {
		_, err := s.Rotate(t.Context())
		require.NoError(t, err)
	}
	<-done
	require.Empty(t, errs)
	values, err := s.Resolve(t.Context(), "", "")
	require.NoError(t, err)
	require.Len(t, values.Secrets, 60)
	for name := range values.Secrets {
		_, err := values.Secret(name)
		require.NoError(t, err)
	}
}

func TestALostKey(t *testing.T) {
	t.Parallel()
	s := service(t)
	set(t, s, models.ValueSecret, global, "OLD", "old secret")
	set(t, s, models.ValueVariable, global, "V", "value")
	s = with(t, s.DB, vault.Source{File: filepath.Join(t.TempDir(), "secret.key"), Lost: true})
	set(t, s, models.ValueSecret, global, "NEW", "new secret")
	list, err := s.List(t.Context(), models.ValueSecret, global, "", 10)
	require.NoError(t, err)
	require.Equal(t, []bool{true, false}, []bool{s.Readable(list[0]), s.Readable(list[1])})
	values, err := s.Resolve(t.Context(), "", "")
	require.NoError(t, err)
	_, err = values.Secret("OLD")
	require.ErrorContains(t, err, "secrets.OLD (global) cannot be read, since the key that sealed it is lost: set it anew")
	r, err := s.Rotate(t.Context())
	require.NoError(t, err)
	require.Equal(t, secret.Rotation{Rewrapped: 1, Unreadable: 1}, r)
	set(t, s, models.ValueSecret, global, "OLD", "new secret")
	values, err = s.Resolve(t.Context(), "", "")
	require.NoError(t, err)
	_, err = values.Secret("OLD")
	require.NoError(t, err)
}
