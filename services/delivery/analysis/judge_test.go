package analysis_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/delivery/analysis"
)

// traffic is a made stream of requests over two releases.
type traffic struct {
	newRate, stableRate float64 // of failures
	weight              float64
	delta, alpha        float64
	requests            int // given up after so many
	swing               bool
}

// outcome is the first verdict of one stream, looked for every 25 requests.
func (tr traffic) outcome(seed uint64) (models.AnalysisVerdict, int) {
	random := rand.New(rand.NewPCG(seed, 7))
	var tally analysis.Tally
	for i := 1; i <= tr.requests; i++ {
		hard, weight := 0.0, tr.weight
		if tr.swing && (i/500)%2 == 1 { // a hard minute, while more goes to the new release
			hard, weight = 0.3, 2*weight
		}
		if random.Float64() < weight {
			tally.AddNew(random.Float64() < tr.newRate+hard)
		} else {
			tally.AddStable(random.Float64() < tr.stableRate+hard)
		}
		if i%25 == 0 {
			if v := analysis.Decide(tally, tr.delta, tr.alpha); v != models.AnalysisNotYet {
				return v, i
			}
		}
	}
	return models.AnalysisNotYet, tr.requests
}

func TestVerdictsOverManyLooks(t *testing.T) {
	t.Parallel()
	const runs = 200
	cases := map[string]struct {
		traffic
		want    models.AnalysisVerdict
		atLeast float64 // share of runs that end with want
		median  int     // requests of both releases, at most
	}{
		"the demo's canary, 8 % against none, is found worse within a minute at 40 a second": {
			traffic{newRate: .083, weight: .25, delta: .05, alpha: .05, requests: 20_000}, models.AnalysisWorse, 0.95, 2400,
		},
		"a release that fails nearly half is found at once": {
			traffic{newRate: .42, weight: .25, delta: .05, alpha: .05, requests: 5_000}, models.AnalysisWorse, 1, 150,
		},
		"two faultless releases are no worse soon": {
			traffic{weight: .25, delta: .05, alpha: .05, requests: 5_000}, models.AnalysisNoWorse, 1, 600,
		},
		"two equally faulty releases are no worse": {
			traffic{newRate: .02, stableRate: .02, weight: .25, delta: .05, alpha: .05, requests: 20_000}, models.AnalysisNoWorse, 0.97, 1500,
		},
		"a better release is no worse": {
			traffic{newRate: .01, stableRate: .2, weight: .25, delta: .05, alpha: .05, requests: 20_000}, models.AnalysisNoWorse, 1, 1000,
		},
		"a strict promise takes more requests": {
			traffic{weight: .25, delta: .01, alpha: .05, requests: 20_000}, models.AnalysisNoWorse, 1, 2600,
		},
		"a small canary of a faulty release is found": {
			traffic{newRate: .1, weight: .05, delta: .01, alpha: .05, requests: 20_000}, models.AnalysisWorse, 0.97, 2500,
		},
		"hard minutes that hit both are not held against the one with more traffic in them": {
			traffic{newRate: .01, stableRate: .01, weight: .2, delta: .05, alpha: .05, requests: 40_000, swing: true}, models.AnalysisNoWorse, 0.95, 12_000,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var hits int
			var took []int
			for seed := range uint64(runs) {
				got, n := c.outcome(seed)
				if got == c.want {
					hits++
				}
				took = append(took, n)
			}
			slices.Sort(took)
			require.GreaterOrEqual(t, float64(hits)/runs, c.atLeast)
			require.LessOrEqual(t, took[runs/2], c.median)
			t.Logf("%d of %d, requests: median %d, 90 %% %d", hits, runs, took[runs/2], took[runs*9/10])
		})
	}
}

