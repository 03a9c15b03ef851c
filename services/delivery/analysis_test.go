package delivery_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/delivery"
)

func TestNoTrafficHoldsTheStep(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production()})
	one, two := h.version(serving(0)), h.version(serving(0))
	h.live("production", one)
	id := h.promote("production", two).ID
	p := h.until(id, models.PromotionPaused)
	require.Empty(t, p.PausedBy, "the analysis holds it, not a person")
	require.Equal(t, models.AnalysisNotYet, p.Analysis[0].Verdict)
	require.Zero(t, p.Analysis[0].New.Requests)
	require.Contains(t, p.Reason, "0 of 0 requests failed")
	require.Equal(t, one, h.stable("production"))
	_, err := h.Resume(h.who, id, "")
	require.True(t, models.IsKind(err, models.KindConflict), "a person cannot answer for the requests: %v", err)
	h.load()
	p = h.until(id, models.PromotionSucceeded)
	require.Equal(t, 100, p.Weight)
}

func TestNoTrafficThenNoData(t *testing.T) {
	t.Parallel()
	cases := map[string]models.PromotionState{models.NoDataPromote: models.PromotionSucceeded, models.NoDataRollback: models.PromotionRolledBack}
	for noData, want := range cases {
		t.Run(noData, func(t *testing.T) {
			t.Parallel()
			h := open(t, map[string]models.EnvironmentSpec{"production": production(func(spec *models.EnvironmentSpec) {
				spec.Rollout.NoData, spec.Rollout.MaxWait = noData, 100*time.Millisecond
			})})
			h.live("production", h.version(serving(0)))
			p := h.live("production", h.version(serving(0)))
			require.Equal(t, want, p.State)
			require.Contains(t, p.Reason, "no_data says "+noData)
		})
	}
}

func TestHoldLastsByTheDatabasesClockAndThroughARestart(t *testing.T) {
	t.Parallel()
	const long = 700 * time.Millisecond
	h := open(t, map[string]models.EnvironmentSpec{"production": production(func(spec *models.EnvironmentSpec) {
		spec.Rollout.Steps = []models.RolloutStep{{Weight: 50, Hold: long}, {Weight: 100}}
	})})
	h.live("production", h.version(serving(0)))
	id := h.promote("production", h.version(serving(0))).ID
	h.until(id, models.PromotionShifting)
	stop := h.load()
	h.until(id, models.PromotionShifting)
	stop()
	h.again()
	h.load()
	p := h.until(id, models.PromotionSucceeded)
	require.GreaterOrEqual(t, p.Steps[0].EndedAt.Sub(*p.Steps[0].StartedAt), long)
}

func TestFailuresInARowNeedNoStatistics(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production(func(spec *models.EnvironmentSpec) {
		spec.Rollout.Analysis[0].Alpha = 1e-12 // beyond the reach of twenty failures
	})})
	h.live("production", h.version(serving(0)))
	h.load()
	p := h.live("production", h.version(serving(1)))
	require.Equal(t, models.PromotionRolledBack, p.State)
	require.Equal(t, models.RuleBurst, p.Analysis[0].Rule)
	require.Contains(t, p.Reason, "requests in a row")
}

func TestDeathsNeedNoStatistics(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production()})
	h.live("production", h.version(serving(0)))
	id := h.promote("production", h.version(serving(0))).ID
	h.until(id, models.PromotionShifting, models.PromotionPaused)
	h.kill(2, 3)
	p := h.until(id, models.PromotionRolledBack)
	require.Contains(t, p.Reason, "died 3 times")
	require.Len(t, h.status("production").Quarantine, 1)
}

func TestWorseActsWhileAPersonIsWaitedFor(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production()})
	h.live("production", h.version(serving(0)))
	id := h.promote("production", h.version(serving(2))).ID
	h.until(id, models.PromotionShifting, models.PromotionPaused)
	p, err := h.Pause(h.who, id, "lunch")
	require.NoError(t, err)
	require.Equal(t, "ada", p.PausedBy)
	h.load()
	h.until(id, models.PromotionRolledBack)
}

func TestPersonPausesResumesAndSkips(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production(func(spec *models.EnvironmentSpec) {
		spec.Rollout.Steps = []models.RolloutStep{{Weight: 5, Hold: time.Hour}, {Weight: 25, Hold: time.Hour}, {Weight: 100}}
	})})
	h.live("production", h.version(serving(0)))
	two := h.version(serving(0))
	id := h.promote("production", two).ID
	require.Equal(t, 5, h.until(id, models.PromotionShifting).Weight)
	h.load()
	p, err := h.Pause(h.who, id, "")
	require.NoError(t, err)
	require.Equal(t, models.PromotionPaused, p.State)
	p, err = h.Resume(h.who, id, "")
	require.NoError(t, err)
	require.Equal(t, models.PromotionShifting, p.State)
	require.Equal(t, 5, p.Weight)
	p, err = h.Skip(h.who, id, "it is fine")
	require.NoError(t, err)
	require.Equal(t, 25, p.Weight)
	require.Contains(t, p.Reason, "by ada: it is fine")
	p, err = h.Skip(h.who, id, "")
	require.NoError(t, err)
	require.Equal(t, models.PromotionSucceeded, p.State)
	require.Equal(t, two, h.stable("production"))
	_, err = h.Pause(h.who, id, "")
	require.True(t, models.IsKind(err, models.KindConflict))
	require.ErrorContains(t, err, "promotion 2 is succeeded: it cannot be paused any more")
	var steps int
	for _, a := range h.actions() {
		if a == "promotion.shifted" {
			steps++
		}
	}
	require.Equal(t, 2, steps)
}

func TestCancelGivesEverythingBack(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production()})
	one, two := h.version(serving(0)), h.version(serving(0))
	h.live("production", one)
	id := h.promote("production", two).ID
	h.until(id, models.PromotionShifting, models.PromotionPaused)
	p, err := h.Cancel(h.who, id, "wrong one")
	require.NoError(t, err)
	require.Equal(t, models.PromotionCancelled, p.State)
	require.Zero(t, p.Weight)
	require.Equal(t, one, h.stable("production"))
	require.Empty(t, h.status("production").Quarantine, "it was not found bad")
	h.gone(2)
	retried, err := h.Retry(h.who, id, "")
	require.NoError(t, err)
	require.NotEqual(t, id, retried.ID)
	require.Equal(t, two, retried.Version)
}

func TestForecastIsTold(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production()})
	h.live("production", h.version(serving(0)))
	for range 60 {
		h.post()
	}
	id := h.promote("production", h.version(serving(0))).ID
	p := h.until(id, models.PromotionPaused)
	require.Greater(t, p.Steps[0].Expected, time.Second, "at one request a second")
	require.Less(t, p.Steps[0].Expected, 5*time.Minute)
	_, err := h.Rollback(h.who, delivery.Back{Model: "shapes", Environment: "production"})
	require.NoError(t, err)
}
