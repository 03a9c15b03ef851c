package delivery_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/deploy/deploytest"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/delivery"
)

func back(release int64) delivery.Back {
	return delivery.Back{Model: "shapes", Environment: "production", Release: release, Reason: "complaints"}
}

func TestWarmRollbackIsAChangeOfWeights(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production(atOnce)})
	one, two := h.version(serving(0)), h.version(serving(0))
	h.live("production", one)
	h.live("production", two)
	stop := h.load()
	h.mu.Lock()
	h.hold = make(chan struct{}) // the builder is down
	h.mu.Unlock()
	p, err := h.Rollback(h.who, back(0))
	require.NoError(t, err)
	require.Equal(t, models.PromotionSucceeded, p.State, "in the call itself")
	release, _ := h.post()
	require.Equal(t, "1", release)
	sent, lost := stop()
	require.Zero(t, lost, "of %d", sent)
	require.Equal(t, one, h.stable("production"))
	require.Equal(t, one, h.alias())
	held := h.status("production").Quarantine
	require.Len(t, held, 1, "what was left is quarantined")
	require.Equal(t, two, held[0].Version)
	h.gone(2)
}

func TestColdRollbackStartsTheOldReleaseFirst(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production(atOnce, func(spec *models.EnvironmentSpec) { spec.RollbackWindow = 0 })})
	one, two := h.version(serving(0)), h.version(serving(0))
	h.live("production", one)
	h.live("production", two)
	h.gone(1)
	stop := h.load()
	p, err := h.Rollback(h.who, back(0))
	require.NoError(t, err)
	require.Equal(t, models.PromotionDeploying, p.State)
	p = h.until(p.ID, models.PromotionSucceeded)
	require.EqualValues(t, 1, p.Release, "the same release, not a rebuild")
	_, lost := stop()
	require.Zero(t, lost)
	require.Equal(t, one, h.stable("production"))
	h.mu.Lock()
	defer h.mu.Unlock()
	require.Equal(t, 1, h.builds[1])
}

func TestOnlyReleasesThatSucceededAreTargets(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production()})
	h.load()
	one := h.version(serving(0))
	h.live("production", one)
	require.Equal(t, models.PromotionRolledBack, h.live("production", h.version(serving(1))).State)
	require.Equal(t, models.PromotionFailed, h.live("production", h.version(deploytest.Behaviour{Exits: "no such model"})).State)
	require.Equal(t, models.PromotionSucceeded, h.live("production", h.version(serving(0))).State)
	for _, bad := range []int64{2, 3} {
		_, err := h.Rollback(h.who, back(bad))
		require.True(t, models.IsKind(err, models.KindConflict), "release %d: %v", bad, err)
		require.ErrorContains(t, err, "there are: 1")
	}
	_, err := h.Rollback(h.who, back(99))
	require.True(t, models.IsKind(err, models.KindNotFound))
	_, err = h.Rollback(h.who, back(4))
	require.ErrorContains(t, err, "live in production already")
	p, err := h.Rollback(h.who, back(0))
	require.NoError(t, err)
	require.EqualValues(t, 1, p.Release)
	h.until(p.ID, models.PromotionSucceeded)
	_, err = h.Rollback(h.who, back(0))
	require.True(t, models.IsKind(err, models.KindConflict), "nothing was before the first: %v", err)
}

func TestRollbackTakesARolloutBack(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production()})
	one := h.version(serving(0))
	h.live("production", one)
	id := h.promote("production", h.version(serving(0))).ID
	h.until(id, models.PromotionShifting, models.PromotionPaused)
	p, err := h.Rollback(h.who, back(0))
	require.NoError(t, err)
	require.Equal(t, id, p.ID)
	require.Equal(t, models.PromotionRolledBack, p.State)
	require.Equal(t, "rolled back by ada: complaints", p.Reason)
	require.Equal(t, one, h.stable("production"))
}

func TestNothingToRollBack(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production()})
	_, err := h.Rollback(h.who, back(0))
	require.True(t, models.IsKind(err, models.KindNotFound), "%v", err)
	h.live("production", h.version(serving(0)))
	_, err = h.Rollback(h.who, back(0))
	require.True(t, models.IsKind(err, models.KindConflict), "%v", err)
}

func TestReleaseRetiresWhenItsWarmTimeIsOver(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production(atOnce, func(spec *models.EnvironmentSpec) {
		spec.RollbackWindow = 200 * time.Millisecond
	})})
	h.live("production", h.version(serving(0)))
	h.live("production", h.version(serving(0)))
	h.gone(1)
	list, err := h.Releases(t.Context(), "shapes", "production", 0, 10)
	require.NoError(t, err)
	require.Equal(t, models.ReleaseRetired, list[1].State)
	require.NotNil(t, list[1].RetiredAt)
}
