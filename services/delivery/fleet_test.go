package delivery_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/deploy/deploytest"
	"github.com/slipway-ml/slipway/models"
)

func TestReleaseThatNeverComesUp(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		behaviour deploytest.Behaviour
		reason    string
	}{
		"it never answers":           {deploytest.Behaviour{}, "not ready within"},
		"it exits, and says why":     {deploytest.Behaviour{Exits: "MODEL_LOAD_FAILED: not an ONNX file"}, "MODEL_LOAD_FAILED: not an ONNX file"},
		"it fails on the smoke test": {failing(), "the smoke test failed"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, map[string]models.EnvironmentSpec{"production": production()})
			one := h.version(serving(0))
			h.live("production", one)
			p := h.live("production", h.version(c.behaviour))
			require.Equal(t, models.PromotionFailed, p.State)
			require.Contains(t, p.Reason, c.reason)
			require.Equal(t, one, h.stable("production"))
			_, status := h.post()
			require.Equal(t, 200, status)
			h.gone(2)
		})
	}
}

func TestImageThatCannotBeBuilt(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production()})
	v := h.version(serving(0))
	h.wont[1] = models.Errorf(models.KindInvalid, "no runtime takes this flavour")
	p := h.live("production", v)
	require.Equal(t, models.PromotionFailed, p.State)
	require.Contains(t, p.Reason, "no runtime takes this flavour")
}

func TestBuilderThatIsAwayIsAskedAgain(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production()})
	v := h.version(serving(0))
	h.mu.Lock()
	h.wont[1] = models.Errorf(models.KindUnavailable, "the artifact store is away")
	h.mu.Unlock()
	id := h.promote("production", v).ID
	require.Eventually(t, func() bool { h.mu.Lock(); defer h.mu.Unlock(); return h.builds[1] > 0 }, waitFor, pollEach)
	h.mu.Lock()
	delete(h.wont, 1)
	h.mu.Unlock()
	h.until(id, models.PromotionSucceeded)
}

func TestNoRoomIsSaidBeforeAnythingShifts(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production(func(spec *models.EnvironmentSpec) {
		spec.Serving.Replicas, spec.Serving.MemoryBytes = 3, 1<<30
	})})
	h.images[""] = deploytest.Behaviour{Capacity: deploy.Capacity{MemoryBytes: 2 << 30}}
	p := h.live("production", h.version(serving(0)))
	require.Equal(t, models.PromotionFailed, p.State)
	require.Contains(t, p.Reason, "3 instances need 3072 MiB of memory, target process has 2048 MiB left")
}

func TestDeadInstanceIsRestarted(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production(func(spec *models.EnvironmentSpec) { spec.Serving.Replicas = 2 })})
	h.live("production", h.version(serving(0)))
	h.kill(1, 1)
	require.Eventually(t, func() bool { return h.status("production").Releases[0].Ready == 2 }, waitFor, pollEach)
	_, status := h.post()
	require.Equal(t, 200, status)
}

func TestOrphansAreStoppedAndStrangersAreNot(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production()})
	h.live("production", h.version(serving(0)))
	for id, server := range map[string]string{"orphan": h.db.ServerID(), "stranger": "another server"} {
		_, err := h.target.Start(t.Context(), deploy.InstanceSpec{ID: id, Server: server, ImageDigest: digest(1)})
		require.NoError(t, err)
	}
	state := func(id string) deploy.State {
		i, err := h.target.Inspect(t.Context(), id)
		require.NoError(t, err)
		return i.State
	}
	require.Eventually(t, func() bool { return state("orphan") == deploy.StateGone }, waitFor, pollEach)
	require.Equal(t, deploy.StateReady, state("stranger"))
}

func TestRestartAtEveryPoint(t *testing.T) {
	t.Parallel()
	for _, at := range []models.PromotionState{models.PromotionBuilding, models.PromotionShifting, models.PromotionPaused, models.PromotionSucceeded} {
		t.Run(string(at), func(t *testing.T) {
			t.Parallel()
			h := open(t, map[string]models.EnvironmentSpec{"production": production()})
			h.live("production", h.version(serving(0)))
			two := h.version(serving(0))
			if at == models.PromotionBuilding {
				h.hold = make(chan struct{})
			}
			if at == models.PromotionSucceeded {
				h.load()
			}
			id := h.promote("production", two).ID
			h.until(id, at, models.PromotionPaused)
			h.mu.Lock()
			h.hold = nil // the build that is under way goes on waiting
			h.mu.Unlock()
			h.again()
			h.load()
			h.until(id, models.PromotionSucceeded)
			require.Equal(t, two, h.stable("production"))
			for _, id := range h.ids(2) {
				require.Equal(t, 1, h.target.Starts(id), "an instance that lived on was not started twice")
			}
		})
	}
}

func TestServerThatStopsEndsItsInstancesAndTheNextBringsThemBack(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production()})
	h.bound = []string{"process"}
	h.again()
	h.live("production", h.version(serving(0)))
	ids := h.ids(1)
	h.stop()
	i, err := h.target.Inspect(t.Context(), ids[0])
	require.NoError(t, err)
	require.Equal(t, deploy.StateGone, i.State)
	h.start()
	require.Eventually(t, func() bool { _, status := h.post(); return status == 200 }, waitFor, pollEach)
	require.Equal(t, ids, h.ids(1))
}
