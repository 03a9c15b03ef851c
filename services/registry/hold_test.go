package registry_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// released puts a version into production, where it takes the traffic.
func (h house) released(t *testing.T, v models.Version) (r models.Release) {
	t.Helper()
	require.NoError(t, h.db.InTx(t.Context(), func(tx storage.Tx) error {
		env, err := tx.Environments().Ensure(v.ModelID, "production")
		if err != nil {
			return err
		}
		p, err := tx.Promotions().Create(models.Promotion{EnvironmentID: env.ID, VersionID: v.ID, State: models.PromotionSucceeded})
		if err != nil {
			return err
		}
		r, err = tx.Releases().Create(models.Release{EnvironmentID: env.ID, VersionID: v.ID, PromotionID: p.ID, ImageDigest: "sha256:0"})
		if err != nil {
			return err
		}
		live := time.Unix(1, 0)
		if err := tx.Releases().SetLife(r.ID, models.ReleaseLife{State: models.ReleaseLive, LiveAt: &live}); err != nil {
			return err
		}
		return tx.Environments().SetStable(env.ID, r.ID)
	}))
	return r
}

func TestWhatAReleaseNeedsStays(t *testing.T) {
	t.Parallel()
	h := build(t)
	one, two := h.register(t), h.register(t)
	for _, alias := range []string{"production", "champion"} {
		require.NoError(t, h.registry.SetAlias(t.Context(), "m", alias, 1))
	}
	h.released(t, one)
	_, _, renamed := h.registry.RenameModel(t.Context(), "m", "n")
	for name, err := range map[string]error{
		"the version": h.registry.DeleteVersion(t.Context(), "m", one.Number), "the model": h.registry.DeleteModel(t.Context(), "m"),
		"its name": renamed, "the environment's alias": h.registry.DeleteAlias(t.Context(), "m", "production"),
	} {
		require.True(t, models.IsKind(err, models.KindConflict), "%s: %v", name, err)
		require.ErrorContains(t, err, "production", name)
	}
	require.NoError(t, h.registry.DeleteAlias(t.Context(), "m", "champion"))
	require.NoError(t, h.registry.DeleteVersion(t.Context(), "m", two.Number))
}

// promoter answers as delivery does for a model with the environment production.
type promoter struct {
	asked []int64
	err   error
}

func (p *promoter) AliasRequested(_ context.Context, _, alias string, version int64) (bool, error) {
	if alias != "production" {
		return false, nil
	}
	p.asked = append(p.asked, version)
	return true, p.err
}

func TestAnEnvironmentsAliasIsARequest(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.register(t)
	h.register(t)
	p := &promoter{}
	h.registry.Promoter = p

	require.NoError(t, h.registry.SetAlias(t.Context(), "m", "production", 2))
	require.NoError(t, h.registry.SetAlias(t.Context(), "m", "candidate", 2))
	v, err := h.registry.Transition(t.Context(), "m", 1, "PRODUCTION", true)
	require.NoError(t, err)
	require.Equal(t, models.StageNone, v.Stage, "the stage follows when the release is live")
	v, err = h.registry.Transition(t.Context(), "m", 1, "staging", false)
	require.NoError(t, err)
	require.Equal(t, models.StageStaging, v.Stage)
	require.Equal(t, []int64{2, 1}, p.asked)
	m, _, err := h.registry.Model(t.Context(), "m")
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"candidate": 2}, m.Aliases)

	require.True(t, models.IsKind(h.registry.SetAlias(t.Context(), "m", "candidate", 3), models.KindNotFound), "no such version")
	p.err = models.Errorf(models.KindConflict, "it failed its validation")
	require.ErrorIs(t, h.registry.SetAlias(t.Context(), "m", "production", 2), p.err)
	_, err = h.registry.Transition(t.Context(), "m", 2, "Production", false)
	require.ErrorIs(t, err, p.err)
}
