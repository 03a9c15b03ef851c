package delivery_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
)

func TestFirstReleaseGoesLiveAfterItsSmokeTest(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production()})
	v := h.version(serving(0))
	p := h.live("production", v)
	require.Equal(t, models.PromotionSucceeded, p.State, p.Reason)
	require.Contains(t, p.Reason, "with noise")
	require.Equal(t, v, h.stable("production"))
	require.Equal(t, v, h.alias(), "the alias follows")
	release, status := h.post()
	require.Equal(t, "1", release)
	require.Equal(t, 200, status)
	require.Equal(t, []string{"promotion.requested", "promotion.gated", "promotion.started", "promotion.built", "promotion.succeeded"}, h.actions())
}

func TestGoodCanaryTakesAllTheTraffic(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production()})
	one, two := h.version(serving(0)), h.version(serving(0))
	h.live("production", one)
	stop := h.load()
	p := h.live("production", two)
	sent, lost := stop()
	require.Equal(t, models.PromotionSucceeded, p.State, p.Reason)
	require.Zero(t, lost, "of %d", sent)
	require.Equal(t, two, h.stable("production"))
	require.Equal(t, two, h.alias())
	require.Len(t, p.Steps, 3)
	for _, step := range p.Steps {
		require.NotNil(t, step.StartedAt)
		require.NotNil(t, step.EndedAt)
	}
	require.Equal(t, models.AnalysisNoWorse, p.Analysis[0].Verdict)
	warm := h.status("production").Releases[1]
	require.Equal(t, models.ReleaseWarm, warm.State)
	require.Equal(t, 1, warm.Ready)
}

func TestBadCanaryIsTakenBackAndQuarantined(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production()})
	one, two := h.version(serving(0)), h.version(serving(2))
	h.live("production", one)
	stop := h.load()
	p := h.live("production", two)
	require.Equal(t, models.PromotionRolledBack, p.State, p.Reason)
	require.Equal(t, models.AnalysisWorse, p.Analysis[0].Verdict)
	require.Greater(t, p.Analysis[0].Lower, 0.2)
	require.Contains(t, p.Reason, "the error rate is worse: ")
	require.Equal(t, one, h.stable("production"))
	_, lost := stop()
	require.Zero(t, lost)
	require.Len(t, h.status("production").Quarantine, 1)
	for range 20 {
		release, _ := h.post()
		require.Equal(t, "1", release, "good samples later change nothing")
	}
	_, err := h.Promote(h.who, request("production", two))
	require.True(t, models.IsKind(err, models.KindConflict))
	require.ErrorContains(t, err, "quarantined")
	h.validation(two, models.ValidationPassed, "")
	require.NoError(t, h.Lift(h.who, "shapes", "production", two, "the client was broken"))
	require.Equal(t, "quarantine.lifted", h.actions()[len(h.actions())-1])
	h.promote("production", two)
}
