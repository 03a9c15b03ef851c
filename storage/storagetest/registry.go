package storagetest

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// Registry tries what the stores of registered models, versions, manifests and
// artifacts promise.
func Registry(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, storage.DB){
		"a version's number is given once":        numbers,
		"a deleted model frees its name":          freedNames,
		"models and versions change":              changes,
		"manifests keep bytes, artifacts digests": manifests,
		"searches find models and versions":       registrySearches,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func newModel(t *testing.T, db storage.DB, name string) (m models.RegisteredModel) {
	t.Helper()
	write(t, db, func(tx storage.Tx) {
		var err error
		m, err = tx.RegisteredModels().Create(models.RegisteredModel{Name: name, Tags: map[string]string{"a": "1"}})
		require.NoError(t, err)
	})
	return m
}

func newVersion(t *testing.T, db storage.DB, m models.RegisteredModel) (v models.Version) {
	t.Helper()
	write(t, db, func(tx storage.Tx) {
		var err error
		v, err = tx.Versions().Create(models.Version{ModelID: m.ID, Model: m.Name, Source: "s3://b/x", Tags: map[string]string{"k": "v"}})
		require.NoError(t, err)
	})
	return v
}

func numbers(t *testing.T, db storage.DB) {
	t.Helper()
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

	write(t, db, func(tx storage.Tx) {
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
	})
	require.Equal(t, int64(21), newVersion(t, db, m).Number, "a deleted version's number is not given again")
}

func freedNames(t *testing.T, db storage.DB) {
	t.Helper()
	m := newModel(t, db, "m")
	v := newVersion(t, db, m)
	err := db.InTx(t.Context(), func(tx storage.Tx) error {
		_, err := tx.RegisteredModels().Create(models.RegisteredModel{Name: "m"})
		return err
	})
	require.True(t, models.IsKind(err, models.KindExists), "%v", err)

	write(t, db, func(tx storage.Tx) {
		require.NoError(t, tx.Manifests().Put(v.ID, []models.ManifestEntry{{Path: "MLmodel", Key: "1/MLmodel"}}))
		require.NoError(t, tx.RegisteredModels().SetAlias(m.ID, "champion", 1))
		require.NoError(t, tx.RegisteredModels().Delete(m.ID))
	})
	view(t, db, func(tx storage.Tx) {
		_, err := tx.RegisteredModels().Get("m")
		require.True(t, models.IsKind(err, models.KindNotFound))
		_, err = tx.RegisteredModels().ByID(m.ID)
		require.True(t, models.IsKind(err, models.KindNotFound))
		cited, err := tx.Manifests().Cited("1")
		require.NoError(t, err)
		require.Empty(t, cited)
	})
	again := newModel(t, db, "m")
	require.NotEqual(t, m.ID, again.ID)
	require.Equal(t, int64(1), newVersion(t, db, again).Number)
}

func changes(t *testing.T, db storage.DB) {
	t.Helper()
	m := newModel(t, db, "m")
	newModel(t, db, "taken")
	one, two := newVersion(t, db, m), newVersion(t, db, m)
	taken := "taken"
	err := db.InTx(t.Context(), func(tx storage.Tx) error {
		return tx.RegisteredModels().Update(m.ID, models.RegisteredModelUpdate{Name: &taken})
	})
	require.True(t, models.IsKind(err, models.KindExists), "%v", err)
	write(t, db, func(tx storage.Tx) {
		name, text, production := "n", "about", models.StageProduction
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
	})
	view(t, db, func(tx storage.Tx) {
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
	})
}

func manifests(t *testing.T, db storage.DB) {
	t.Helper()
	v := newVersion(t, db, newModel(t, db, "m"))
	write(t, db, func(tx storage.Tx) {
		for _, key := range []string{"1/a", "1/a/x", "1/a0", "1/ab", "1/b", "2"} {
			require.NoError(t, tx.Artifacts().Put(models.Artifact{Key: key, Size: 1, SHA256: "old"}))
		}
		require.NoError(t, tx.Artifacts().Put(models.Artifact{Key: "1/a/x", Size: 2, SHA256: "new"}))
		under, err := tx.Artifacts().Under("1/a")
		require.NoError(t, err)
		require.Len(t, under, 2)
		require.Equal(t, "new", under[1].SHA256)
		var pages []string
		for after := ""; ; after = pages[len(pages)-1] {
			page, err := tx.Artifacts().Page("1", after, 2)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page), 2)
			if len(page) == 0 {
				break
			}
			for _, a := range page {
				pages = append(pages, a.Key)
			}
		}
		require.Equal(t, []string{"1/a", "1/a/x", "1/a0", "1/ab", "1/b"}, pages)
		require.NoError(t, tx.Artifacts().ForgetKeys([]string{"1/ab", "1/a0", "none"}))
		require.NoError(t, tx.Artifacts().ForgetKeys(nil))
		require.NoError(t, tx.Artifacts().Forget("1/a"))
		under, err = tx.Artifacts().Under("1")
		require.NoError(t, err)
		require.Len(t, under, 1)

		now, err := tx.Now()
		require.NoError(t, err)
		for key, valid := range map[string]time.Duration{"1/b": time.Hour, "1/over": -time.Hour, "3/b": time.Hour} {
			require.NoError(t, tx.Artifacts().AllowUpload(key, now.Add(valid)))
		}
		require.NoError(t, tx.Artifacts().AllowUpload("1/b", now.Add(time.Minute)), "the longer one holds")
		writable, err := tx.Artifacts().Writable("1")
		require.NoError(t, err)
		require.Equal(t, map[string]bool{"1/b": true}, writable)
		under, err = tx.Artifacts().Under("1/b")
		require.NoError(t, err)
		require.Empty(t, under, "what was recorded of it is no more")

		require.NoError(t, tx.Manifests().Put(v.ID, []models.ManifestEntry{
			{Path: "b", Size: 1, SHA256: "sb", Key: "1/b"}, {Path: "a", Key: "1/a"}, {Path: "c/d", Size: 1, SHA256: "sb", Key: "1/b"},
		}))
		cited, err := tx.Manifests().Cited("1")
		require.NoError(t, err)
		require.Equal(t, []models.ManifestEntry{{Key: "1/a"}, {Key: "1/b", Size: 1, SHA256: "sb"}}, cited)
		require.NoError(t, tx.Manifests().Seal(v.ID, "2/a", models.ManifestEntry{Path: "a", SHA256: "other"}), "its bytes have been moved")
		require.NoError(t, tx.Manifests().Seal(v.ID, "1/a", models.ManifestEntry{Path: "a", Size: 3, SHA256: "sa", Key: "kept/a"}))
		require.NoError(t, tx.Manifests().Seal(v.ID, "1/b", models.ManifestEntry{Path: "b", SHA256: "other"}), "what has a digest keeps it")
		require.NoError(t, tx.Manifests().Move("1/b", "sb", "kept/b"))
		entries, err := tx.Manifests().Get(v.ID)
		require.NoError(t, err)
		require.Equal(t, []models.ManifestEntry{
			{Path: "a", Size: 3, SHA256: "sa", Key: "kept/a"},
			{Path: "b", Size: 1, SHA256: "sb", Key: "kept/b"},
			{Path: "c/d", Size: 1, SHA256: "sb", Key: "kept/b"},
		}, entries)
	})
}

