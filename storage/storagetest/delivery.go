package storagetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// Delivery tries what the stores of environments, releases and promotions
// promise.
func Delivery(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, storage.DB){
		"a promotion reads back as it was written":     promotionReadsBack,
		"one rollout at a time moves an environment":   oneRollout,
		"a release's life changes, the release cannot": releaseLives,
		"a quarantine holds until it is lifted":        quarantines,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// delivered is an environment with a promotion under way and its release.
type delivered struct {
	model     models.RegisteredModel
	version   models.Version
	env       models.Environment
	promotion models.Promotion
	release   models.Release
}

func deliver(t *testing.T, db storage.DB) (d delivered) {
	t.Helper()
	d.model = newModel(t, db, "shapes")
	d.version = newVersion(t, db, d.model)
	write(t, db, func(tx storage.Tx) {
		var err error
		d.env, err = tx.Environments().Ensure(d.model.ID, "production")
		require.NoError(t, err)
		again, err := tx.Environments().Ensure(d.model.ID, "production")
		require.NoError(t, err)
		require.Equal(t, d.env, again)
		d.promotion, err = tx.Promotions().Create(models.Promotion{
			EnvironmentID: d.env.ID, VersionID: d.version.ID, Cause: models.CauseManual, State: models.PromotionBuilding,
			Spec: models.EnvironmentSpec{Target: "process", Rollout: models.RolloutSpec{
				Steps: []models.RolloutStep{{Weight: 25, Hold: time.Minute}, {Weight: 100}},
			}},
			Gates: []models.GateResult{{Gate: "validated", Passed: true, Reason: "validation 1 passed"}},
			Steps: []models.StepProgress{{Weight: 25, Hold: time.Minute}}, Tally: []byte(`{}`), RequestReason: "why not",
		})
		require.NoError(t, err)
		d.release, err = tx.Releases().Create(models.Release{
			EnvironmentID: d.env.ID, VersionID: d.version.ID, ImageDigest: "sha256:1", Target: "process", PromotionID: d.promotion.ID,
			Serving:     models.ServingSpec{Replicas: 2, Timeout: time.Second},
			ReleaseLife: models.ReleaseLife{State: models.ReleaseStarting, Generation: 1},
		})
		require.NoError(t, err)
	})
	return d
}

func promotionReadsBack(t *testing.T, db storage.DB) {
	t.Helper()
	d := deliver(t, db)
	p := d.promotion
	require.Equal(t, "shapes", p.Model)
	require.Equal(t, "production", p.Environment)
	require.EqualValues(t, 1, p.Version)
	p.ReleaseID, p.Release, p.ImageDigest = d.release.ID, d.release.Number, d.release.ImageDigest
	p.Analysis = []models.Analysis{{Metric: models.MetricErrorRate, Verdict: models.AnalysisWorse, Estimate: 0.08}}
	write(t, db, func(tx storage.Tx) {
		require.NoError(t, tx.Promotions().Save(p))
		read, err := tx.Promotions().Lock(p.ID)
		require.NoError(t, err)
		p.UpdatedAt = read.UpdatedAt
		require.Equal(t, p, read)
		list, err := tx.Promotions().List(models.PromotionFilter{EnvironmentID: d.env.ID, Unfinished: true, Limit: 10})
		require.NoError(t, err)
		require.Equal(t, []models.Promotion{p}, list)
		active, err := tx.Promotions().Active(d.env.ID)
		require.NoError(t, err)
		require.Equal(t, p.ID, active.ID)
		now, err := tx.Now()
		require.NoError(t, err)
		p.State, p.EndedAt = models.PromotionFailed, &now
		require.NoError(t, tx.Promotions().Save(p))
		_, err = tx.Promotions().Active(d.env.ID)
		require.True(t, models.IsKind(err, models.KindNotFound))
		list, err = tx.Promotions().List(models.PromotionFilter{EnvironmentID: d.env.ID, Unfinished: true, Limit: 10})
		require.NoError(t, err)
		require.Empty(t, list)
		_, err = tx.Promotions().Get(99)
		require.True(t, models.IsKind(err, models.KindNotFound))
	})
}

func oneRollout(t *testing.T, db storage.DB) {
	t.Helper()
	d := deliver(t, db)
	var waiting models.Promotion
	write(t, db, func(tx storage.Tx) {
		var err error
		waiting, err = tx.Promotions().Create(models.Promotion{EnvironmentID: d.env.ID, VersionID: d.version.ID, State: models.PromotionGated})
		require.NoError(t, err, "one that waits moves nothing")
	})
	err := db.InTx(t.Context(), func(tx storage.Tx) error {
		waiting.State = models.PromotionShifting
		return tx.Promotions().Save(waiting)
	})
	require.True(t, models.IsKind(err, models.KindConflict), "%v", err)
}

func releaseLives(t *testing.T, db storage.DB) {
	t.Helper()
	d := deliver(t, db)
	r := d.release
	require.EqualValues(t, 1, r.Number)
	write(t, db, func(tx storage.Tx) {
		now, err := tx.Now()
		require.NoError(t, err)
		r.State, r.LiveAt, r.WarmUntil = models.ReleaseWarm, &now, &now
		require.NoError(t, tx.Releases().SetLife(r.ID, r.ReleaseLife))
		require.NoError(t, tx.Environments().SetStable(d.env.ID, r.ID))
		env, err := tx.Environments().Get(d.env.ID)
		require.NoError(t, err)
		require.Equal(t, r.ID, env.Stable)
		up, err := tx.Releases().Up()
		require.NoError(t, err)
		require.Len(t, up, 1)
		require.Equal(t, r.Serving, up[0].Serving)
		require.Equal(t, "production", up[0].Environment)
		require.Equal(t, r.ReleaseLife, up[0].ReleaseLife)
		r.RetiredAt = &now
		require.NoError(t, tx.Releases().SetLife(r.ID, r.ReleaseLife))
		up, err = tx.Releases().Up()
		require.NoError(t, err)
		require.Empty(t, up)
		read, err := tx.Releases().ByNumber(d.env.ID, 1)
		require.NoError(t, err)
		require.Equal(t, r.ID, read.ID)
		list, err := tx.Releases().List(d.env.ID, 2, 10)
		require.NoError(t, err)
		require.Len(t, list, 1)
		list, err = tx.Releases().List(d.env.ID, 1, 10)
		require.NoError(t, err)
		require.Empty(t, list)
		needing, err := tx.Releases().Needing(d.version.ID)
		require.NoError(t, err)
		require.Len(t, needing, 1, "a rollback could bring it back")
	})
}

func quarantines(t *testing.T, db storage.DB) {
	t.Helper()
	d := deliver(t, db)
	write(t, db, func(tx storage.Tx) {
		q := models.Quarantine{EnvironmentID: d.env.ID, VersionID: d.version.ID, PromotionID: d.promotion.ID, Reason: "worse"}
		require.NoError(t, tx.Environments().Quarantine(q))
		q.Reason = "again"
		require.NoError(t, tx.Environments().Quarantine(q))
		held, err := tx.Environments().Quarantined(d.env.ID)
		require.NoError(t, err)
		require.Len(t, held, 1)
		require.Equal(t, "worse", held[0].Reason)
		require.NoError(t, tx.Environments().Lift(d.env.ID, d.version.ID, "it was the network"))
		require.True(t, models.IsKind(tx.Environments().Lift(d.env.ID, d.version.ID, "again"), models.KindNotFound))
		require.NoError(t, tx.Environments().Quarantine(q), "it may be taken back another time")
	})
}
