package delivery

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
)

func TestTransitions(t *testing.T) {
	t.Parallel()
	all := states{pending, gated, building, deploying, shifting, paused, succeeded, refused, failed, rolledBack, cancelled, superseded}
	cases := map[event]map[models.PromotionState]models.PromotionState{
		pass:      {pending: gated},
		refuse:    {pending: refused, gated: refused, deploying: refused},
		build:     {gated: building},
		built:     {building: deploying},
		restart:   {pending: deploying},
		shift:     {deploying: shifting, shifting: shifting, paused: shifting},
		hold:      {shifting: paused},
		pause:     {shifting: paused, paused: paused},
		resume:    {paused: shifting},
		succeed:   {pending: succeeded, deploying: succeeded, shifting: succeeded, paused: succeeded},
		fail:      {pending: failed, gated: failed, building: failed, deploying: failed, shifting: failed, paused: failed},
		rollBack:  {building: rolledBack, deploying: rolledBack, shifting: rolledBack, paused: rolledBack},
		cancel:    {pending: cancelled, gated: cancelled, building: cancelled, deploying: cancelled, shifting: cancelled, paused: cancelled},
		supersede: {pending: superseded, gated: superseded, building: superseded, deploying: superseded, shifting: superseded, paused: superseded},
	}
	require.Len(t, cases, len(transitions))
	for on, want := range cases {
		for _, from := range all {
			to, err := next(models.Promotion{ID: 7, State: from}, on)
			if want[from] != "" {
				require.NoError(t, err, "%s when %s", on, from)
				require.Equal(t, want[from], to, "%s when %s", on, from)
				continue
			}
			require.True(t, models.IsKind(err, models.KindConflict), "%s when %s leads to %q", on, from, to)
		}
	}
	for _, s := range all {
		require.False(t, s.Final() && s.Active(), "%s", s)
	}
}