func registrySearches(t *testing.T, db storage.DB) {
	t.Helper()
	for _, name := range []string{"b", "a", "C", "模"} {
		m := newModel(t, db, name)
		newVersion(t, db, m)
		newVersion(t, db, m)
	}
	write(t, db, func(tx storage.Tx) {
		v, err := tx.Versions().ByNumber("b", 1)
		require.NoError(t, err)
		require.NoError(t, tx.Versions().SetTag(v.ID, "k", "other"))
		gone, err := tx.RegisteredModels().Get("C")
		require.NoError(t, err)
		require.NoError(t, tx.RegisteredModels().Delete(gone.ID))
	})
	attribute := func(key string, op models.Op, text string) models.Condition {
		return models.Condition{Entity: models.EntityAttribute, Key: key, Op: op, Text: text}
	}
	tag := models.Condition{Entity: models.EntityTag, Key: "k", Op: models.OpNotEqual, Text: "v"}
	view(t, db, func(tx storage.Tx) {
		for _, c := range []struct {
			query models.Search
			want  []string
		}{
			{models.Search{}, []string{"a", "b", "模"}},
			{models.Search{Offset: 1, Limit: 1}, []string{"b"}},
			{models.Search{Filter: []models.Condition{attribute("name", models.OpLike, "A")}}, nil},
			{models.Search{Filter: []models.Condition{attribute("name", models.OpILike, "A")}}, []string{"a"}},
			{models.Search{Order: []models.Order{{Entity: models.EntityAttribute, Key: "name", Desc: true}}}, []string{"模", "b", "a"}},
			{models.Search{Filter: []models.Condition{{Entity: models.EntityTag, Key: "a", Op: models.OpIsNull}}}, nil},
		} {
			if c.query.Limit == 0 {
				c.query.Limit = 10
			}
			found, _, err := tx.RegisteredModels().Search(c.query)
			require.NoError(t, err)
			var names []string
			for _, m := range found {
				names = append(names, m.Name)
			}
			require.Equal(t, c.want, names)
		}
		for _, c := range []struct {
			query models.Search
			want  []string
		}{
			{models.Search{}, []string{"模/2", "模/1", "a/2", "a/1", "b/2", "b/1"}},
			{models.Search{Filter: []models.Condition{attribute("name", models.OpEqual, "b")}}, []string{"b/2", "b/1"}},
			{models.Search{Filter: []models.Condition{tag}}, []string{"b/1"}},
			{models.Search{Filter: []models.Condition{{Entity: models.EntityAttribute, Key: "name", Op: models.OpIn, List: []string{"a", "C"}}}}, []string{"a/2", "a/1"}},
			{models.Search{
				Filter: []models.Condition{{Entity: models.EntityAttribute, Key: "version_number", Op: models.OpLess, Number: 2, Numeric: true}},
				Order:  []models.Order{{Entity: models.EntityAttribute, Key: "name"}},
			}, []string{"a/1", "b/1", "模/1"}},
		} {
			c.query.Limit = 10
			found, _, err := tx.Versions().Search(c.query)
			require.NoError(t, err)
			var refs []string
			for _, v := range found {
				refs = append(refs, v.Ref())
			}
			require.Equal(t, c.want, refs)
		}
	})
}
