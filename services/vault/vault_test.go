package vault_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/vault"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/sqlstore"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
)

func database(t *testing.T) storage.DB {
	t.Helper()
	db, err := sqlstore.Open(t.Context(), postgres.OrSQLite(t, t.TempDir()), sqlstore.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func open(t *testing.T, db storage.DB, src vault.Source) *vault.Vault {
	t.Helper()
	v, err := vault.Open(t.Context(), db, src)
	require.NoError(t, err)
	return v
}

func seal(t *testing.T, db storage.DB, v *vault.Vault, name, text string) (sealed []byte) {
	t.Helper()
	require.NoError(t, db.InTx(t.Context(), func(tx storage.Tx) (err error) {
		sealed, err = v.Seal(tx, name, text)
		return err
	}))
	return sealed
}

var (
	one = strings.Repeat("one ", 10)
	two = strings.Repeat("two ", 10)
)

func TestWhatIsSealedOpensUnderItsKeyAndNameOnly(t *testing.T) {
	t.Parallel()
	db, src := database(t), vault.Source{File: filepath.Join(t.TempDir(), "deep", "secret.key")}
	v := open(t, db, src)
	sealed := seal(t, db, v, "webhook 1", "the secret")
	require.NotContains(t, string(sealed), "secret")
	require.NotEqual(t, sealed, seal(t, db, v, "webhook 1", "the secret"))

	text, err := open(t, db, src).Open("webhook 1", sealed)
	require.NoError(t, err)
	require.Equal(t, "the secret", text)
	_, err = v.Open("webhook 2", sealed)
	require.ErrorIs(t, err, vault.ErrSealed)
	_, err = v.Open("webhook 1", sealed[:5])
	require.ErrorIs(t, err, vault.ErrSealed)

	info, err := os.Stat(src.File)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	_, err = vault.Open(t.Context(), db, vault.Source{Key: "short"})
	require.ErrorContains(t, err, "--secret-key: the secret key has 5 characters")
}

func TestAnotherKeyIsRefusedAndChangesNothing(t *testing.T) {
	t.Parallel()
	db := database(t)
	open(t, db, vault.Source{Key: two}) // nothing is sealed yet: any key will do
	sealed := seal(t, db, open(t, db, vault.Source{Key: one}), "x", "secret")

	_, err := vault.Open(t.Context(), db, vault.Source{Key: two})
	require.True(t, models.IsKind(err, models.KindConflict), err)
	require.ErrorContains(t, err, "--secret-key is not the key that sealed this database's secrets")
	file := filepath.Join(t.TempDir(), "secret.key")
	_, err = vault.Open(t.Context(), db, vault.Source{File: file})
	require.ErrorContains(t, err, file+" is missing")
	require.NoFileExists(t, file)
	_, err = open(t, db, vault.Source{Key: one}).Open("x", sealed)
	require.NoError(t, err)

	// It is lost: the new one takes its place, and the old secret stays as it is.
	v := open(t, db, vault.Source{File: file, Lost: true})
	_, err = v.Open("x", sealed)
	require.ErrorIs(t, err, vault.ErrSealed)
	anew := seal(t, db, v, "x", "anew")
	text, err := open(t, db, vault.Source{File: file}).Open("x", anew)
	require.NoError(t, err)
	require.Equal(t, "anew", text)
	_, err = vault.Open(t.Context(), db, vault.Source{Key: one})
	require.ErrorContains(t, err, "is not the key")
	// It is found again: with both, everything opens.
	v = open(t, db, vault.Source{File: file, Old: []string{one}})
	_, err = v.Open("x", sealed)
	require.NoError(t, err)
}

func TestAServerWithAnotherKeySealsNothing(t *testing.T) {
	t.Parallel()
	db := database(t)
	a, b := open(t, db, vault.Source{Key: one}), open(t, db, vault.Source{Key: two})
	seal(t, db, a, "x", "secret")
	err := db.InTx(t.Context(), func(tx storage.Tx) error { _, err := b.Seal(tx, "y", "other"); return err })
	require.True(t, models.IsKind(err, models.KindConflict), err)
}

// TestWebhooksOfBeforeTheMark is a database whose webhooks' secrets are older
// than the mark: its key is known by them.
func TestWebhooksOfBeforeTheMark(t *testing.T) {
	t.Parallel()
	db := database(t)
	key, err := vault.NewKey(one)
	require.NoError(t, err)
	require.NoError(t, db.InTx(t.Context(), func(tx storage.Tx) error {
		return tx.Webhooks().Create(models.Webhook{ID: "w", Name: "w", Secret: key.Seal("w", "secret")})
	}))
	_, err = vault.Open(t.Context(), db, vault.Source{Key: two})
	require.ErrorContains(t, err, "is not the key")
	open(t, db, vault.Source{Key: one})
	require.NoError(t, db.View(t.Context(), func(tx storage.Tx) error {
		mark, err := tx.NamedValues().KeyMark()
		require.NotEmpty(t, mark)
		return err
	}))
}

// TestARotation stops at each step of one, as a kill does, and opens anew.
func TestARotation(t *testing.T) {
	t.Parallel()
	for after, step := range []string{"nothing", "Renew", "the transaction", "Settle"} {
		t.Run("killed after "+step, func(t *testing.T) {
			t.Parallel()
			db, src := database(t), vault.Source{File: filepath.Join(t.TempDir(), "secret.key")}
			v := open(t, db, src)
			sealed := seal(t, db, v, "x", "secret")
			before, err := os.ReadFile(src.File)
			require.NoError(t, err)
			rotate := func(v *vault.Vault, steps int) {
				for i, do := range []func() error{v.Renew, func() error {
					return db.InTx(t.Context(), func(tx storage.Tx) (err error) {
						anew, err := v.Rewrap("x", sealed)
						if err == nil {
							err = v.Adopt(tx)
						}
						sealed = anew
						return err
					})
				}, v.Settle} {
					if i < steps {
						require.NoError(t, do())
					}
				}
			}
			rotate(v, after)

			v = open(t, db, src)
			require.Equal(t, after == 1 || after == 2, v.Pending())
			for name, text := range map[string][]byte{"x": sealed, "y": seal(t, db, v, "y", "secret")} {
				opened, err := open(t, db, src).Open(name, text)
				require.NoError(t, err)
				require.Equal(t, "secret", opened)
			}

			rotate(v, 3)
			_, err = vault.Open(t.Context(), db, vault.Source{Key: strings.TrimSpace(string(before))})
			require.ErrorContains(t, err, "is not the key")
			now, err := os.ReadFile(src.File)
			require.NoError(t, err)
			require.Len(t, strings.Fields(string(now)), 1)
			require.NotEqual(t, before, now)
			old, err := vault.NewKey(strings.TrimSpace(string(before)))
			require.NoError(t, err)
			_, err = old.Open("x", sealed)
			require.ErrorIs(t, err, vault.ErrSealed)
			_, err = open(t, db, src).Open("x", sealed)
			require.NoError(t, err)
		})
	}
}

// TestARotationOfKeysThatAreGiven is one of several servers, each started with
// the new key before the old one; until it happens they seal under the old one.
func TestARotationOfKeysThatAreGiven(t *testing.T) {
	t.Parallel()
	db := database(t)
	still := open(t, db, vault.Source{Key: one})
	sealed := seal(t, db, still, "x", "secret")
	require.ErrorContains(t, still.Renew(), "--secret-key-old")

	v := open(t, db, vault.Source{Key: two, Old: []string{one}})
	_, err := still.Open("z", seal(t, db, v, "z", "secret"))
	require.NoError(t, err, "a server that is not started anew yet reads what is set")

	require.NoError(t, v.Renew())
	require.NoError(t, db.InTx(t.Context(), func(tx storage.Tx) error {
		if sealed, err = v.Rewrap("x", sealed); err != nil {
			return err
		}
		return v.Adopt(tx)
	}))
	require.NoError(t, v.Settle())
	err = db.InTx(t.Context(), func(tx storage.Tx) error { _, err := still.Seal(tx, "y", "other"); return err })
	require.True(t, models.IsKind(err, models.KindConflict), err)
	_, err = open(t, db, vault.Source{Key: two}).Open("x", sealed)
	require.NoError(t, err)
	require.ErrorContains(t, v.Renew(), "--secret-key-old")
}

func TestAKeyFileThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	db, src := database(t), vault.Source{File: filepath.Join(t.TempDir(), "keys", "secret.key")}
	v := open(t, db, src)
	require.NoError(t, os.Remove(src.File))
	require.Error(t, v.Renew())
	require.False(t, v.Pending())
	require.NoError(t, os.Mkdir(src.File, 0o700))
	_, err := vault.Open(t.Context(), db, src)
	require.ErrorContains(t, err, src.File)
}
