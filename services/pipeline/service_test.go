package pipeline_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/pipeline"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/sqlstore"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
)

func TestApplyKeepsEnvironmentsThatServe(t *testing.T) {
	t.Parallel()
	db, err := sqlstore.Open(t.Context(), postgres.OrSQLite(t, t.TempDir()), sqlstore.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	s := &pipeline.Service{DB: db, Grammar: grammar(t)}
	two := "model: m\nenvironments:\n  a: {target: process, gates: []}\n  b: {target: process, gates: []}\n"
	one := "model: m\nenvironments:\n  a: {target: process, gates: []}\n"
	_, err = s.Apply(t.Context(), "m", []byte(two), "")
	require.NoError(t, err)
	require.NoError(t, db.InTx(t.Context(), func(tx storage.Tx) error {
		m, err := tx.RegisteredModels().Get("m")
		require.NoError(t, err)
		v, err := tx.Versions().Create(models.Version{ModelID: m.ID, Source: "x"})
		require.NoError(t, err)
		e, err := tx.Environments().Ensure(m.ID, "b")
		require.NoError(t, err)
		p, err := tx.Promotions().Create(models.Promotion{EnvironmentID: e.ID, VersionID: v.ID, State: models.PromotionSucceeded})
		require.NoError(t, err)
		r, err := tx.Releases().Create(models.Release{EnvironmentID: e.ID, VersionID: v.ID, PromotionID: p.ID, ReleaseLife: models.ReleaseLife{State: models.ReleaseLive}})
		require.NoError(t, err)
		return tx.Environments().SetStable(e.ID, r.ID)
	}))
	_, err = s.Apply(t.Context(), "m", []byte(one), "")
	require.True(t, models.IsKind(err, models.KindConflict), "%v", err)
	require.ErrorContains(t, err, `"b", where release 1 (version 1) is live`)
	_, err = s.Apply(t.Context(), "m", []byte(two+"  c: {target: process, gates: []}\n"), "")
	require.NoError(t, err)
}

func TestApplyKeepsRevisions(t *testing.T) {
	t.Parallel()
	db, err := sqlstore.Open(t.Context(), postgres.OrSQLite(t, t.TempDir()), sqlstore.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	s := &pipeline.Service{DB: db, Grammar: grammar(t)}
	ctx := t.Context()

	first, err := s.Apply(ctx, "shapes-detector", full(t), "")
	require.NoError(t, err)
	require.EqualValues(t, 1, first.Number)
	same, err := s.Apply(ctx, "shapes-detector", full(t), "application/yaml")
	require.NoError(t, err)
	require.Equal(t, first.ID, same.ID, "the same document is the same revision")

	second, err := s.Apply(ctx, "shapes-detector", []byte(`{"model": "shapes-detector"}`), "text/plain")
	require.NoError(t, err)
	require.EqualValues(t, 2, second.Number)
	require.Equal(t, pipeline.JSON, second.MediaType)
	third, err := s.Apply(ctx, "shapes-detector", full(t), "")
	require.NoError(t, err)
	require.EqualValues(t, 3, third.Number, "an earlier document applied again is the newest revision")

	current, err := s.Get(ctx, "shapes-detector", 0)
	require.NoError(t, err)
	require.Equal(t, third.ID, current.ID)
	require.Equal(t, full(t), current.Document)
	require.Equal(t, first.Pipeline, current.Pipeline)
	old, err := s.Get(ctx, "shapes-detector", 2)
	require.NoError(t, err)
	require.Equal(t, second.ID, old.ID)
	page, err := s.Revisions(ctx, "shapes-detector", 3, 10)
	require.NoError(t, err)
	require.Len(t, page, 2)
	require.EqualValues(t, 2, page[0].Number)

	_, err = s.Apply(ctx, "other", full(t), "")
	require.ErrorContains(t, err, `for "shapes-detector" and was sent to "other"`)
	_, err = s.Apply(ctx, "shapes-detector", []byte("model: shapes-detector\nstages: {}"), "")
	var refused *models.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "stages", refused.Details[0].Field)
	require.Contains(t, refused.Message, "line 2, column 1")
	_, err = s.Get(ctx, "shapes-detector", 9)
	require.True(t, models.IsKind(err, models.KindNotFound))
	_, err = s.Get(ctx, "nobody", 0)
	require.True(t, models.IsKind(err, models.KindNotFound))
}
