package sqlstore_test

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/sqlstore"
)

func registryDB(t *testing.T) *sqlstore.DB {
	t.Helper()
	db, err := sqlstore.Open(t.Context(), "sqlite:///"+filepath.Join(t.TempDir(), "slipway.db"), sqlstore.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// inTx runs fn on a goroutine of its own, so that a failed require does not
// take the database's writer with it.
func inTx(t *testing.T, db storage.DB, fn func(tx storage.Tx) error) {
	t.Helper()
	require.NoError(t, db.InTx(t.Context(), func(tx storage.Tx) error {
		err := errors.New("a requirement failed")
		done := make(chan struct{})
		go func() {
			defer close(done)
			err = fn(tx)
		}()
		<-done
		return err
	}))
}

func newModel(t *testing.T, db storage.DB, name string) (m models.RegisteredModel) {
	t.Helper()
	inTx(t, db, func(tx storage.Tx) (err error) {
		m, err = tx.RegisteredModels().Create(models.RegisteredModel{Name: name, Tags: map[string]string{"a": "1"}})
		return err
	})
	return m
}

func newVersion(t *testing.T, db storage.DB, m models.RegisteredModel) (v models.Version) {
	t.Helper()
	inTx(t, db, func(tx storage.Tx) (err error) {
		v, err = tx.Versions().Create(models.Version{ModelID: m.ID, Model: m.Name, Source: "s3://b/x", Tags: map[string]string{"k": "v"}})
		return err
	})
	return v
}

func TestVersionNumbersAreGivenOnce(t *testing.T) {
	t.Parallel()
	db := registryDB(t)
	m := newModel(t, db, "m")
	var wg sync.WaitGroup
	numbers := make([]int64, 20)
	for i := range numbers {
		wg.Go(func() {
			err := db.InTx(t.Context(), func(tx storage.Tx) error {
				v, err := tx.Versions().Create(models.Version{ModelID: m.ID, Model: "m"})
				numbers[i] = v.Number
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	want := make([]int64, 20)
	for i := range want {
		want[i] = int64(i + 1)
	}
	require.ElementsMatch(t, want, numbers)

	inTx(t, db, func(tx storage.Tx) error {
		v, err := tx.Versions().ByNumber("m", 20)
		require.NoError(t, err)
		require.NoError(t, tx.RegisteredModels().SetAlias(m.ID, "champion", 20))
		require.NoError(t, tx.Versions().Delete(v.ID))
		_, err = tx.Versions().ByNumber("m", 20)
		require.True(t, models.IsKind(err, models.KindNotFound))
		_, err = tx.Versions().Get(v.ID)
		require.True(t, models.IsKind(err, models.KindNotFound))
		again, err := tx.RegisteredModels().Get("m")
		require.NoError(t, err)
		require.Empty(t, again.Aliases)
		require.True(t, again.Updated.After(m.Updated))
		require.True(t, models.IsKind(tx.RegisteredModels().SetAlias(m.ID, "champion", 20), models.KindNotFound))
		return nil
	})
	require.Equal(t, int64(21), newVersion(t, db, m).Number, "a deleted version's number is not given again")
}

func TestADeletedModelFreesItsName(t *testing.T) {
	t.Parallel()
	db := registryDB(t)
	m := newModel(t, db, "m")
	v := newVersion(t, db, m)
	err := db.InTx(t.Context(), func(tx storage.Tx) error {
		_, err := tx.RegisteredModels().Create(models.RegisteredModel{Name: "m"})
		return err
	})
	require.True(t, models.IsKind(err, models.KindExists), "%v", err)

	inTx(t, db, func(tx storage.Tx) error {
		require.NoError(t, tx.Manifests().Put(v.ID, []models.ManifestEntry{{Path: "MLmodel", Key: "1/MLmodel"}}))
		require.NoError(t, tx.RegisteredModels().SetAlias(m.ID, "champion", 1))
		return tx.RegisteredModels().Delete(m.ID)
	})
	require.NoError(t, db.View(t.Context(), func(tx storage.Tx) error {
		_, err := tx.RegisteredModels().Get("m")
		require.True(t, models.IsKind(err, models.KindNotFound))
		_, err = tx.RegisteredModels().ByID(m.ID)
		require.True(t, models.IsKind(err, models.KindNotFound))
		cited, err := tx.Manifests().Cited("1")
		require.NoError(t, err)
		require.Empty(t, cited)
		return nil
	}))
	again := newModel(t, db, "m")
	require.NotEqual(t, m.ID, again.ID)
	require.Equal(t, int64(1), newVersion(t, db, again).Number)
}

func TestRegisteredModelsAndVersionsChange(t *testing.T) {
	t.Parallel()
	db := registryDB(t)
	m := newModel(t, db, "m")
	newModel(t, db, "taken")
	one, two := newVersion(t, db, m), newVersion(t, db, m)
	inTx(t, db, func(tx storage.Tx) error {
		name, text, production := "n", "about", models.StageProduction
		taken := "taken"
		require.True(t, models.IsKind(tx.RegisteredModels().Update(m.ID, models.RegisteredModelUpdate{Name: &taken}), models.KindExists))
		require.NoError(t, tx.RegisteredModels().Update(m.ID, models.RegisteredModelUpdate{Name: &name, Description: &text}))
		require.NoError(t, tx.RegisteredModels().SetTag(m.ID, "a", "2"))
		require.NoError(t, tx.RegisteredModels().SetTag(m.ID, "b", ""))
		require.NoError(t, tx.RegisteredModels().DeleteTag(m.ID, "none"))
		require.NoError(t, tx.RegisteredModels().SetAlias(m.ID, "x", 1))
		require.NoError(t, tx.RegisteredModels().SetAlias(m.ID, "x", 2))
		require.NoError(t, tx.RegisteredModels().SetAlias(m.ID, "y", 2))

		require.NoError(t, tx.Versions().Update(one.ID, models.VersionUpdate{Stage: &production}))
		require.NoError(t, tx.Versions().Update(two.ID, models.VersionUpdate{Stage: &production, Description: &text}))
		latest, err := tx.Versions().Latest(m.ID)
		require.NoError(t, err)
		require.Len(t, latest, 1)
		require.Equal(t, int64(2), latest[0].Number)
		require.NoError(t, tx.Versions().Restage(m.ID, models.StageProduction, models.StageArchived, two.ID))
		require.NoError(t, tx.Versions().SetTag(one.ID, "k", "w"))
		require.NoError(t, tx.Versions().DeleteTag(two.ID, "k"))
		require.NoError(t, tx.Versions().SetFiles(two.ID, models.FilesFrozen, "d"))
		return nil
	})
	require.NoError(t, db.View(t.Context(), func(tx storage.Tx) error {
		got, err := tx.RegisteredModels().Get("n")
		require.NoError(t, err)
		require.Equal(t, "about", got.Description)
		require.Equal(t, map[string]string{"a": "2", "b": ""}, got.Tags)
		require.Equal(t, map[string]int64{"x": 2, "y": 2}, got.Aliases)
		v, err := tx.Versions().ByNumber("n", 2)
		require.NoError(t, err)
		require.Equal(t, []string{"x", "y"}, v.Aliases)
		require.Empty(t, v.Tags)
		require.Equal(t, "about", v.Description)
		require.Equal(t, models.FilesFrozen, v.Files)
		require.Equal(t, "d", v.Digest)
		latest, err := tx.Versions().Latest(m.ID, models.StageArchived)
		require.NoError(t, err)
		require.Len(t, latest, 1)
		require.Equal(t, int64(1), latest[0].Number)
		require.Equal(t, map[string]string{"k": "w"}, latest[0].Tags)
		newest, err := tx.Versions().Newest(m.ID)
		require.NoError(t, err)
		require.Equal(t, two.ID, newest.ID)
		return nil
	}))
}

func TestManifestsAndArtifacts(t *testing.T) {
	t.Parallel()
	db := registryDB(t)
	v := newVersion(t, db, newModel(t, db, "m"))
	inTx(t, db, func(tx storage.Tx) error {
		for _, key := range []string{"1/a", "1/a/x", "1/a0", "1/ab", "1/b", "2"} {
			require.NoError(t, tx.Artifacts().Put(models.Artifact{Key: key, Size: 1, SHA256: "old"}))
		}
		require.NoError(t, tx.Artifacts().Put(models.Artifact{Key: "1/a/x", Size: 2, SHA256: "new"}))
		under, err := tx.Artifacts().Under("1/a")
		require.NoError(t, err)
		require.Len(t, under, 2)
		require.Equal(t, "new", under[1].SHA256)
		require.NoError(t, tx.Artifacts().Forget("1/a"))
		under, err = tx.Artifacts().Under("1")
		require.NoError(t, err)
		require.Len(t, under, 3)

		require.NoError(t, tx.Manifests().Put(v.ID, []models.ManifestEntry{
			{Path: "b", Size: 1, SHA256: "sb", Key: "1/b"}, {Path: "a", Key: "1/a"}, {Path: "c/d", Size: 1, SHA256: "sb", Key: "1/b"},
		}))
		cited, err := tx.Manifests().Cited("1")
		require.NoError(t, err)
		require.Equal(t, []models.ManifestEntry{{Key: "1/a"}, {Key: "1/b", Size: 1, SHA256: "sb"}}, cited)
		require.NoError(t, tx.Manifests().Seal(v.ID, models.ManifestEntry{Path: "a", Size: 3, SHA256: "sa", Key: "kept/a"}))
		require.NoError(t, tx.Manifests().Seal(v.ID, models.ManifestEntry{Path: "b", SHA256: "other"}), "what has a digest keeps it")
		require.NoError(t, tx.Manifests().Move("1/b", "sb", "kept/b"))
		entries, err := tx.Manifests().Get(v.ID)
		require.NoError(t, err)
		require.Equal(t, []models.ManifestEntry{
			{Path: "a", Size: 3, SHA256: "sa", Key: "kept/a"}, {Path: "b", Size: 1, SHA256: "sb", Key: "kept/b"},
			{Path: "c/d", Size: 1, SHA256: "sb", Key: "kept/b"},
		}, entries)
		return nil
	})
}