func TestFalseVerdictsStayBelowAlpha(t *testing.T) {
	t.Parallel()
	const runs = 300
	cases := map[string]traffic{
		"exactly delta apart, stable faultless": {newRate: .05, weight: .25, delta: .05, requests: 6000},
		"exactly delta apart, stable faulty":    {newRate: .15, stableRate: .10, weight: .5, delta: .05, requests: 6000},
		"exactly delta apart, small canary":     {newRate: .03, stableRate: .02, weight: .05, delta: .01, requests: 6000},
		"exactly delta apart, hard minutes":     {newRate: .06, stableRate: .01, weight: .2, delta: .05, requests: 6000, swing: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.alpha = 0.05
			verdicts := map[models.AnalysisVerdict]int{}
			for seed := range uint64(runs) {
				got, _ := c.outcome(seed)
				verdicts[got]++
			}
			t.Log(verdicts)
			// Three standard errors of a share of 5 % in so many runs.
			const bound = runs * (0.05 + 3*0.0126)
			require.LessOrEqual(t, float64(verdicts[models.AnalysisWorse]), bound)
			require.LessOrEqual(t, float64(verdicts[models.AnalysisNoWorse]), bound)
		})
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		tally func(*analysis.Tally)
		want  models.AnalysisVerdict
	}{
		"no traffic is not yet":            {func(*analysis.Tally) {}, models.AnalysisNotYet},
		"traffic on one side alone is not": {func(ta *analysis.Tally) { add(ta, 500, 500, 0, 0) }, models.AnalysisNotYet},
		"nor on the other":                 {func(ta *analysis.Tally) { add(ta, 0, 0, 500, 0) }, models.AnalysisNotYet},
		"one failure is no verdict":        {func(ta *analysis.Tally) { add(ta, 1, 1, 3, 0) }, models.AnalysisNotYet},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var tally analysis.Tally
			c.tally(&tally)
			a := analysis.Judge(tally, 0.05, 0.05)
			require.Equal(t, c.want, a.Verdict)
			require.LessOrEqual(t, a.Lower, a.Upper)
			require.NotEmpty(t, a.Reason)
		})
	}
}

func TestIntervalCoversAndNarrows(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 3))
	var tally analysis.Tally
	width := 2.0
	for i := range 6000 {
		if random.Float64() < 0.5 {
			tally.AddNew(random.Float64() < 0.3)
		} else {
			tally.AddStable(random.Float64() < 0.1)
		}
		if i == 500 || i == 5999 {
			a := analysis.Judge(tally, 0.05, 0.05)
			require.Less(t, a.Lower, 0.2)
			require.Greater(t, a.Upper, 0.2)
			require.Less(t, a.Upper-a.Lower, width)
			width = a.Upper - a.Lower
		}
	}
	require.Less(t, width, 0.15)
}

func TestTallySurvivesJSON(t *testing.T) {
	t.Parallel()
	var tally, back analysis.Tally
	add(&tally, 103, 7, 311, 2)
	text, err := json.Marshal(tally)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, tally, back)
	require.Equal(t, analysis.Judge(tally, .05, .05), analysis.Judge(back, .05, .05))
}

func TestBurst(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		failures, deaths int
		thenGood         bool
		want             bool
	}{
		"nothing":                           {},
		"19 failures in a row":              {failures: 19},
		"20 failures in a row":              {failures: 20, want: true},
		"20 failures, then a good one":      {failures: 20, thenGood: true},
		"two deaths":                        {deaths: 2},
		"three deaths and not one request":  {deaths: 3, want: true},
		"three deaths between good answers": {deaths: 3, thenGood: true, want: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var tally analysis.Tally
			for range c.failures {
				tally.AddNew(true)
			}
			if c.thenGood {
				tally.AddNew(false)
			}
			reason, ok := analysis.Burst(tally, c.deaths, models.BurstSpec{Deaths: 3, Failures: 20})
			require.Equal(t, c.want, ok)
			require.Equal(t, c.want, reason != "")
		})
	}
}

func TestForecast(t *testing.T) {
	t.Parallel()
	need, ok := analysis.Forecast(40, 25, 0, .05, .05)
	require.True(t, ok)
	require.InDelta(t, 12, need.Seconds(), 5) // as the simulation has it: some 450 requests
	slow, ok := analysis.Forecast(1, 5, 0, .01, .05)
	require.True(t, ok)
	require.Greater(t, slow, time.Hour)
	_, ok = analysis.Forecast(0, 25, 0, .05, .05)
	require.False(t, ok, "no traffic is no forecast")
	_, ok = analysis.Forecast(100, 25, 0, 0, .05)
	require.False(t, ok, "no number of requests shows a difference of exactly none")
	_, ok = analysis.Forecast(100, 100, 0, .05, .05)
	require.False(t, ok, "with all traffic on the new release nothing is compared")
}

func add(t *analysis.Tally, newRequests, newFailures, stableRequests, stableFailures int) {
	for i := range max(newRequests, stableRequests) {
		if i < newRequests {
			t.AddNew(i < newFailures)
		}
		if i < stableRequests {
			t.AddStable(i < stableFailures)
		}
	}
}
