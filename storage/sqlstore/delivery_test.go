package sqlstore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

func TestDeliveryRowsReadBack(t *testing.T) {
	t.Parallel()
	db := registryDB(t)
	m := newModel(t, db, "shapes")
	v := newVersion(t, db, m)
	inTx(t, db, func(tx storage.Tx) error {
		env, err := tx.Environments().Ensure(m.ID, "production")
		require.NoError(t, err)
		again, err := tx.Environments().Ensure(m.ID, "production")
		require.NoError(t, err)
		require.Equal(t, env, again)
		require.Equal(t, models.Environment{ID: env.ID, ModelID: m.ID, Model: "shapes", Name: "production"}, env)

		p, err := tx.Promotions().Create(models.Promotion{
			EnvironmentID: env.ID, VersionID: v.ID, Cause: models.CauseManual, State: models.PromotionBuilding,
			Spec:  models.EnvironmentSpec{Target: "process", Rollout: models.RolloutSpec{Steps: []models.RolloutStep{{Weight: 25, Hold: time.Minute}, {Weight: 100}}}},
			Gates: []models.GateResult{{Gate: "validated", Passed: true, Reason: "validation 1 passed"}},
			Steps: []models.StepProgress{{Weight: 25, Hold: time.Minute}}, Tally: []byte(`{}`), RequestReason: "why not",
		})
		require.NoError(t, err)
		require.Equal(t, "shapes", p.Model)
		require.EqualValues(t, 1, p.Version)

		r, err := tx.Releases().Create(models.Release{
			EnvironmentID: env.ID, VersionID: v.ID, ImageDigest: "sha256:1", Target: "process", PromotionID: p.ID,
			Serving: models.ServingSpec{Replicas: 2, Timeout: time.Second}, ReleaseLife: models.ReleaseLife{State: models.ReleaseStarting, Generation: 1},
		})
		require.NoError(t, err)
		require.EqualValues(t, 1, r.Number)
		p.ReleaseID, p.Release, p.ImageDigest = r.ID, r.Number, r.ImageDigest
		p.Analysis = []models.Analysis{{Metric: models.MetricErrorRate, Verdict: models.AnalysisWorse, Estimate: 0.08}}
		require.NoError(t, tx.Promotions().Save(p))
		read, err := tx.Promotions().Get(p.ID)
		require.NoError(t, err)
		p.UpdatedAt = read.UpdatedAt
		require.Equal(t, p, read)
		active, err := tx.Promotions().Active(env.ID)
		require.NoError(t, err)
		require.Equal(t, p.ID, active.ID)

		_, err = tx.Promotions().Create(models.Promotion{EnvironmentID: env.ID, VersionID: v.ID, State: models.PromotionShifting})
		require.True(t, models.IsKind(err, models.KindConflict), "a second active rollout: %v", err)

		now, err := tx.Now()
		require.NoError(t, err)
		r.State, r.LiveAt, r.WarmUntil = models.ReleaseWarm, &now, &now
		require.NoError(t, tx.Releases().SetLife(r.ID, r.ReleaseLife))
		require.NoError(t, tx.Environments().SetStable(env.ID, r.ID))
		up, err := tx.Releases().Up()
		require.NoError(t, err)
		require.Len(t, up, 1)
		require.Equal(t, r.Serving, up[0].Serving)
		require.Equal(t, "production", up[0].Environment)
		require.Equal(t, models.ReleaseWarm, up[0].State)
		r.RetiredAt = &now
		require.NoError(t, tx.Releases().SetLife(r.ID, r.ReleaseLife))
		up, err = tx.Releases().Up()
		require.NoError(t, err)
		require.Empty(t, up)
		needing, err := tx.Releases().Needing(v.ID)
		require.NoError(t, err)
		require.Len(t, needing, 1, "a rollback could bring it back")

		require.NoError(t, tx.Environments().Quarantine(models.Quarantine{EnvironmentID: env.ID, VersionID: v.ID, PromotionID: p.ID, Reason: "worse"}))
		require.NoError(t, tx.Environments().Quarantine(models.Quarantine{EnvironmentID: env.ID, VersionID: v.ID, PromotionID: p.ID, Reason: "again"}))
		held, err := tx.Environments().Quarantined(env.ID)
		require.NoError(t, err)
		require.Len(t, held, 1)
		require.Equal(t, "worse", held[0].Reason)
		needing, err = tx.Releases().Needing(v.ID)
		require.NoError(t, err)
		require.Empty(t, needing)
		require.NoError(t, tx.Environments().Lift(env.ID, v.ID, "it was the network"))
		require.True(t, models.IsKind(tx.Environments().Lift(env.ID, v.ID, "again"), models.KindNotFound))
		return nil
	})
}
