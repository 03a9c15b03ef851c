package cli

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/openapi/client"
)

func TestAStepWithoutAVerdictSaysWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p := client.Promotion{
		State: client.PromotionStateShifting, Step: 1,
		Steps:    []client.RolloutStep{{Weight: 50, HoldSeconds: 2, StartedAt: began}, {Weight: 100}},
		Analysis: []client.Analysis{{Verdict: client.AnalysisVerdictNotYet, Step: 1, At: began.Add(time.Second)}},
	}
	require.Equal(t, "step 1 of 2: 50 % of the traffic, held for 2s", stage(p), "the hold is not over")

	p.Analysis[0].At = began.Add(3 * time.Second)
	require.Equal(t, "step 1 of 2: 50 % of the traffic, held for 2s; waits for more requests, not enough yet for a verdict", stage(p))

	p.Analysis[0].Verdict = client.AnalysisVerdictNoWorse
	require.Equal(t, "step 1 of 2: 50 % of the traffic, held for 2s", stage(p))
}
