package delivery_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/deploy/deploytest"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/delivery"
	"github.com/slipway-ml/slipway/storage"
)

func TestGates(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		gate    string
		prepare func(h *harbour, version int64)
		no      string // "" where the gate says yes
	}{
		"a version that was never validated":   {"validated", func(*harbour, int64) {}, "was never validated"},
		"a validation that runs is no pass":    {"validated", func(h *harbour, v int64) { h.validation(v, models.ValidationRunning, "") }, "still being validated"},
		"a failed validation tells its figure": {"validated", func(h *harbour, v int64) { h.validation(v, models.ValidationFailed, "map50 0.41, wanted >= 0.80") }, "map50 0.41"},
		"an errored validation is no pass":     {"validated", func(h *harbour, v int64) { h.validation(v, models.ValidationErrored, "no runtime") }, "errored: no runtime"},
		"the newest validation counts": {"validated", func(h *harbour, v int64) {
			h.validation(v, models.ValidationPassed, "")
			h.validation(v, models.ValidationFailed, "drifted")
		}, "drifted"},
		"a passed validation is a pass":       {"validated", func(h *harbour, v int64) { h.validation(v, models.ValidationPassed, "") }, ""},
		"a version that was never in staging": {"staging", func(*harbour, int64) {}, "was not live in staging yet"},
		"another version in staging is none": {"staging", func(h *harbour, _ int64) {
			h.live("staging", h.version(serving(0)))
		}, "was not live in staging yet"},
		"a version that failed in staging": {"staging", func(h *harbour, v int64) {
			h.images[digest(v)] = deploytest.Behaviour{Exits: "broken"}
			h.live("staging", v)
		}, "was not live in staging yet"},
		"a version that was rolled back in staging": {"staging", func(h *harbour, v int64) {
			h.live("staging", h.version(serving(0)))
			h.live("staging", v)
			b := back(0)
			b.Environment = "staging"
			_, err := h.Rollback(h.who, b)
			require.NoError(h.t, err)
		}, "quarantined in staging"},
		"a version that went through staging, gone by now": {"staging", func(h *harbour, v int64) {
			h.live("staging", v)
			h.live("staging", h.version(serving(0)))
		}, ""},
		"a gate that nobody knows is a no": {"astrology", func(*harbour, int64) {}, "nobody knows this gate"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, map[string]models.EnvironmentSpec{"staging": production(atOnce), "production": production(gated(c.gate))})
			v := h.version(serving(0))
			c.prepare(h, v)
			p, err := h.Promote(h.who, request("production", v))
			if c.no == "" {
				require.NoError(t, err)
				h.until(p.ID, models.PromotionSucceeded)
				return
			}
			require.True(t, models.IsKind(err, models.KindConflict), "%v", err)
			require.ErrorContains(t, err, c.no)
			require.Equal(t, models.PromotionRefused, p.State)
			require.Contains(t, h.actions(), "promotion.refused", "the refusal is kept although the caller got an error")
			require.Equal(t, 1, h.ended(models.PromotionRefused))
		})
	}
}

func TestGatesAreAskedAgainWhenShiftingStarts(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production(gated("validated"))})
	one, two := h.version(serving(0)), h.version(serving(0))
	h.validation(one, models.ValidationPassed, "")
	h.validation(two, models.ValidationPassed, "")
	h.live("production", one)
	h.mu.Lock()
	h.hold = make(chan struct{})
	h.mu.Unlock()
	id := h.promote("production", two).ID
	h.until(id, models.PromotionBuilding)
	h.validation(two, models.ValidationFailed, "a label was wrong")
	close(h.hold)
	p := h.until(id, models.PromotionRefused)
	require.Contains(t, p.Reason, "a label was wrong")
	require.False(t, p.Gates[0].Passed)
	require.Equal(t, one, h.stable("production"))
	h.gone(2)
}

