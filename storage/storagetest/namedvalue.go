package storagetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// NamedValues tries what storage.NamedValueStore promises.
func NamedValues(t *testing.T, open Open) {
	ctx := models.WithPrincipal(t.Context(), models.Principal{Name: "ann"})
	names := func(values []models.NamedValue) (all []string) {
		for _, v := range values {
			all = append(all, string(v.Kind)+" "+v.Scope.String()+" "+v.Name)
		}
		return all
	}
	in := func(t *testing.T, db storage.DB, fn func(storage.NamedValueStore, int64)) {
		t.Helper()
		require.NoError(t, db.InTx(ctx, func(tx storage.Tx) error {
			m, err := tx.RegisteredModels().Get("m")
			if models.IsKind(err, models.KindNotFound) {
				m, err = tx.RegisteredModels().Create(models.RegisteredModel{Name: "m"})
			}
			require.NoError(t, err)
			fn(tx.NamedValues(), m.ID)
			return nil
		}))
	}
	set := func(t *testing.T, store storage.NamedValueStore, kind models.ValueKind, model int64, environment, name, value string) models.NamedValue {
		t.Helper()
		v := models.NamedValue{Kind: kind, ModelID: model, Name: name, Scope: models.Scope{Environment: environment}}
		if model != 0 {
			v.Scope.Model = "m"
		}
		if kind == models.ValueVariable {
			v.Value = value
		} else {
			v.DataKey, v.Sealed = []byte("key of "+value), []byte("sealed "+value)
		}
		v, err := store.Set(v)
		require.NoError(t, err)
		return v
	}

	t.Run("a value is found in its scope, whatever the case of its name", func(t *testing.T) {
		t.Parallel()
		in(t, open(t), func(store storage.NamedValueStore, m int64) {
			first := set(t, store, models.ValueVariable, m, "", "Repo", "")
			require.Equal(t, int64(1), first.Revision)
			require.Equal(t, "ann", first.UpdatedBy)
			require.WithinDuration(t, time.Now(), first.UpdatedAt, time.Minute)
			again := set(t, store, models.ValueVariable, m, "", "REPO", "b")
			require.Equal(t, int64(2), again.Revision)
			require.Equal(t, first.ID, again.ID)

			found, err := store.Get(models.ValueVariable, m, "", "repo")
			require.NoError(t, err)
			require.Equal(t, again, found)
			for _, missing := range []func() error{
				func() error { _, err := store.Get(models.ValueSecret, m, "", "repo"); return err },
				func() error { _, err := store.Get(models.ValueVariable, 0, "", "repo"); return err },
				func() error { _, err := store.Get(models.ValueVariable, m, "production", "repo"); return err },
				func() error { return store.Delete(models.ValueVariable, m, "production", "repo") },
			} {
				require.True(t, models.IsKind(missing(), models.KindNotFound))
			}
			require.NoError(t, store.Delete(models.ValueVariable, m, "", "rEPO"))
			_, err = store.Get(models.ValueVariable, m, "", "repo")
			require.True(t, models.IsKind(err, models.KindNotFound))
		})
	})
	t.Run("lists are in the order of names, and what applies in that of scopes", func(t *testing.T) {
		t.Parallel()
		in(t, open(t), func(store storage.NamedValueStore, m int64) {
			for _, name := range []string{"b", "A", "c"} {
				set(t, store, models.ValueVariable, 0, "", name, "1")
			}
			set(t, store, models.ValueSecret, 0, "", "A", "1")
			set(t, store, models.ValueVariable, m, "production", "A", "3")
			set(t, store, models.ValueVariable, m, "staging", "A", "4")
			set(t, store, models.ValueVariable, m, "", "A", "2")

			page, err := store.List(models.ValueVariable, 0, "", "", 2)
			require.NoError(t, err)
			require.Equal(t, []string{"variable global A", "variable global b"}, names(page))
			page, err = store.List(models.ValueVariable, 0, "", "B", 2)
			require.NoError(t, err)
			require.Equal(t, []string{"variable global c"}, names(page))

			all, err := store.Applying(m, "production")
			require.NoError(t, err)
			var values []string
			for _, v := range all {
				if v.Kind == models.ValueVariable && v.Name == "A" {
					values = append(values, v.Value)
				}
			}
			require.Equal(t, []string{"1", "2", "3"}, values)
			require.Len(t, all, 6)
			all, err = store.Applying(0, "")
			require.NoError(t, err)
			require.Len(t, all, 4)
		})
	})
	t.Run("secrets are wrapped anew, and the key has a mark", func(t *testing.T) {
		t.Parallel()
		in(t, open(t), func(store storage.NamedValueStore, m int64) {
			one, two := set(t, store, models.ValueSecret, 0, "", "a", "1"), set(t, store, models.ValueSecret, m, "e", "b", "2")
			set(t, store, models.ValueVariable, 0, "", "v", "1")
			all, err := store.Secrets(0, 10)
			require.NoError(t, err)
			require.Equal(t, []models.NamedValue{one, two}, all)
			require.NoError(t, store.Rewrap(two.ID, []byte("anew")))
			all, err = store.Secrets(one.ID, 10)
			require.NoError(t, err)
			two.DataKey = []byte("anew")
			require.Equal(t, []models.NamedValue{two}, all)

			mark, err := store.KeyMark()
			require.NoError(t, err)
			require.Nil(t, mark)
			for _, m := range []string{"x", "y"} {
				require.NoError(t, store.SetKeyMark([]byte(m)))
				mark, err = store.KeyMark()
				require.NoError(t, err)
				require.Equal(t, m, string(mark))
			}
		})
	})
	t.Run("they go with their model", func(t *testing.T) {
		t.Parallel()
		db := open(t)
		in(t, db, func(store storage.NamedValueStore, m int64) {
			set(t, store, models.ValueSecret, m, "e", "a", "1")
			set(t, store, models.ValueSecret, 0, "", "a", "1")
		})
		require.NoError(t, db.InTx(ctx, func(tx storage.Tx) error {
			m, err := tx.RegisteredModels().Get("m")
			require.NoError(t, err)
			require.NoError(t, tx.RegisteredModels().Delete(m.ID))
			left, err := tx.NamedValues().Secrets(0, 10)
			require.NoError(t, err)
			require.Len(t, left, 1)
			return nil
		}))
	})
}
