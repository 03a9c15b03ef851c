package delivery_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/deploy/deploytest"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/delivery"
)

// continuous is a pipeline that sends each validated version all the way.
func continuous() map[string]models.EnvironmentSpec {
	return map[string]models.EnvironmentSpec{
		"staging":    production(atOnce, auto, gated("validated")),
		"production": production(atOnce, auto, gated("validated", "staging")),
	}
}

func TestValidatedVersionsGoAllTheWay(t *testing.T) {
	t.Parallel()
	h := open(t, continuous())
	one := h.version(serving(0))
	h.validation(one, models.ValidationPassed, "")
	h.runs(one)
	require.Equal(t, one, h.stable("staging"))
	two := h.version(serving(0))
	h.validation(two, models.ValidationFailed, "poor")
	three := h.version(serving(0))
	h.validation(three, models.ValidationPassed, "")
	h.runs(three)
	h.validation(one, models.ValidationPassed, "")
	for _, env := range []string{"staging", "production"} {
		list, err := h.Promotions(t.Context(), "shapes", env, 0, 10)
		require.NoError(t, err)
		require.Len(t, list, 2, "neither the poor one nor an older one again")
		require.Equal(t, models.CauseAuto, list[0].Cause)
	}
}

func TestNewerVersionStartsByItselfAfterAFailedOne(t *testing.T) {
	t.Parallel()
	h := open(t, continuous())
	one := h.version(deploytest.Behaviour{Exits: "broken"})
	h.validation(one, models.ValidationPassed, "")
	h.until(1, models.PromotionFailed)
	two := h.version(serving(0))
	h.validation(two, models.ValidationPassed, "")
	h.runs(two)
}

func TestNothingAutomaticPromotesAQuarantinedVersion(t *testing.T) {
	t.Parallel()
	h := open(t, continuous())
	one, two := h.version(serving(0)), h.version(serving(0))
	for _, v := range []int64{one, two} {
		h.validation(v, models.ValidationPassed, "")
		h.runs(v)
	}
	_, err := h.Rollback(h.who, back(0))
	require.NoError(t, err)
	h.validation(two, models.ValidationPassed, "")
	h.pipeline(continuous())
	h.again()
	three := h.version(serving(0))
	h.validation(three, models.ValidationPassed, "")
	h.runs(three) // the jobs from before it have been done by then
	list, err := h.Promotions(t.Context(), "shapes", "production", 0, 10)
	require.NoError(t, err)
	require.Len(t, list, 4, "one, two, the rollback, three")
	_, err = h.Promote(h.who, delivery.Request{Model: "shapes", Environment: "production", Version: two, Cause: models.CauseManual})
	require.True(t, models.IsKind(err, models.KindConflict))
}

func TestNewerPromotionSupersedes(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production(func(spec *models.EnvironmentSpec) {
		spec.Rollout.Steps[0].Hold = time.Hour
	})})
	one, two, three := h.version(serving(0)), h.version(serving(0)), h.version(serving(0))
	h.live("production", one)
	second := h.promote("production", two).ID
	h.until(second, models.PromotionShifting, models.PromotionPaused)
	stop := h.load()
	h.pipeline(map[string]models.EnvironmentSpec{"production": production()})
	third := h.promote("production", three).ID
	p := h.until(second, models.PromotionSuperseded, models.PromotionSucceeded)
	require.Equal(t, models.PromotionSuperseded, p.State)
	require.Zero(t, p.Weight)
	require.Equal(t, "promotion 3 of version 3 is newer", p.Reason)
	p = h.until(third, models.PromotionSucceeded)
	require.EqualValues(t, 1, p.Stable, "it started from the stable release")
	require.Equal(t, 25, p.Steps[0].Weight)
	require.NotNil(t, p.Steps[0].EndedAt, "at its first step")
	sent, lost := stop()
	require.Zero(t, lost, "of %d", sent)
	h.gone(2)
	require.Empty(t, h.status("production").Quarantine)
}

func TestRefusedPromotionDisturbsNothing(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production(gated("validated"))})
	one, two, three := h.version(serving(0)), h.version(serving(0)), h.version(serving(0))
	h.validation(one, models.ValidationPassed, "")
	h.validation(two, models.ValidationPassed, "")
	h.live("production", one)
	id := h.promote("production", two).ID
	h.until(id, models.PromotionShifting, models.PromotionPaused)
	_, err := h.Promote(h.who, request("production", three))
	require.Error(t, err)
	p, err := h.Promotion(t.Context(), id)
	require.NoError(t, err)
	require.True(t, p.State.Active())
}