func TestRequestsThatCannotBe(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production()})
	v := h.version(serving(0))
	ask := request("nowhere", v)
	_, err := h.Promote(h.who, ask)
	require.True(t, models.IsKind(err, models.KindNotFound))
	require.ErrorContains(t, err, "it has: production")
	ask = request("production", 99)
	_, err = h.Promote(h.who, ask)
	require.True(t, models.IsKind(err, models.KindNotFound))
	ask.Model = "nothing"
	_, err = h.Promote(h.who, ask)
	require.True(t, models.IsKind(err, models.KindNotFound))
	ask = request("production", 0)
	ask.Alias = "candidate"
	_, err = h.Promote(h.who, ask)
	require.True(t, models.IsKind(err, models.KindNotFound))
	h.live("production", v)
}

func TestAskingForWhatIsLiveGivesItsPromotion(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production()})
	first := h.live("production", h.version(serving(0)))
	again, err := h.Promote(h.who, request("production", 1))
	require.NoError(t, err, "a CI job that runs again succeeds again")
	require.Equal(t, first.ID, again.ID)
	require.Equal(t, models.PromotionSucceeded, again.State)
}

func TestAPromotionThatCannotGoOnFails(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production()})
	h.hold = make(chan struct{})
	v := h.version(serving(0))
	id := h.promote("production", v).ID
	h.tx(func(tx storage.Tx) error {
		found, err := tx.Versions().ByNumber("shapes", v)
		require.NoError(t, err)
		return tx.Versions().Delete(found.ID)
	})
	close(h.hold)
	p := h.until(id, models.PromotionFailed)
	require.Contains(t, p.Reason, "could not go on")
	h.gone(1)
}

func TestWhatARollbackSupersedesIsCounted(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production(atOnce)})
	for range 3 {
		h.live("production", h.version(serving(0)))
	}
	h.hold = make(chan struct{})
	defer close(h.hold)
	h.promote("production", h.version(serving(0)))
	require.Eventually(t, func() bool { h.mu.Lock(); defer h.mu.Unlock(); return h.builds[4] > 0 }, waitFor, pollEach)
	_, err := h.Rollback(h.who, delivery.Back{Model: "shapes", Environment: "production", Release: 1})
	require.NoError(t, err)
	require.Equal(t, 1, h.ended(models.PromotionSuperseded))
}

func TestAskingAgainJoinsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production()})
	h.hold = make(chan struct{})
	v := h.version(serving(0))
	first := h.promote("production", v)
	require.Equal(t, first.ID, h.promote("production", v).ID)
	close(h.hold)
	h.until(first.ID, models.PromotionSucceeded)
}

func TestAliasAsksForAPromotion(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{
		"production": production(gated("validated")), "frozen": production(func(spec *models.EnvironmentSpec) { spec.OnAlias = models.AliasRefuse }),
	})
	v := h.version(serving(0))
	handled, err := h.AliasRequested(h.who, "shapes", "candidate", v)
	require.NoError(t, err)
	require.False(t, handled, "no environment of that name: plain MLflow")
	_, err = h.AliasRequested(h.who, "shapes", "production", v+1)
	require.True(t, models.IsKind(err, models.KindNotFound), "no such version: %v", err)
	_, err = h.AliasRequested(h.who, "shapes", "production", v)
	require.True(t, models.IsKind(err, models.KindConflict), "a gate says no already: %v", err)
	_, err = h.AliasRequested(h.who, "shapes", "frozen", v)
	require.True(t, models.IsKind(err, models.KindConflict))
	require.ErrorContains(t, err, "slipway promote shapes 1 --env frozen")
	h.validation(v, models.ValidationPassed, "")
	handled, err = h.AliasRequested(h.who, "shapes", "production", v)
	require.NoError(t, err)
	require.True(t, handled)
	require.Eventually(t, func() bool { return h.alias() == v }, waitFor, pollEach)
	handled, err = h.AliasRequested(h.who, "shapes", "production", v)
	require.NoError(t, err, "it is there already")
	require.True(t, handled)
}
